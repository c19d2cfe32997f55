"""Disbursements: they open a loan, or draw more on it."""

from datetime import date
from uuid import UUID

from schemas.chart_of_accounts import DISBURSEMENT_CLEARING, PRINCIPAL_RECEIVABLE
from tests.journal import (
    CR,
    DR,
    LARGEST,
    LOAN,
    OPENED_ON,
    OTHER_BORROWER,
    OTHER_TENANT,
    TENANT,
    Balances,
    Collected,
    accrual,
    disbursement,
    entry_of,
    journal_of,
    loan,
    payment,
    reversal,
)
from tests.posting.books import Books


def test_the_first_disbursement_opens_the_loan() -> None:
    books = Books()

    posting = books.post(disbursement(1_000_00, on="2026-01-05"))

    assert journal_of(posting) == [
        DR(PRINCIPAL_RECEIVABLE, 1_000_00),
        CR(DISBURSEMENT_CLEARING, 1_000_00),
    ]
    assert books.balances() == Balances(principal=1_000_00, unsettled=1_000_00)
    assert books.collected() == Collected()
    opened = books.loan()
    assert (opened.status, opened.currency, opened.opened_on) == ("active", "USD", OPENED_ON)
    assert opened.accrued_through is None


def test_the_answer_shows_the_loan_after_the_posting() -> None:
    posting = Books().post(disbursement(1_000_00))

    entry = entry_of(posting)
    assert posting.result["disbursement_event_id"] == str(entry.event_id)
    assert posting.result["journal_entry_id"] == str(entry.journal_entry_id)
    assert posting.result["correlation_id"] == str(entry.correlation_id)
    assert posting.result["posted_at"] == "2026-01-05T09:00:01.000000Z"
    assert posting.result["balance"] == {
        "loan_id": str(LOAN),
        "currency": "USD",
        "as_of_date": "2026-01-05",
        "principal_outstanding_minor": "100000",
        "interest_receivable_minor": "0",
        "fees_receivable_minor": "0",
        "total_exposure_minor": "100000",
        "suspense_minor": "0",
        "status": "active",
        "borrower_id": str(entry.lines[0].borrower_id),
        "last_activity_at": "2026-01-05T09:00:01.000000Z",
    }


def test_a_later_disbursement_draws_more() -> None:
    books = Books(loan(Balances(principal=1_000_00)))

    posting = books.post(disbursement(250_00, on="2026-02-01"))

    assert journal_of(posting) == [
        DR(PRINCIPAL_RECEIVABLE, 250_00),
        CR(DISBURSEMENT_CLEARING, 250_00),
    ]
    assert books.balances() == Balances(principal=1_250_00, unsettled=250_00)
    assert books.loan().standing_openings == 2
    assert books.loan().opened_on == OPENED_ON


def test_a_paid_off_loan_draws_again_and_is_active() -> None:
    books = Books(loan(collected=Collected(principal=1_000_00), standing_payments=1))
    assert books.loan().status == "paid_off"

    books.post(disbursement(50_00))

    assert books.loan().status == "active"


def test_the_same_loan_id_of_another_tenant_is_another_loan() -> None:
    books = Books()
    books.post(disbursement(1_000_00))

    books.post(disbursement(5_00, tenant_id=OTHER_TENANT, borrower_id=OTHER_BORROWER))

    assert books.loan(tenant_id=TENANT).principal_minor == 1_000_00
    assert books.loan(tenant_id=OTHER_TENANT).principal_minor == 5_00


def test_a_loan_reserved_by_a_refinance_is_refused() -> None:
    books = Books(loan(standing_openings=0, reserved_by=UUID(int=1)))
    assert books.refuse(disbursement(1_00)).code == "loan_reserved"


def test_a_charged_off_loan_is_closed() -> None:
    books = Books(loan(standing_charge_offs=1))
    assert books.refuse(disbursement(1_00)).code == "loan_closed"


def test_a_refinanced_loan_is_closed() -> None:
    books = Books(loan(standing_refinances=1))
    assert books.refuse(disbursement(1_00)).code == "loan_closed"


def test_another_borrower_is_refused() -> None:
    books = Books(loan(Balances(principal=1_00)))
    assert books.refuse(disbursement(1_00, borrower_id=OTHER_BORROWER)).code == "borrower_mismatch"


def test_another_currency_is_refused() -> None:
    books = Books(loan(Balances(principal=1_00)))
    assert books.refuse(disbursement(1_00, currency="EUR")).code == "currency_mismatch"


def test_principal_may_reach_the_largest_balance_and_not_pass_it() -> None:
    books = Books(loan(Balances(principal=LARGEST - 1_00)))
    books.post(disbursement(1_00))
    assert books.balances() == Balances(principal=LARGEST, unsettled=1_00)
    assert books.refuse(disbursement(1)).code == "balance_out_of_range"


def test_unsettled_may_not_pass_the_largest_balance() -> None:
    books = Books(loan(Balances(unsettled=LARGEST)))
    assert books.refuse(disbursement(1)).code == "balance_out_of_range"


def test_a_cancelled_loan_opens_anew_with_another_borrower_and_currency() -> None:
    books = cancelled()
    assert books.loan().status == "cancelled"

    books.post(disbursement(7_00, on="2026-05-01", borrower_id=OTHER_BORROWER, currency="EUR"))

    anew = books.loan()
    assert (anew.borrower_id, anew.currency) == (OTHER_BORROWER, "EUR")
    assert (anew.opened_on, anew.life) == (date(2026, 5, 1), 2)
    assert anew.accrued_through is None
    assert books.balances() == Balances(principal=7_00, unsettled=7_00)


def test_a_cancelled_loan_answers_payments_with_loan_not_found() -> None:
    books = cancelled()
    assert books.refuse(payment(1_00)).code == "loan_not_found"


def test_a_cancelled_loan_answers_accruals_with_loan_not_accruing() -> None:
    books = cancelled()
    refusal = books.refuse(accrual(1_00, on="2026-06-30"))
    assert refusal.members["rejections"] == [{"loan_id": str(LOAN), "code": "loan_not_accruing"}]


def test_an_entry_of_an_earlier_life_is_not_found() -> None:
    books = Books()
    opening = books.post(disbursement(1_000_00))
    accrued = books.post(accrual(8_22))
    books.post(reversal(accrued, loan_id=LOAN))
    books.post(reversal(opening))
    assert books.refuse(reversal(opening)).code == "entry_not_found"
    assert books.refuse(reversal(accrued, loan_id=LOAN)).code == "entry_not_found"

    books.post(disbursement(5_00))

    assert books.refuse(reversal(opening)).code == "entry_not_found"
    assert books.refuse(reversal(accrued, loan_id=LOAN)).code == "entry_not_found"


def test_a_date_of_an_earlier_life_is_free_to_accrue_again() -> None:
    books = cancelled()
    books.post(disbursement(5_00))
    books.post(accrual(1, on="2026-01-31"))
    assert books.loan().accrued_through == date(2026, 1, 31)


def test_a_loan_with_a_standing_payment_is_not_cancelled() -> None:
    books = Books()
    opening = books.post(disbursement(1_00))
    paid = books.post(payment(1_00))
    books.post(reversal(opening))
    assert books.balances() == Balances(suspense=1_00)
    assert books.loan().status == "paid_off"

    books.post(reversal(paid))

    assert books.balances() == Balances()
    assert books.loan().status == "cancelled"


def test_a_disbursement_is_known_by_its_destination_unless_named() -> None:
    books = Books()
    plain = entry_of(books.post(disbursement(1_00, destination_ref="bank-7")))
    named = entry_of(books.post(disbursement(1_00, destination_ref="x", external_ref="wire-9")))
    assert {line.external_ref for line in plain.lines} == {"bank-7"}
    assert {line.external_ref for line in named.lines} == {"wire-9"}


def cancelled() -> Books:
    """A loan that was opened, accrued, and had both reversed."""
    books = Books()
    opening = books.post(disbursement(1_000_00))
    accrued = books.post(accrual(8_22, on="2026-01-31"))
    books.post(reversal(accrued, loan_id=LOAN))
    books.post(reversal(opening))
    return books
