"""Sums from events alone; what is told twice, or missing; and events that wait for a snapshot."""

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import pytest

import reconciliation.gate
from reconciliation.findings import Kind
from reconciliation.gate import Gap, Gate
from reconciliation.tallies import BALANCES, Tally, digest_of, open_clearing
from schemas.journal_topic import JournalEntry, JournalLine

TENANT, LOAN, OTHER = uuid4(), uuid4(), uuid4()
AT = datetime(2026, 2, 2, 8, tzinfo=UTC)


def line(
    account_code: str, direction: str, amount_minor: int, loan_id: UUID | None = LOAN
) -> JournalLine:
    return JournalLine(
        sequence=1,
        account_code=account_code,
        direction=direction,
        amount_minor=amount_minor,
        currency="USD",
        layer="SETTLED",
        loan_id=loan_id,
    )


def entry(
    entry_seq: int, *lines: JournalLine, partition_id: int = 3, correlation_id: UUID | None = None
) -> JournalEntry:
    return JournalEntry(
        partition_id=partition_id,
        entry_seq=entry_seq,
        tenant_id=TENANT,
        journal_entry_id=uuid4(),
        part=0,
        event_type="payment_received",
        event_id=uuid4(),
        effective_on=date(2026, 2, 1),
        booked_on=date(2026, 2, 2),
        posted_at=AT,
        correlation_id=correlation_id or uuid4(),
        actor="test",
        metadata={},
        details={},
        command_offset=entry_seq,
        entry_hash=bytes(32),
        lines=lines,
    )


DISBURSED = (line("1100", "DR", 1000), line("2000", "CR", 1000))
PAID = (
    *(line("1000", "DR", 700), line("1300", "CR", 5), line("1200", "CR", 8)),
    *(line("1100", "CR", 600), line("2100", "CR", 87)),
)


def balances(tally: Tally, loan_id: UUID = LOAN) -> tuple[int, ...]:
    return BALANCES.unpack(tally.loans[TENANT.bytes + loan_id.bytes])


def test_a_loan_and_each_day_of_each_account_are_the_sums_of_their_lines() -> None:
    tally = Tally(3)
    tally.apply(entry(1, *DISBURSED), 10)
    tally.apply(entry(2, *PAID), 11)
    assert balances(tally) == (400, -8, -5, 87, 1000)
    day = (TENANT.bytes, "1100", "USD", "SETTLED", date(2026, 2, 2), date(2026, 2, 2))
    assert tally.days[day] == [1000, 600]
    assert (tally.entry_seq, list(tally.offsets)) == (2, [10, 11])


def test_a_line_of_another_layer_or_of_no_loan_moves_no_loan() -> None:
    tally = Tally(3)
    tally.apply(
        entry(1, replace(line("1100", "DR", 9), layer="PENDING"), line("1000", "DR", 9, None)), 0
    )
    assert tally.loans == {}


def test_an_entry_that_is_not_due_is_never_added() -> None:
    with pytest.raises(ValueError, match="not due"):
        Tally(3).apply(entry(2, *PAID), 0)


@pytest.mark.parametrize(
    "other",
    [
        {"direction": "CR"},
        {"amount_minor": 701},
        {"account_code": "1100"},
        {"loan_id": OTHER},
        {"external_ref": "x"},
        {"layer": "PENDING"},
    ],
)
def test_a_digest_sees_every_member_of_a_line(other: dict[str, object]) -> None:
    whole = entry(1, *PAID)
    changed = replace(whole, lines=(replace(PAID[0], **other), *PAID[1:]))  # type: ignore[arg-type]
    assert digest_of(whole) == digest_of(replace(whole)) != digest_of(changed)


def test_clearing_stands_open_until_the_other_partition_has_posted() -> None:
    old, new, request = Tally(3), Tally(4), uuid4()
    old.apply(entry(1, line("2200", "DR", 50), correlation_id=request), 0)
    [(key, opened)] = open_clearing([old, new]).items()
    assert (key[1], opened.open_minor, opened.loan_id) == (request, -50, LOAN)
    new.apply(entry(1, line("2200", "CR", 50, OTHER), partition_id=4, correlation_id=request), 0)
    assert open_clearing([old, new]) == {}


def test_events_wait_for_the_snapshot_each_at_its_own_position() -> None:
    gate = Gate()
    gate.bring(3, entry(1, *DISBURSED), 0)
    gate.close()
    for seq in (2, 3):
        gate.bring(3, entry(seq, *DISBURSED), seq)
    assert gate.stands_at() == {3: 1}
    gate.open_to({3: 2, 5: 0})
    assert gate.wait_for({3: 2, 5: 0}, 1) == {}
    gate.bring(3, entry(4, *DISBURSED), 4)
    assert gate.stands_at() == {3: 2}
    gate.open()
    assert gate.stands_at() == {3: 4}
    assert balances(gate.tally_of(3))[0] == 4000


def test_events_wait_on_the_topic_once_those_in_memory_have_many_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reconciliation.gate, "MOST_LINES_WAITING", 7)
    gate = Gate()
    gate.close()
    gate.bring(3, entry(1, *PAID), 1)
    assert not gate.is_full()
    gate.bring(5, entry(1, *DISBURSED, partition_id=5), 1)
    assert gate.is_full()
    gate.open_to({5: 1})
    assert not gate.is_full()
    gate.bring(5, entry(2, *DISBURSED, partition_id=5), 2)
    gate.open()
    gate.close()
    gate.bring(3, entry(2, *PAID), 2)
    assert not gate.is_full()


def test_what_does_not_come_in_time_is_behind_and_no_finding() -> None:
    gate = Gate()
    assert gate.wait_for({3: 1}, 0.01) == {3: 0}
    assert gate.faults() == []


def test_an_event_told_twice_counts_once_and_a_gap_is_told() -> None:
    gate = Gate()
    for _ in range(2):
        assert gate.bring(3, entry(1, *DISBURSED), 0) is None
    assert balances(gate.tally_of(3))[0] == 1000
    gap = gate.bring(3, entry(4, *DISBURSED), 9)
    assert gap == Gap(3, due_seq=2, entry_seq=4, after_offset=0, offset=9)
    gate.note_gap(gap)
    assert gate.bring(3, entry(2, *DISBURSED), 1) is None
    assert gate.stands_at()[3] == 1  # behind a gap nothing is added
    [finding] = gate.faults()
    assert (finding.kind, finding.entry_seq) == (Kind.EVENT_MISSING, 2)
