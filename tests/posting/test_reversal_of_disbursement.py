"""Reversing a disbursement: its receivable may have been paid, or reduced without cash."""

from dataclasses import replace

from schemas.chart_of_accounts import DISBURSEMENT_CLEARING, PRINCIPAL_RECEIVABLE, SUSPENSE
from tests.journal import (
    CR,
    DR,
    LARGEST,
    Balances,
    Collected,
    accrual,
    disbursement,
    journal_of,
    payment,
    reversal,
)
from tests.posting.books import Books


def test_reversing_a_disbursement_mirrors_it() -> None:
    books = Books()
    opening = books.post(disbursement(1_000_00))

    posting = books.post(reversal(opening))

    assert journal_of(posting) == [
        CR(PRINCIPAL_RECEIVABLE, 1_000_00),
        DR(DISBURSEMENT_CLEARING, 1_000_00),
    ]
    assert books.balances() == Balances()
    assert books.loan().status == "cancelled"
    assert posting.result["moved_to_suspense_minor"] == "0"


def test_reversing_a_disbursement_moves_what_was_repaid_to_suspense() -> None:
    books = Books()
    opening = books.post(disbursement(1_000_00))
    books.post(payment(100_00))

    posting = books.post(reversal(opening))

    assert journal_of(posting) == [
        CR(PRINCIPAL_RECEIVABLE, 1_000_00),
        DR(DISBURSEMENT_CLEARING, 1_000_00),
        DR(PRINCIPAL_RECEIVABLE, 100_00),
        CR(SUSPENSE, 100_00),
    ]
    assert books.balances() == Balances(suspense=100_00)
    assert books.collected() == Collected()
    assert posting.result["moved_to_suspense_minor"] == "10000"


def test_a_loan_with_interest_left_is_not_cancelled_by_reversing_its_opening() -> None:
    books = Books()
    opening = books.post(disbursement(1_000_00))
    books.post(accrual(8_22))
    books.post(reversal(opening))
    assert books.balances() == Balances(interest=8_22)
    assert books.loan().status == "active"


def test_a_settled_disbursement_is_reversed_after_its_settlement() -> None:
    books = Books()
    opening = books.post(disbursement(1_000_00))
    ((key, cleared),) = books.page.disbursed.items()
    books.page.disbursed[key] = replace(cleared, settled_minor=1)
    assert books.refuse(reversal(opening)).code == "disbursement_settled"


def test_principal_reduced_without_cash_is_not_taken_twice() -> None:
    """Disburse 100.00, pay 40.00, charge 60.00 off: only 40.00 could move to suspense."""
    books = Books()
    opening = books.post(disbursement(100_00))
    books.post(payment(40_00))
    books.left(principal_minor=0, standing_charge_offs=1)
    assert books.refuse(reversal(opening)).code == "reduced_without_cash"


def test_the_limit_of_what_cash_covers_is_exact() -> None:
    books = Books()
    opening = books.post(disbursement(100_00))
    books.left(principal_minor=59_99, collected_principal_minor=40_00)
    assert books.refuse(reversal(opening)).code == "reduced_without_cash"

    books.left(principal_minor=60_00)
    books.post(reversal(opening))

    assert books.balances() == Balances(suspense=40_00)


def test_suspense_may_not_pass_the_largest_balance() -> None:
    books = Books()
    opening = books.post(disbursement(1_00))
    books.post(payment(1_00))
    books.left(suspense_minor=LARGEST)
    assert books.refuse(reversal(opening)).code == "balance_out_of_range"


def test_one_of_two_disbursements_is_reversed_by_itself() -> None:
    books = Books()
    books.post(disbursement(100_00))
    second = books.post(disbursement(30_00))

    books.post(reversal(second))

    assert books.balances() == Balances(principal=100_00, unsettled=100_00)
    assert books.loan().standing_openings == 1
    assert books.loan().status == "active"


def test_a_reversed_disbursement_can_be_settled_no_more() -> None:
    books = Books()
    books.post(disbursement(100_00))
    second = books.post(disbursement(30_00))
    posting = books.post(reversal(second))
    (cleared,) = posting.disbursed
    assert cleared.reversed
    assert (cleared.amount_minor, cleared.settled_minor) == (30_00, 0)
