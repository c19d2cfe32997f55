"""What a promotion compares, refuses, takes over and reserves, without Kafka."""

import dataclasses
from datetime import date

import pytest

from hpts.rebuilding.schema import SchemaRefused
from hpts.rebuilding.source import Facts
from schemas.commands import AccrualChunk, PeriodClose
from schemas.partitioning import NO_LOAN
from tests.books import ledger
from tests.rebuilding.memory_log import HOME, LOAN, Log, Rebuilt, paid

STRANGE_LOAN = next(
    loan for loan in map(ledger.loan_number, range(100, 200)) if ledger.owner_of(loan) == HOME
)


CUT = (
    "UPDATE hpts.partitions AS p SET last_entry_seq = 2, chain_head = e.entry_hash "
    "FROM hpts.journal_entries AS e WHERE p.partition_id = e.partition_id AND e.entry_seq = 2"
)


def with_a_refusal() -> Log:
    """Offset 2 is refused and brings no entry: no chain can tell whether it was decided at all."""
    log = paid([10_00])
    log.append(ledger.payment("pay:nobody", STRANGE_LOAN))
    log.append(ledger.payment("pay:last", LOAN))
    return log


@pytest.mark.parametrize(
    ("lived", "facts", "edit", "told"),
    [
        (with_a_refusal(), Facts({}, {(HOME, 1, 1, LOAN): "broke, once"}), "",
         "quarantine of 1 at 1 in the live books alone"),
        (with_a_refusal(), Facts({(HOME, 2): "unsigned: once"}, {}), "",
         "dead letter of 2 at 2 in the live books alone"),
        (paid([10_00 ^ 1, 10_00, 10_00]), Facts(), "",
         "the journal up to entry 4, the last live one"),
        (with_a_refusal(), Facts(), CUT, "the journal up to entry 2, the last live one"),
    ],
    ids=["quarantine", "dead-letter", "entry", "cut"],
)  # fmt: skip
def test_other_books_are_replaced_only_where_that_is_said(
    rebuilt: Rebuilt, lived: Log, facts: Facts, edit: str, told: str
) -> None:
    rebuilt.replay("lived", lived, facts)
    rebuilt.promote("lived", second=1)
    if edit:
        rebuilt.ask(edit)
    rebuilt.replay("rebuilt", with_a_refusal())

    with pytest.raises(SchemaRefused, match=f"partition {HOME}: {told}.*--despite-differences"):
        rebuilt.promote("rebuilt", second=2)

    assert rebuilt.ask("SELECT count(*) FROM rebuilt.journal_entries") == [(3,)]
    promoted = rebuilt.promote("rebuilt", second=3, despite_differences=True)
    assert promoted.differences == (f"partition {HOME}: {told}",)
    assert rebuilt.ask("SELECT count(*) FROM hpts.journal_entries") == [(3,)]


def test_books_that_only_went_less_far_are_replaced_unasked(rebuilt: Rebuilt) -> None:
    rebuilt.replay("lived", paid([10_00]))
    rebuilt.promote("lived", second=1)
    further = Facts({(HOME, 2): "unsigned: later"}, {})
    rebuilt.replay("rebuilt", paid([10_00, 20_00, 30_00]), further)

    assert rebuilt.promote("rebuilt", second=2).differences == ()

    assert rebuilt.ask("SELECT count(*) FROM hpts.journal_entries") == [(3,)]


def test_only_what_the_log_cannot_give_again_is_taken_over(rebuilt: Rebuilt) -> None:
    """Of wrong books a follow-up may be wrong, too; right ones come of the log by themselves."""
    log = paid([10_00])
    log.records[HOME].append(dataclasses.replace(log.records[HOME][1], offset=2, headers=()))
    log.append(PeriodClose(**ledger.envelope("close:one"), closed_through=date(2026, 1, 31)))
    rebuilt.replay("lived", log)
    rebuilt.promote("lived", second=1)
    rebuilt.ask("DELETE FROM hpts.outgoing_commands; DELETE FROM hpts.outgoing_dead_letters")
    rebuilt.ask(
        "INSERT INTO hpts.outgoing_commands (partition_id, tenant_id, idempotency_key, kind, "
        "to_partition, record_key, record_value) VALUES "
        f"(0, '{ledger.TENANT}', 'batch/0/0', 'chunk', 0, '', 'a chunk'), "
        f"(0, '{ledger.TENANT}', 'wrong/opening', 'follow_up', 0, '', 'a wrong one')"
    )
    rebuilt.replay("rebuilt", log)

    rebuilt.promote("rebuilt", second=2)

    queued = rebuilt.ask("SELECT kind, idempotency_key FROM hpts.outgoing_commands ORDER BY 1, 2")
    closes = [("follow_up", f"close:one/{partition}") for partition in range(ledger.PARTITIONS)]
    assert queued == [("chunk", "batch/0/0"), *closes]
    assert rebuilt.ask("SELECT count(*) FROM hpts.outgoing_dead_letters") == [(1,)]


def chunk(key: str, number: int, of: int) -> AccrualChunk:
    """One part of a batch, on the home partition."""
    made = ledger.accrual(key, HOME, [LOAN], day=5 + number)
    return dataclasses.replace(
        made, idempotency_key=f"{key}/{HOME}/{number}", chunks_total=of, loans_total=of
    )


def test_a_batch_s_key_is_reserved_where_all_of_it_is_known(rebuilt: Rebuilt) -> None:
    """Its other parts are its client's alone, who must be able to send them again."""
    log = paid([10_00])
    for number in range(2):
        log.append(chunk("batch:whole", number, 2))
        log.append(chunk("batch:waiting", number, 2))
        log.append(chunk("batch:partly", number, 3))
        log.append(chunk("batch:queued", number, 3))
    rebuilt.ask(
        "INSERT INTO hpts.outgoing_commands (partition_id, tenant_id, idempotency_key, kind, "
        "to_partition, record_key, record_value) VALUES "
        f"(0, '{ledger.TENANT}', 'batch:queued/{HOME}/2', 'chunk', {HOME}, '', 'a chunk')"
    )
    waits = (HOME, 3, 3, NO_LOAN)
    rebuilt.replay("rebuilt", log, Facts({}, {waits: "broke as a whole"}))
    assert rebuilt.ask("SELECT idempotency_key FROM rebuilt.quarantined_commands") == [
        (f"batch:waiting/{HOME}/0",)
    ]

    done = rebuilt.promote("rebuilt")

    keys = rebuilt.ask("SELECT idempotency_key FROM hpts_edge.idempotency_reservations ORDER BY 1")
    whole = ["batch:queued", "batch:waiting", "batch:whole"]
    assert [key for (key,) in keys] == [*whole, "open", "pay:0"]
    assert done.reservations == len(keys)
