"""Only the loans at fault of a chunk are quarantined: refused in it, while the others post."""

from dataclasses import replace
from uuid import UUID

from tests.books import ledger
from tests.books.breaking import AT_HOME, HOME, LOAN, OTHER, REFUSED_MINOR, Case


def test_in_a_chunk_only_the_loans_that_postgres_refuses_are_quarantined(case: Case) -> None:
    case.take(*(ledger.disbursement(f"open:{n}", loan) for n, loan in enumerate(AT_HOME)))
    chunk = ledger.accrual("accrual:1", HOME, AT_HOME, day=31)
    ordered = sorted(AT_HOME)
    at_fault = [ordered[2], ordered[11]]
    interests = [REFUSED_MINOR if loan in at_fault else 5 for loan in ordered]
    chunk = replace(chunk, interests=b"".join(n.to_bytes(8, "big") for n in interests))

    case.take(chunk, ledger.payment("pay", at_fault[0], 1_00))

    outcome = case.outcome(chunk.idempotency_key)
    assert outcome is not None
    assert outcome[1]["loan_count"] == len(AT_HOME) - 2
    assert outcome[1]["rejections"] == [
        {"loan_id": str(loan), "code": "loan_quarantined"} for loan in at_fault
    ]
    assert case.waiting() == [(chunk.idempotency_key, True)] * 2 + [("pay", False)]
    assert [case.is_quarantined(loan) for loan in at_fault] == [True, True]

    share = case.row_of(chunk.idempotency_key)
    case.take(ledger.accrual("accrual:2", HOME, AT_HOME, day=31, backfill=True))
    assert case.outcome(f"accrual:2/{HOME}/0")[1]["rejected_count"] == len(AT_HOME)  # type: ignore[index]
    case.take(ledger.resume("resume:1", share, all_loans=True))
    assert case.waiting() == []
    assert case.status("pay") == "posted"
    case.take(ledger.accrual("accrual:3", HOME, AT_HOME, day=31, backfill=True))
    third = case.outcome(f"accrual:3/{HOME}/0")
    assert third is not None
    assert third[1]["loan_count"] == 2


def test_in_a_chunk_only_the_loans_that_break_a_rule_are_quarantined(case: Case) -> None:
    case.take(*(ledger.disbursement(f"open:{n}", loan) for n, loan in enumerate(AT_HOME)))
    # An amount below zero, which no event can bring about: every change of the loan breaks.
    case.run("ALTER TABLE hpts.loans DROP CONSTRAINT loans_recovered_minor_check")
    case.run("UPDATE hpts.loans SET recovered_minor = -1 WHERE loan_id = %s", LOAN)

    case.take(ledger.accrual("accrual:1", HOME, AT_HOME, day=31))

    outcome = case.outcome(f"accrual:1/{HOME}/0")
    assert outcome is not None
    assert outcome[1]["loan_count"] == len(AT_HOME) - 1
    assert outcome[1]["rejections"] == [{"loan_id": str(LOAN), "code": "loan_quarantined"}]

    # So does the reversal of a part: the loans at fault stay, the others are undone.
    case.run("UPDATE hpts.loans SET recovered_minor = -1 WHERE loan_id = %s", OTHER)
    entry = UUID(outcome[1]["journal_entry_id"])
    case.take(ledger.reversal(f"undo/{HOME}/0", entry, part=0, chunks_total=1))
    undone = case.outcome(f"undo/{HOME}/0")
    assert undone is not None
    assert undone[1]["loan_count"] == len(AT_HOME) - 2
    assert undone[1]["rejections"] == [{"loan_id": str(OTHER), "code": "loan_quarantined"}]
    assert case.is_quarantined(LOAN)
    assert case.is_quarantined(OTHER)
