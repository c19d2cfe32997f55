"""Charge-offs: the whole exposure is written off, directly; later, what has come since."""

from dataclasses import replace

from schemas.chart_of_accounts import (
    CASH,
    CHARGE_OFF_EXPENSE,
    FEES_CHARGED_OFF,
    FEES_RECEIVABLE,
    INTEREST_CHARGED_OFF,
    INTEREST_RECEIVABLE,
    PRINCIPAL_RECEIVABLE,
    RECOVERIES,
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
    adjustment,
    allocation,
    charge_off,
    disbursement,
    entry_of,
    fee,
    journal_of,
    loan,
    payment,
    recovery,
    reversal,
    settlement,
)
from tests.posting.books import Books, rejections

OWING = Balances(principal=900_00, interest=8_22, fees=5_00)


def test_everything_receivable_is_written_off() -> None:
    books = Books(loan(OWING))

    posting = books.post(charge_off(on="2026-06-30"))

    assert journal_of(posting) == [
        DR(CHARGE_OFF_EXPENSE, 900_00),
        DR(INTEREST_CHARGED_OFF, 8_22),
        DR(FEES_CHARGED_OFF, 5_00),
        CR(PRINCIPAL_RECEIVABLE, 900_00),
        CR(INTEREST_RECEIVABLE, 8_22),
        CR(FEES_RECEIVABLE, 5_00),
    ]
    assert books.balances() == Balances()
    assert books.loan().status == "charged_off"
    assert posting.result["chargeoff_event_id"] == str(entry_of(posting).event_id)


def test_what_is_not_owed_has_no_line() -> None:
    posting = Books(loan(Balances(interest=8_22))).post(charge_off())
    assert journal_of(posting) == [DR(INTEREST_CHARGED_OFF, 8_22), CR(INTEREST_RECEIVABLE, 8_22)]


def test_a_charged_off_loan_takes_nothing_but_what_concerns_its_end() -> None:
    books = Books(loan(OWING))
    books.post(charge_off())
    assert books.refuse(disbursement(1)).code == "loan_closed"
    assert books.refuse(fee(1)).code == "loan_closed"
    assert books.refuse(payment(1)).code == "loan_charged_off"
    assert rejections(books.take(accrual(1))) == {LOAN: "loan_not_accruing"}
    books.post(recovery(1))


def test_what_has_come_since_is_written_off_by_another() -> None:
    books = Books(loan(OWING))
    paid = books.post(payment(100_00))
    books.post(charge_off())
    books.post(reversal(paid, on="2026-07-01"))
    assert books.balances() == Balances(principal=86_78, interest=8_22, fees=5_00)

    posting = books.post(charge_off(on="2026-07-02"))

    assert journal_of(posting)[:3] == [
        DR(CHARGE_OFF_EXPENSE, 86_78),
        DR(INTEREST_CHARGED_OFF, 8_22),
        DR(FEES_CHARGED_OFF, 5_00),
    ]
    assert books.balances() == Balances()


def test_a_refinanced_loan_may_be_charged_off_for_what_has_come_since() -> None:
    books = Books(loan(Balances(principal=10_00), standing_refinances=1))
    books.post(charge_off())
    assert books.loan().status == "charged_off"


def test_an_unknown_loan_is_not_found() -> None:
    assert Books().refuse(charge_off()).code == "loan_not_found"


def test_money_still_on_its_way_is_settled_or_reversed_first() -> None:
    books = Books()
    lent = books.post(disbursement(1_00))
    assert books.refuse(charge_off()).code == "disbursement_unsettled"
    books.post(settlement(lent))
    books.post(charge_off())


def test_suspense_is_allocated_or_refunded_first() -> None:
    books = Books(loan(Balances(principal=10_00, suspense=4_00)))
    assert books.refuse(charge_off()).code == "suspense_outstanding"
    books.post(allocation(4_00))
    books.post(charge_off())
    assert books.loan().status == "charged_off"


def test_suspense_of_a_closed_loan_is_refunded_before_another_charge_off() -> None:
    for event in ("standing_charge_offs", "standing_refinances"):
        closed = loan(Balances(principal=1, suspense=1), standing_payments=1)
        books = Books(replace(closed, **{event: 1}))
        assert books.refuse(charge_off()).code == "suspense_outstanding"
        books.post(adjustment(DR(SUSPENSE, 1), CR(CASH, 1)))
        books.post(charge_off())


def test_a_paid_off_loan_has_nothing_to_charge_off() -> None:
    books = Books(loan(collected=Collected(principal=1_00), standing_payments=1))
    assert books.refuse(charge_off()).code == "nothing_to_charge_off"


def test_reversing_a_charge_off_restores_what_was_owed() -> None:
    books = Books(loan(OWING))
    written_off = books.post(charge_off())

    posting = books.post(reversal(written_off, on="2026-07-01"))

    assert journal_of(posting) == [
        CR(CHARGE_OFF_EXPENSE, 900_00),
        CR(INTEREST_CHARGED_OFF, 8_22),
        CR(FEES_CHARGED_OFF, 5_00),
        DR(PRINCIPAL_RECEIVABLE, 900_00),
        DR(INTEREST_RECEIVABLE, 8_22),
        DR(FEES_RECEIVABLE, 5_00),
    ]
    assert books.balances() == OWING
    assert books.loan().status == "active"


def test_one_of_two_charge_offs_reversed_leaves_the_loan_charged_off() -> None:
    books = Books(loan(OWING))
    first = books.post(charge_off())
    books.post(adjustment(DR(FEES_RECEIVABLE, 1_00), CR(FEES_CHARGED_OFF, 1_00)))
    books.post(charge_off())

    books.post(reversal(first, on="2026-07-01"))

    assert books.loan().status == "charged_off"
    assert books.balances() == OWING


def test_a_charge_off_is_not_reversed_while_a_recovery_stands() -> None:
    books = Books(loan(OWING))
    written_off = books.post(charge_off())
    recovered = books.post(recovery(20_00))
    assert books.refuse(reversal(written_off, on="2026-08-01")).code == "recovered_since"

    posting = books.post(reversal(recovered, on="2026-08-01"))
    assert journal_of(posting) == [CR(CASH, 20_00), DR(RECOVERIES, 20_00)]
    books.post(reversal(written_off, on="2026-08-01"))

    assert books.balances() == OWING


def test_what_was_charged_off_is_not_taken_back_by_reversing_its_origin() -> None:
    books = Books()
    lent = books.post(disbursement(10_00))
    assessed = books.post(fee(5_00))
    settled = books.post(settlement(lent))
    books.post(charge_off())
    assert books.refuse(reversal(assessed)).code == "reduced_without_cash"
    books.post(reversal(settled))
    assert books.refuse(reversal(lent)).code == "reduced_without_cash"


def test_reversing_a_charge_off_may_not_pass_the_largest_balance() -> None:
    books = Books(loan(Balances(principal=1_00)))
    written_off = books.post(charge_off())
    books.post(adjustment(DR(PRINCIPAL_RECEIVABLE, LARGEST), CR(CHARGE_OFF_EXPENSE, LARGEST)))
    assert books.refuse(reversal(written_off, on="2026-07-01")).code == "balance_out_of_range"


def test_suspense_of_a_charged_off_loan_may_still_be_refunded() -> None:
    books = Books(loan(Balances(suspense=4_00), standing_charge_offs=1))
    books.post(adjustment(DR(SUSPENSE, 4_00), CR(CASH, 4_00)))
    assert books.balances() == Balances()
