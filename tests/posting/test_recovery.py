"""Recoveries: cash for a loan that was charged off is income, and touches no receivable."""

from schemas.chart_of_accounts import CASH, RECOVERIES
from tests.journal import (
    CR,
    DR,
    LARGEST,
    Balances,
    Collected,
    charge_off,
    entry_of,
    journal_of,
    loan,
    recovery,
    reversal,
)
from tests.posting.books import Books


def charged_off() -> Books:
    """A loan of 100.00, charged off on 30 June."""
    books = Books(loan(Balances(principal=100_00)))
    books.post(charge_off(on="2026-06-30"))
    return books


def test_cash_after_a_charge_off_is_income() -> None:
    books = charged_off()

    posting = books.post(recovery(30_00, on="2026-07-15"))

    assert journal_of(posting) == [DR(CASH, 30_00), CR(RECOVERIES, 30_00)]
    assert books.balances() == Balances()
    assert books.collected() == Collected()
    assert books.loan().recovered_minor == 30_00
    assert books.loan().status == "charged_off"
    assert posting.result["recovery_event_id"] == str(entry_of(posting).event_id)


def test_more_may_be_recovered_than_was_written_off() -> None:
    books = charged_off()
    books.post(recovery(100_01))
    assert books.loan().recovered_minor == 100_01


def test_an_unknown_loan_is_not_found() -> None:
    assert Books().refuse(recovery(1)).code == "loan_not_found"


def test_another_currency_is_refused() -> None:
    assert charged_off().refuse(recovery(1, currency="EUR")).code == "currency_mismatch"


def test_a_loan_that_is_not_charged_off_takes_payments_instead() -> None:
    for status in ({}, {"standing_refinances": 1}):
        books = Books(loan(Balances(principal=1_00), **status))
        assert books.refuse(recovery(1)).code == "loan_not_charged_off"


def test_what_was_recovered_may_not_pass_the_largest_balance() -> None:
    books = charged_off()
    books.post(recovery(LARGEST))
    assert books.refuse(recovery(1)).code == "balance_out_of_range"


def test_reversing_a_recovery_gives_the_cash_back() -> None:
    books = charged_off()
    books.post(recovery(5_00))
    recovered = books.post(recovery(30_00))

    posting = books.post(reversal(recovered, on="2026-08-01"))

    assert journal_of(posting) == [CR(CASH, 30_00), DR(RECOVERIES, 30_00)]
    assert books.loan().recovered_minor == 5_00
    assert books.refuse(reversal(recovered, on="2026-08-01")).code == "already_reversed"
