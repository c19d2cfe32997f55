"""One bad command stops one loan: what breaks is held, what follows waits, an operator decides."""

from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest

from schemas import codec
from schemas.commands import PeriodClosed
from tests.books import ledger
from tests.books.breaking import (
    BREAKING_MINOR,
    HOME,
    LOAN,
    OTHER,
    REFUSED_MINOR,
    Case,
    adjustment,
)

BROKEN = {"refused by postgres": REFUSED_MINOR, "a broken rule": BREAKING_MINOR}
BROKEN["a bug"] = BREAKING_MINOR + 1


@pytest.mark.parametrize("amount_minor", BROKEN.values(), ids=BROKEN.keys())
def test_one_bad_command_stops_its_loan_and_no_other(case: Case, amount_minor: int) -> None:
    case.take(ledger.disbursement("open:1", LOAN), ledger.disbursement("open:2", OTHER))

    case.take(
        ledger.payment("good:1", LOAN, 1_00),
        ledger.payment("bad", LOAN, amount_minor),
        ledger.payment("other:1", OTHER, 2_00),
        ledger.payment("behind", LOAN, 3_00),
    )
    case.take(ledger.payment("behind:2", LOAN, 4_00), ledger.payment("other:2", OTHER, 5_00))

    assert case.waiting() == [("bad", True), ("behind", False), ("behind:2", False)]
    assert [case.status(key) for key in ("good:1", "other:1", "other:2")] == ["posted"] * 3
    assert [case.status(key) for key in ("bad", "behind", "behind:2")] == [None] * 3
    assert case.is_quarantined(LOAN)
    assert not case.is_quarantined(OTHER)
    told = {o.idempotency_key: o.status for o in case.engine.announced}
    assert told["bad"] == told["behind"] == "quarantined"
    assert case.run("SELECT next_offset FROM hpts.partitions WHERE partition_id = %s", HOME) == [
        (8,)
    ]


def test_resuming_decides_everything_again_in_order_at_the_time_of_the_resume(case: Case) -> None:
    case.take(ledger.disbursement("open:1", LOAN))
    case.take(ledger.payment("bad", LOAN, REFUSED_MINOR), ledger.payment("next", LOAN, 1_00))
    case.take(ledger.payment("last", LOAN, 99_999_00), ledger.disbursement("open:2", OTHER))
    case.mend()

    case.take(ledger.resume("resume:1", case.row_of("bad")))

    assert case.waiting() == []
    assert not case.is_quarantined(LOAN)
    resumed_at = ledger.BEGINNING + timedelta(seconds=5)
    posted = case.run(
        "SELECT o.idempotency_key, o.command_offset, o.resumed_offset, e.posted_at "
        "FROM hpts.command_outcomes AS o JOIN hpts.journal_entries AS e "
        "USING (partition_id, command_offset) WHERE o.resumed_offset IS NOT NULL "
        "ORDER BY e.entry_seq"
    )
    assert posted == [
        ("bad", 1, 5, resumed_at),
        ("next", 2, 5, resumed_at),
        ("last", 3, 5, resumed_at),
    ]
    outcome = case.outcome("resume:1")
    assert outcome is not None
    status, result = outcome
    assert status == "posted"
    assert [one["status"] for one in result["commands"]] == ["posted"] * 3
    assert result["waiting_count"] == 0
    announced = [o for o in case.engine.announced if o.idempotency_key == "bad"]
    assert [(o.status, o.command_offset) for o in announced] == [("quarantined", 1), ("posted", 5)]


def test_what_breaks_again_stays_and_so_does_what_is_behind_it(case: Case) -> None:
    case.take(ledger.disbursement("open:1", LOAN))
    case.take(ledger.payment("bad:1", LOAN, REFUSED_MINOR), ledger.payment("good", LOAN, 1_00))
    case.take(ledger.payment("bad:2", LOAN, BREAKING_MINOR), ledger.payment("last", LOAN, 2_00))
    first = case.row_of("bad:1")

    case.take(ledger.resume("resume:1", first))
    assert case.waiting() == [("bad:1", True), ("good", False), ("bad:2", False), ("last", False)]

    case.mend()
    case.take(ledger.resume("resume:2", case.row_of("last")))
    assert case.waiting() == [("bad:2", True), ("last", False)]
    assert case.is_quarantined(LOAN)
    assert case.run(
        "SELECT decided_offset, command_offset FROM hpts.quarantines ORDER BY 1, 2"
    ) == [(1, 1), (5, 1), (6, 3)]

    case.take(ledger.reject("reject:1", case.row_of("bad:2")))
    assert case.waiting() == []
    assert case.code("bad:2") == "rejected_by_operator"
    assert case.status("last") == "posted"
    assert not case.is_quarantined(LOAN)


def test_several_that_postgres_refuses_again_are_each_found(case: Case) -> None:
    case.take(ledger.disbursement("open:1", LOAN))
    case.take(ledger.payment("bad:0", LOAN, BREAKING_MINOR))
    keys = [f"behind:{n}" for n in range(9)]
    case.take(
        *(ledger.payment(k, LOAN, REFUSED_MINOR if n == 5 else 1_00) for n, k in enumerate(keys))
    )

    case.take(ledger.reject("reject:1", case.row_of("bad:0")))

    assert [case.status(key) for key in keys[:5]] == ["posted"] * 5
    assert case.waiting() == [
        ("behind:5", True),
        ("behind:6", False),
        ("behind:7", False),
        ("behind:8", False),
    ]


def test_a_command_rejected_out_of_turn_lets_nothing_pass_the_one_before_it(case: Case) -> None:
    case.take(ledger.disbursement("open:1", LOAN))
    case.take(ledger.payment("bad", LOAN, BREAKING_MINOR), ledger.payment("middle", LOAN, 1_00))
    case.take(ledger.payment("last", LOAN, 2_00))

    case.take(ledger.reject("reject:1", case.row_of("middle")))

    assert case.code("middle") == "rejected_by_operator"
    assert case.waiting() == [("bad", True), ("last", False)]


def test_a_duplicate_of_what_waits_is_not_queued_twice(case: Case) -> None:
    case.take(ledger.disbursement("open:1", LOAN), ledger.disbursement("open:2", OTHER))
    bad, behind = ledger.payment("bad", LOAN, BREAKING_MINOR), ledger.payment("behind", LOAN, 1_00)

    case.take(bad, behind, bad, behind)
    case.take(bad, behind, replace(ledger.payment("behind", OTHER, 5_00)))

    assert case.waiting() == [("bad", True), ("behind", False)]
    case.take(ledger.reject("reject:1", case.row_of("bad")), behind, bad)
    assert case.waiting() == []
    assert case.status("behind") == "posted"
    assert case.run(
        "SELECT count(*) FROM hpts.journal_entries WHERE event_type = 'payment_received'"
    ) == [(1,)]


def test_a_loan_that_does_not_exist_yet_is_quarantined_too(case: Case) -> None:
    case.take(ledger.disbursement("open:1", LOAN, REFUSED_MINOR), ledger.payment("pay", LOAN, 1_00))
    case.take(ledger.accrual("accrual:1", HOME, [LOAN], day=31))

    assert case.waiting() == [("open:1", True), ("pay", False)]
    assert case.code(f"accrual:1/{HOME}/0") == "accrual_rejected"

    case.mend()
    case.take(ledger.resume("resume:1", case.row_of("pay")))
    assert [case.status(key) for key in ("open:1", "pay")] == ["posted"] * 2
    assert not case.is_quarantined(LOAN)


def test_a_loan_that_opens_by_a_resume_and_breaks_at_once_says_so(case: Case) -> None:
    case.take(ledger.disbursement("open:1", LOAN, REFUSED_MINOR))
    case.take(ledger.payment("bad", LOAN, BREAKING_MINOR))
    case.mend()

    case.take(ledger.resume("resume:1", case.row_of("open:1")))

    assert case.waiting() == [("bad", True)]
    assert case.is_quarantined(LOAN)


def test_a_loan_whose_row_takes_no_change_is_quarantined_without_its_mark(case: Case) -> None:
    case.take(ledger.disbursement("open:1", LOAN), ledger.disbursement("open:2", OTHER))
    case.run(
        "ALTER TABLE hpts.loans ADD CONSTRAINT damaged CHECK (version < 1 OR loan_id <> "
        f"'{LOAN}') NOT VALID"
    )

    case.take(ledger.payment("bad", LOAN, 1_00), ledger.payment("other", OTHER, 1_00))
    case.take(ledger.payment("behind", LOAN, 1_00))

    assert case.waiting() == [("bad", True), ("behind", False)]
    assert case.status("other") == "posted"
    case.take(ledger.resume("resume:1", case.row_of("bad")))
    assert case.waiting() == [("bad", True), ("behind", False)]
    case.run("ALTER TABLE hpts.loans DROP CONSTRAINT damaged")
    case.take(ledger.resume("resume:2", case.row_of("bad")))
    assert case.waiting() == []


def test_what_concerns_no_loan_stands_for_itself(case: Case) -> None:
    """An adjustment without a loan breaks: what else concerns none waits; every loan goes on."""
    case.take(ledger.disbursement("open:1", LOAN))
    case.take(adjustment("bad", REFUSED_MINOR), adjustment("behind", 1_00))
    closed = PeriodClosed(
        **ledger.envelope(f"close/{HOME}"), closed_through=date(2026, 1, 31), partition_id=HOME
    )
    case.take(closed, ledger.payment("pay", LOAN, 1_00))

    assert case.waiting() == [("bad", True), ("behind", False), (f"close/{HOME}", False)]
    assert case.status("pay") == "posted"

    case.take(ledger.reject("reject:1", case.row_of(f"close/{HOME}")))
    assert case.code("reject:1") == "step_cannot_be_rejected"
    case.take(ledger.reject("reject:2", case.row_of("bad")))
    assert case.waiting() == []
    assert case.status(f"close/{HOME}") == "posted"


def test_what_was_resolved_cannot_be_resolved_again(case: Case) -> None:
    case.take(ledger.disbursement("open:1", LOAN), ledger.payment("bad", LOAN, BREAKING_MINOR))
    row = case.row_of("bad")
    rejection = ledger.reject("reject:1", row)

    case.take(rejection, rejection, ledger.resume("resume:1", row))

    assert case.status("reject:1") == "posted"
    assert case.code("resume:1") == "not_quarantined"


def test_a_refusal_is_an_outcome_and_quarantines_nothing(case: Case) -> None:
    case.take(ledger.payment("early", LOAN, 1_00), ledger.disbursement("open:1", LOAN))
    case.take(replace(ledger.payment("yen", LOAN, 1_00), currency="JPY"))
    case.take(ledger.payment("good", LOAN, 1_00))

    assert [case.code(key) for key in ("early", "yen")] == ["loan_not_found", "currency_mismatch"]
    assert case.status("good") == "posted"
    assert case.waiting() == []
    assert case.published() == []


def test_a_dry_run_never_waits_and_never_quarantines(case: Case) -> None:
    case.take(ledger.disbursement("open:1", LOAN))
    case.take(replace(ledger.payment("try:1", LOAN, BREAKING_MINOR), dry_run=True))
    assert case.waiting() == []
    case.take(ledger.payment("bad", LOAN, BREAKING_MINOR))
    case.take(replace(ledger.payment("try:2", LOAN, 1_00), dry_run=True))

    assert case.waiting() == [("bad", True)]
    told = {o.idempotency_key: (o.status, o.dry_run) for o in case.engine.announced}
    assert told["try:1"] == told["try:2"] == ("rejected", True)


def test_a_resume_decides_what_needs_the_journal_only_when_the_journal_has_it(case: Case) -> None:
    """Two shares reversed: the second must see the first gone, so it takes a resume of its own."""
    case.take(ledger.disbursement("open:1", LOAN))
    case.take(ledger.accrual("accrual:1", HOME, [LOAN], day=30))
    case.take(ledger.accrual("accrual:2", HOME, [LOAN], day=31))
    first, second = (
        case.outcome(f"accrual:{n}/{HOME}/0")[1]["journal_entry_id"]  # type: ignore[index]
        for n in (1, 2)
    )
    case.take(ledger.payment("bad", LOAN, BREAKING_MINOR))
    case.take(ledger.reversal("undo:1", UUID(first), loan_id=LOAN))
    case.take(ledger.reversal("undo:2", UUID(second), loan_id=LOAN))

    case.take(ledger.reject("reject:1", case.row_of("bad")))
    assert case.waiting() == [("undo:2", False)]
    case.take(ledger.resume("resume:1", case.row_of("undo:2")))

    assert case.waiting() == []
    accrued = case.run("SELECT accrued_through FROM hpts.loans WHERE loan_id = %s", LOAN)
    assert accrued == [(None,)]


def test_every_break_is_a_fact_and_a_message(case: Case) -> None:
    case.take(ledger.disbursement("open:1", LOAN))
    bad = ledger.payment("bad", LOAN, REFUSED_MINOR)
    case.take(bad, ledger.payment("behind", LOAN, 1_00))
    case.take(ledger.resume("resume:1", case.row_of("bad")))

    letters = case.published()

    assert [(one.kind, one.command_offset, one.decided_offset) for one in letters] == [
        ("quarantine", 1, 1),
        ("quarantine", 1, 3),
    ]
    assert letters[0].value == codec.encode(bad)
    assert letters[0].loan_id == LOAN
    assert "planted" in letters[0].reason
    facts = case.run("SELECT reason FROM hpts.quarantines ORDER BY decided_offset")
    assert [reason for (reason,) in facts] == [one.reason for one in letters]
