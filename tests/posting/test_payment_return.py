"""Payments that the bank takes back: never refused for what came after."""

from schemas.chart_of_accounts import (
    CASH,
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
    NO_SUCH_ENTRY,
    OTHER_TENANT,
    SECOND_LOAN,
    Balances,
    Collected,
    accrual,
    adjustment,
    charge_off,
    disbursement,
    entry_of,
    fee,
    journal_of,
    loan,
    payment,
    payment_return,
    reversal,
    waiver,
)
from tests.posting.books import Books

OWING = Balances(principal=1_000_00, interest=8_22, fees=5_00)


def test_a_returned_payment_is_owed_again_where_it_had_been_applied() -> None:
    books = Books(loan(OWING))
    paid = books.post(payment(113_22, on="2026-02-02"))

    posting = books.post(payment_return(paid, on="2026-02-09"))

    assert journal_of(posting) == [
        CR(CASH, 113_22),
        DR(PRINCIPAL_RECEIVABLE, 100_00),
        DR(INTEREST_RECEIVABLE, 8_22),
        DR(FEES_RECEIVABLE, 5_00),
    ]
    assert books.balances() == OWING
    assert books.collected() == Collected()
    entry, original = entry_of(posting), entry_of(paid)
    assert entry.event_type == "payment_returned"
    assert entry.reverses_entry_id == original.journal_entry_id
    assert posting.result["return_event_id"] == str(entry.event_id)
    assert posting.result["debited"] == {
        "fees_minor": "500",
        "interest_minor": "822",
        "principal_minor": "10000",
        "suspense_minor": "0",
    }


def test_a_return_has_the_payments_reference_unless_it_names_its_own() -> None:
    books = Books(loan(OWING))
    one, other = (books.post(payment(1_00, external_ref=ref)) for ref in ("ach-1", "ach-2"))

    plain = entry_of(books.post(payment_return(one)))
    named = entry_of(books.post(payment_return(other, external_ref="return-2")))

    assert {line.external_ref for line in plain.lines} == {"ach-1"}
    assert {line.external_ref for line in named.lines} == {"return-2"}


def test_what_was_unaccrued_since_comes_out_of_suspense() -> None:
    books = Books(loan())
    accrued = books.post(accrual(10_00))
    paid = books.post(payment(10_00))
    books.post(reversal(accrued, loan_id=LOAN))

    posting = books.post(payment_return(paid))

    assert journal_of(posting) == [CR(CASH, 10_00), DR(SUSPENSE, 10_00)]
    assert books.balances() == Balances()


def test_what_was_refunded_since_is_owed_again_as_principal() -> None:
    books = Books(loan())
    paid = books.post(payment(40_00))
    books.post(adjustment(DR(SUSPENSE, 40_00), CR(CASH, 40_00), reason_code="refund"))

    posting = books.post(payment_return(paid))

    assert journal_of(posting) == [CR(CASH, 40_00), DR(PRINCIPAL_RECEIVABLE, 40_00)]
    assert books.balances() == Balances(principal=40_00)
    assert books.loan().status == "active"


def test_other_collected_cash_comes_before_what_is_owed_again() -> None:
    """25.00 overpaid and refunded; 5.00 of a fee had been paid by other cash."""
    books = Books(loan(Balances(fees=5_00)))
    books.post(payment(5_00))
    paid = books.post(payment(25_00))
    books.post(adjustment(DR(SUSPENSE, 25_00), CR(CASH, 25_00)))

    posting = books.post(payment_return(paid))

    assert journal_of(posting) == [
        CR(CASH, 25_00),
        DR(PRINCIPAL_RECEIVABLE, 20_00),
        DR(FEES_RECEIVABLE, 5_00),
    ]
    assert books.collected() == Collected()


def test_a_return_after_a_charge_off_waits_for_a_new_one() -> None:
    books = Books(loan(Balances(principal=100_00)))
    paid = books.post(payment(60_00))
    books.post(charge_off())
    books.post(payment_return(paid, on="2026-07-02"))
    assert books.balances() == Balances(principal=60_00)
    assert books.loan().status == "charged_off"

    books.post(charge_off(on="2026-07-03"))

    assert books.balances() == Balances()


def test_a_return_after_a_waiver_is_not_refused() -> None:
    """The fee of 5.00 was paid 2.00 and waived 3.00; the 2.00 are owed again."""
    books = Books(loan())
    books.post(fee(5_00))
    paid = books.post(payment(2_00))
    books.post(waiver(3_00))
    books.post(payment_return(paid))
    assert books.balances() == Balances(fees=2_00)


def test_the_last_payment_of_an_otherwise_empty_loan_cancels_it() -> None:
    books = Books()
    lent = books.post(disbursement(10_00))
    paid = books.post(payment(4_00))
    books.post(reversal(lent))
    assert books.balances() == Balances(suspense=4_00)
    assert books.loan().status == "paid_off"

    books.post(payment_return(paid))

    assert books.loan().status == "cancelled"
    assert books.refuse(payment_return(paid)).code == "event_not_found"


def test_an_unknown_event_is_not_found() -> None:
    assert Books(loan()).refuse(payment_return(NO_SUCH_ENTRY)).code == "event_not_found"


def test_another_type_of_event_is_not_found() -> None:
    books = Books(loan())
    assert books.refuse(payment_return(books.post(fee(1_00)))).code == "event_not_found"


def test_another_tenants_payment_is_not_found() -> None:
    books = Books(loan(OWING))
    paid = books.post(payment(1_00))
    assert books.refuse(payment_return(paid, tenant_id=OTHER_TENANT)).code == "event_not_found"


def test_a_loan_that_does_not_match_the_payment_is_not_found() -> None:
    books = Books(loan(OWING))
    paid = books.post(payment(1_00))
    assert books.refuse(payment_return(paid, loan_id=SECOND_LOAN)).code == "event_not_found"
    books.post(payment_return(paid, loan_id=LOAN))


def test_a_payment_is_taken_back_once_by_return_or_by_reversal() -> None:
    books = Books(loan(OWING))
    paid = books.post(payment(1_00))
    back = books.post(payment_return(paid))

    refusal = books.refuse(payment_return(paid))

    assert refusal.code == "already_reversed"
    assert refusal.members == {"reversed_by_entry_id": str(entry_of(back).journal_entry_id)}
    assert books.refuse(reversal(paid)).code == "already_reversed"


def test_it_may_have_the_date_of_the_payment_and_none_before() -> None:
    books = Books(loan(OWING))
    paid = books.post(payment(1_00, on="2026-02-02"))
    refusal = books.refuse(payment_return(paid, on="2026-02-01"))
    assert refusal.code == "effective_before_original"
    books.post(payment_return(paid, on="2026-02-02"))


def test_principal_may_not_pass_the_largest_balance() -> None:
    books = Books(loan(Balances(principal=1_00)))
    paid = books.post(payment(1_00))
    books.post(disbursement(LARGEST))
    assert books.refuse(payment_return(paid)).code == "balance_out_of_range"


def test_a_return_is_not_reversed() -> None:
    books = Books(loan(OWING))
    back = books.post(payment_return(books.post(payment(1_00))))
    assert books.refuse(reversal(back)).code == "reversal_of_reversal"
