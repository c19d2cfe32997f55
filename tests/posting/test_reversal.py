"""Reversals of payments and disbursements: the original stands, its mirror is posted."""

from dataclasses import replace
from datetime import date

import pytest

from posting_engine.posting.journal import BrokenInvariant
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
    Balances,
    Collected,
    accrual,
    disbursement,
    entry_of,
    fee,
    journal_of,
    loan,
    payment,
    reversal,
)
from tests.posting.books import Books

OWING = Balances(principal=1_000_00, interest=8_22, fees=5_00)


def test_reversing_a_payment_restores_what_it_had_paid() -> None:
    books = Books(loan(OWING))
    paid = books.post(payment(113_22, on="2026-02-02"))

    posting = books.post(reversal(paid, on="2026-02-09"))

    assert journal_of(posting) == [
        CR(CASH, 113_22),
        DR(PRINCIPAL_RECEIVABLE, 100_00),
        DR(INTEREST_RECEIVABLE, 8_22),
        DR(FEES_RECEIVABLE, 5_00),
    ]
    assert books.balances() == OWING
    assert books.collected() == Collected()


def test_the_mirror_names_its_original_and_has_its_own_date() -> None:
    books = Books(loan(OWING))
    paid = books.post(payment(1_00, on="2026-02-02", external_ref="ach-1"))

    posting = books.post(reversal(paid, on="2026-02-09", description="bounced"))

    mirror, original = entry_of(posting), entry_of(paid)
    assert mirror.event_type == "reversal"
    assert mirror.reverses_entry_id == original.journal_entry_id
    assert mirror.effective_on == date(2026, 2, 9)
    assert mirror.description == "bounced"
    assert {line.external_ref for line in mirror.lines} == {"ach-1"}
    assert posting.result["reverses_entry_id"] == str(original.journal_entry_id)
    assert books.journal[0].entry == original


def test_a_reference_of_the_reversals_own_is_on_every_line() -> None:
    books = Books(loan(OWING))
    charged = books.post(fee(1_00, external_ref="fee-1"))
    books.post(payment(1_014_22, external_ref="ach-1"))

    mirror = entry_of(books.post(reversal(charged, external_ref="case-7")))

    assert len(mirror.lines) == 4, "what had been paid moves to suspense"
    assert {line.external_ref for line in mirror.lines} == {"case-7"}


def test_of_an_accrual_each_loan_and_the_batch_are_reversed_by_the_reference_given() -> None:
    books = Books(loan())
    accrued = books.post(accrual(10_00, on="2026-01-31"))
    books.post(payment(10_00))
    alone = books.post(reversal(accrued, loan_id=LOAN, external_ref="case-7"))
    again = books.post(accrual(10_00, on="2026-02-28"))
    whole = books.post(reversal(again, part=0, chunks_total=1, external_ref="case-8"))

    assert {line.external_ref for line in entry_of(alone).lines} == {"case-7"}
    assert {line.external_ref for line in entry_of(whole).lines} == {"case-8"}


def test_reversing_a_held_payment_takes_it_from_suspense() -> None:
    books = Books(loan(OWING))
    paid = books.post(payment(50_00, allocation="hold"))

    posting = books.post(reversal(paid))

    assert journal_of(posting) == [CR(CASH, 50_00), DR(SUSPENSE, 50_00)]
    assert books.balances() == OWING


def test_a_payment_whose_interest_was_unaccrued_since_comes_out_of_suspense() -> None:
    """Accrue 10.00, pay 10.00, reverse the accrual: 10.00 in suspense; the bank takes it back."""
    books = Books(loan())
    accrued = books.post(accrual(10_00))
    paid = books.post(payment(10_00))
    books.post(reversal(accrued, loan_id=LOAN))
    assert books.balances() == Balances(suspense=10_00)

    posting = books.post(reversal(paid))

    assert journal_of(posting) == [CR(CASH, 10_00), DR(SUSPENSE, 10_00)]
    assert books.balances() == Balances()


def test_what_a_payment_had_paid_then_suspense_then_other_collected_then_principal() -> None:
    """Collected, then suspense, then what other cash had paid, then owed again."""
    before = loan(
        Balances(principal=500_00, suspense=10_00),
        Collected(principal=20_00, interest=30_00, fees=5_00),
        standing_payments=1,
    )
    books = Books(before)
    paid = books.post(payment(100_00))  # all of it to principal: collected 120.00
    books.left(collected_principal_minor=55_00)  # the rest of it given back since

    posting = books.post(reversal(paid))

    assert journal_of(posting) == [
        CR(CASH, 100_00),
        DR(PRINCIPAL_RECEIVABLE, 55_00),
        DR(INTEREST_RECEIVABLE, 30_00),
        DR(FEES_RECEIVABLE, 5_00),
        DR(SUSPENSE, 10_00),
    ]
    assert books.collected() == Collected()
    assert books.balances() == Balances(principal=455_00, interest=30_00, fees=5_00)


def test_other_collected_goes_principal_then_interest_then_fees() -> None:
    cash = Collected(principal=20_00, interest=30_00, fees=5_00)
    books = Books(loan(Balances(), cash, standing_payments=1))
    paid = books.post(payment(40_00))  # nothing owed: all to suspense
    books.left(suspense_minor=0)  # refunded since

    posting = books.post(reversal(paid))

    assert journal_of(posting) == [
        CR(CASH, 40_00),
        DR(PRINCIPAL_RECEIVABLE, 20_00),
        DR(INTEREST_RECEIVABLE, 20_00),
    ]
    assert books.collected() == Collected(interest=10_00, fees=5_00)


def test_cash_that_was_refunded_is_owed_again_as_principal() -> None:
    books = Books(loan())
    paid = books.post(payment(40_00))
    books.left(suspense_minor=0)

    posting = books.post(reversal(paid))

    assert journal_of(posting) == [CR(CASH, 40_00), DR(PRINCIPAL_RECEIVABLE, 40_00)]
    assert books.balances() == Balances(principal=40_00)
    assert books.collected() == Collected()


def test_a_returned_payment_on_a_charged_off_loan_restores_exposure() -> None:
    books = Books(loan(Balances(principal=100_00)))
    paid = books.post(payment(60_00))
    books.left(principal_minor=0, standing_charge_offs=1)

    posting = books.post(reversal(paid))

    assert journal_of(posting) == [CR(CASH, 60_00), DR(PRINCIPAL_RECEIVABLE, 60_00)]
    assert books.balances() == Balances(principal=60_00)
    assert books.loan().status == "charged_off"


def test_reversing_a_payment_may_pass_the_largest_balance_only_by_refusal() -> None:
    books = Books(loan(Balances(principal=1_00)))
    paid = books.post(payment(1_00))
    books.post(disbursement(LARGEST))
    assert books.refuse(reversal(paid)).code == "balance_out_of_range"


def test_an_unknown_entry_is_not_found() -> None:
    assert Books(loan()).refuse(reversal(NO_SUCH_ENTRY)).code == "entry_not_found"


def test_another_tenants_entry_is_not_found() -> None:
    books = Books()
    opening = books.post(disbursement(1_00))
    assert books.refuse(reversal(opening, tenant_id=OTHER_TENANT)).code == "entry_not_found"


def test_a_second_reversal_names_the_first() -> None:
    books = Books(loan(OWING))
    paid = books.post(payment(1_00))
    first = books.post(reversal(paid))

    refusal = books.refuse(reversal(paid))

    assert refusal.code == "already_reversed"
    assert refusal.members["reversed_by_entry_id"] == str(entry_of(first).journal_entry_id)


def test_a_reversal_is_not_reversed() -> None:
    books = Books(loan(OWING))
    mirror = books.post(reversal(books.post(payment(1_00))))
    assert books.refuse(reversal(mirror)).code == "reversal_of_reversal"


def test_the_reversal_of_one_loans_accrual_is_not_reversed() -> None:
    books = Books(loan(OWING))
    mirror = books.post(reversal(books.post(accrual(1_00)), loan_id=LOAN))
    assert books.refuse(reversal(mirror)).code == "reversal_of_reversal"


def test_a_reversal_may_have_the_date_of_its_original_and_none_before() -> None:
    books = Books(loan(OWING))
    paid = books.post(payment(1_00, on="2026-02-02"))
    assert books.refuse(reversal(paid, on="2026-02-01")).code == "effective_before_original"
    books.post(reversal(paid, on="2026-02-02"))


def test_a_refused_reversal_leaves_the_entry_reversible() -> None:
    books = Books(loan(OWING))
    paid = books.post(payment(1_00))
    books.refuse(reversal(paid, on="2020-01-01"))
    books.post(reversal(paid))
    assert books.balances() == OWING


def test_an_event_without_a_rule_is_never_guessed() -> None:
    books = Books(loan(OWING))
    books.post(fee(1_00))
    ((key, posted),) = books.page.entries.items()
    odd = replace(posted.entry, event_type="forgiveness")
    books.page.entries[key] = replace(posted, entry=odd)
    with pytest.raises(BrokenInvariant, match="no rule reverses forgiveness"):
        books.take(reversal(odd))
