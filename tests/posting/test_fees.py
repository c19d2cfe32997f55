"""Fees and their waivers."""

from schemas.chart_of_accounts import FEE_INCOME, FEES_RECEIVABLE, FEES_WAIVED, SUSPENSE
from tests.journal import (
    CR,
    DR,
    LARGEST,
    Balances,
    Collected,
    adjustment,
    disbursement,
    entry_of,
    fee,
    journal_of,
    loan,
    payment,
    reversal,
    waiver,
)
from tests.posting.books import Books

OWING = Balances(principal=1_000_00, fees=5_00)


def test_a_fee_is_owed_and_earned() -> None:
    books = Books(loan(Balances(principal=1_000_00)))

    posting = books.post(fee(5_00, on="2026-02-01"))

    assert journal_of(posting) == [DR(FEES_RECEIVABLE, 5_00), CR(FEE_INCOME, 5_00)]
    assert books.balances() == OWING
    assert posting.result["fee_event_id"] == str(entry_of(posting).event_id)
    assert entry_of(posting).event_type == "fee_assessed"


def test_a_fee_makes_a_paid_off_loan_active() -> None:
    books = Books(loan(collected=Collected(principal=1_00)))
    assert books.loan().status == "paid_off"
    books.post(fee(1))
    assert books.loan().status == "active"


def test_a_fee_on_an_unknown_loan_is_not_found() -> None:
    assert Books().refuse(fee(1)).code == "loan_not_found"


def test_a_fee_in_another_currency_is_refused() -> None:
    assert Books(loan(OWING)).refuse(fee(1, currency="EUR")).code == "currency_mismatch"


def test_a_charged_off_or_refinanced_loan_takes_no_fee() -> None:
    for event in ("standing_charge_offs", "standing_refinances"):
        assert Books(loan(OWING, **{event: 1})).refuse(fee(1)).code == "loan_closed"


def test_fees_may_reach_the_largest_balance_and_not_pass_it() -> None:
    books = Books(loan(OWING))
    books.post(fee(LARGEST - 5_00))
    assert books.refuse(fee(1)).code == "balance_out_of_range"


def test_reversing_a_fee_that_is_still_owed_mirrors_it() -> None:
    books = Books(loan(OWING))
    assessed = books.post(fee(3_00))

    posting = books.post(reversal(assessed))

    assert journal_of(posting) == [CR(FEES_RECEIVABLE, 3_00), DR(FEE_INCOME, 3_00)]
    assert books.balances() == OWING
    assert posting.result["moved_to_suspense_minor"] == "0"


def test_reversing_a_fee_that_was_paid_gives_it_back_to_suspense() -> None:
    """5.00 assessed, 3.00 of it paid: 2.00 is still owed, 3.00 is the borrower's again."""
    books = Books(loan())
    assessed = books.post(fee(5_00))
    books.post(payment(3_00))

    posting = books.post(reversal(assessed))

    assert journal_of(posting) == [
        CR(FEES_RECEIVABLE, 5_00),
        DR(FEE_INCOME, 5_00),
        DR(FEES_RECEIVABLE, 3_00),
        CR(SUSPENSE, 3_00),
    ]
    assert posting.result["moved_to_suspense_minor"] == "300"
    assert books.balances() == Balances(suspense=3_00)
    assert books.collected() == Collected()


def test_a_fee_that_was_waived_is_not_reversed_before_its_waiver() -> None:
    books = Books(loan())
    assessed = books.post(fee(5_00))
    waived = books.post(waiver(1_00))
    assert books.refuse(reversal(assessed)).code == "reduced_without_cash"

    books.post(reversal(waived))
    books.post(reversal(assessed))

    assert books.balances() == Balances()


def test_reversing_a_paid_fee_may_not_pass_the_largest_suspense() -> None:
    books = Books(loan())
    assessed = books.post(fee(1))
    books.post(payment(1))
    books.post(payment(LARGEST))
    assert books.balances() == Balances(suspense=LARGEST)
    assert books.refuse(reversal(assessed)).code == "balance_out_of_range"


def test_a_waiver_lets_go_of_part_of_the_fees() -> None:
    books = Books(loan(OWING))

    posting = books.post(waiver(2_00, on="2026-02-03"))

    assert journal_of(posting) == [DR(FEES_WAIVED, 2_00), CR(FEES_RECEIVABLE, 2_00)]
    assert books.balances() == Balances(principal=1_000_00, fees=3_00)
    assert books.collected() == Collected()
    assert posting.result["waiver_event_id"] == str(entry_of(posting).event_id)


def test_waiving_the_last_of_what_is_owed_pays_the_loan_off() -> None:
    books = Books(loan(Balances(fees=5_00)))
    books.post(waiver(5_00))
    assert books.loan().status == "paid_off"


def test_a_charged_off_loan_may_have_fees_waived() -> None:
    books = Books(loan(Balances(fees=5_00), standing_charge_offs=1))
    books.post(waiver(5_00))
    assert books.balances() == Balances()


def test_a_waiver_on_an_unknown_loan_is_not_found() -> None:
    assert Books().refuse(waiver(1)).code == "loan_not_found"


def test_a_waiver_in_another_currency_is_refused() -> None:
    assert Books(loan(OWING)).refuse(waiver(1, currency="EUR")).code == "currency_mismatch"


def test_more_than_the_fees_owed_is_not_waived() -> None:
    assert Books(loan(OWING)).refuse(waiver(5_01)).code == "amount_exceeds_receivable"


def test_reversing_a_waiver_makes_the_fee_owed_again() -> None:
    books = Books(loan(OWING))
    waived = books.post(waiver(2_00))

    posting = books.post(reversal(waived))

    assert journal_of(posting) == [CR(FEES_WAIVED, 2_00), DR(FEES_RECEIVABLE, 2_00)]
    assert books.balances() == OWING


def test_reversing_a_waiver_may_not_pass_the_largest_balance() -> None:
    books = Books(loan(OWING))
    waived = books.post(waiver(2_00))
    books.post(fee(LARGEST - 3_00))
    assert books.refuse(reversal(waived)).code == "balance_out_of_range"


def test_a_fee_by_itself_does_not_keep_a_loan_from_being_cancelled_once_waived() -> None:
    books = Books()
    lent = books.post(disbursement(1_00))
    books.post(fee(5_00))
    books.post(reversal(lent))
    assert books.loan().status == "active"

    books.post(waiver(5_00))

    assert books.loan().status == "cancelled"
    assert books.refuse(fee(1)).code == "loan_not_found"


def test_a_fee_of_an_earlier_life_is_out_of_reach() -> None:
    books = Books()
    lent = books.post(disbursement(1_00))
    assessed = books.post(fee(5_00))
    books.post(adjustment(DR(FEE_INCOME, 5_00), CR(FEES_RECEIVABLE, 5_00)))
    books.post(reversal(lent))
    assert books.loan().status == "cancelled"

    books.post(disbursement(7_00))

    assert books.refuse(reversal(assessed)).code == "entry_not_found"
    assert books.balances() == Balances(principal=7_00, unsettled=7_00)


def test_an_entry_says_what_kind_of_fee_it_was() -> None:
    assert entry_of(Books(loan()).post(fee(5_00))).details == {"fee_type": "late"}
