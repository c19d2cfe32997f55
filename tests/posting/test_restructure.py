"""Restructures: interest and fees that are owed become principal."""

from schemas.chart_of_accounts import (
    FEES_RECEIVABLE,
    INTEREST_RECEIVABLE,
    PRINCIPAL_RECEIVABLE,
    SUSPENSE,
)
from tests.journal import (
    CR,
    DR,
    LARGEST,
    LOAN,
    Balances,
    Collected,
    accrual,
    charge_off,
    entry_of,
    journal_of,
    loan,
    payment,
    restructure,
    reversal,
)
from tests.posting.books import Books

OWING = Balances(principal=900_00, interest=8_22, fees=5_00)


def test_interest_and_fees_become_principal() -> None:
    books = Books(loan(OWING))

    posting = books.post(restructure(interest=8_22, fees=1_00))

    assert journal_of(posting) == [
        DR(PRINCIPAL_RECEIVABLE, 9_22),
        CR(INTEREST_RECEIVABLE, 8_22),
        CR(FEES_RECEIVABLE, 1_00),
    ]
    assert books.balances() == Balances(principal=909_22, fees=4_00)
    assert books.collected() == Collected()
    assert books.loan().status == "active"
    assert posting.result["restructure_event_id"] == str(entry_of(posting).event_id)


def test_either_amount_may_be_zero() -> None:
    books = Books(loan(OWING))
    only_fees = books.post(restructure(fees=5_00))
    assert journal_of(only_fees) == [DR(PRINCIPAL_RECEIVABLE, 5_00), CR(FEES_RECEIVABLE, 5_00)]


def test_an_unknown_loan_is_not_found() -> None:
    assert Books().refuse(restructure(interest=1)).code == "loan_not_found"


def test_a_charged_off_or_refinanced_loan_is_not_restructured() -> None:
    for event in ("standing_charge_offs", "standing_refinances"):
        books = Books(loan(OWING, **{event: 1}))
        assert books.refuse(restructure(interest=1)).code == "loan_closed"


def test_more_than_is_owed_is_refused() -> None:
    books = Books(loan(OWING))
    assert books.refuse(restructure(interest=8_23)).code == "amount_exceeds_receivable"
    assert books.refuse(restructure(fees=5_01)).code == "amount_exceeds_receivable"


def test_two_zeros_capitalize_nothing() -> None:
    assert Books(loan(OWING)).refuse(restructure()).code == "nothing_to_capitalize"


def test_principal_may_reach_the_largest_balance_and_not_pass_it() -> None:
    books = Books(loan(Balances(principal=LARGEST - 1, interest=2)))
    assert books.refuse(restructure(interest=2)).code == "balance_out_of_range"
    books.post(restructure(interest=1))


def test_reversing_a_restructure_makes_interest_and_fees_of_it_again() -> None:
    books = Books(loan(OWING))
    capitalized = books.post(restructure(interest=8_22, fees=1_00))

    posting = books.post(reversal(capitalized))

    assert journal_of(posting) == [
        CR(PRINCIPAL_RECEIVABLE, 9_22),
        DR(INTEREST_RECEIVABLE, 8_22),
        DR(FEES_RECEIVABLE, 1_00),
    ]
    assert books.balances() == OWING


def test_principal_that_was_paid_since_moves_to_suspense() -> None:
    """8.22 capitalised and paid: the cash is the borrower's again, the interest owed again."""
    books = Books(loan(Balances(interest=8_22)))
    capitalized = books.post(restructure(interest=8_22))
    books.post(payment(8_22))

    posting = books.post(reversal(capitalized))

    assert journal_of(posting) == [
        CR(PRINCIPAL_RECEIVABLE, 8_22),
        DR(INTEREST_RECEIVABLE, 8_22),
        DR(PRINCIPAL_RECEIVABLE, 8_22),
        CR(SUSPENSE, 8_22),
    ]
    assert books.balances() == Balances(interest=8_22, suspense=8_22)
    assert books.collected() == Collected()


def test_principal_that_was_charged_off_since_stands_in_the_way() -> None:
    books = Books(loan(OWING))
    capitalized = books.post(restructure(interest=8_22))
    books.post(charge_off())
    assert books.refuse(reversal(capitalized)).code == "reduced_without_cash"


def test_capitalized_interest_stands_in_the_way_of_reversing_its_accrual() -> None:
    books = Books(loan())
    accrued = books.post(accrual(8_22))
    capitalized = books.post(restructure(interest=8_22))
    assert books.refuse(reversal(accrued, loan_id=LOAN)).code == "reduced_without_cash"

    books.post(reversal(capitalized))
    books.post(reversal(accrued, loan_id=LOAN))

    assert books.balances() == Balances()


def test_reversing_a_restructure_may_not_pass_the_largest_balance() -> None:
    books = Books(loan(Balances(principal=10, interest=5)))
    capitalized = books.post(restructure(interest=5))
    books.post(accrual(LARGEST))
    assert books.refuse(reversal(capitalized)).code == "balance_out_of_range"
