"""Where several refusals hold, the first in `PRECEDENCE` is the answer: events of one loan.

For each event every set of its refusals is made to hold at once: the command and the books are
built so that each code of the set applies by itself. Reversals, adjustments, refinances and
month ends: `test_precedence_of_steps`.
"""

from dataclasses import replace
from datetime import date
from struct import pack
from uuid import UUID

import pytest

from posting_engine.posting.loan import Loan
from posting_engine.posting.refusals import PRECEDENCE
from schemas.commands import AccrualChunk, Disbursement, Payment
from tests.journal import (
    LARGEST,
    LOAN,
    NO_SUCH_ENTRY,
    OTHER_BORROWER,
    SECOND_LOAN,
    TENANT,
    Balances,
    Collected,
    accrual,
    allocation,
    charge_off,
    disbursement,
    entry_of,
    fee,
    loan,
    payment,
    payment_return,
    recovery,
    restructure,
    settlement,
    waiver,
)
from tests.posting.books import Books
from tests.posting.refusal_sets import Codes, first_of, sets_of


def mismatched(command: Disbursement | Payment, holding: Codes) -> Disbursement | Payment:
    if "borrower_mismatch" in holding:
        command = replace(command, borrower_id=OTHER_BORROWER)
    if "currency_mismatch" in holding:
        command = replace(command, currency="EUR")
    return command


def books_of(before: Loan, holding: Codes) -> Books:
    return Books(*(() if "loan_not_found" in holding else (before,)))


def currency_of(holding: Codes) -> str:
    return "EUR" if "currency_mismatch" in holding else "USD"


@pytest.mark.parametrize("holding", sets_of("disbursement"), ids=sorted)
def test_disbursement(holding: Codes) -> None:
    full = LARGEST if "balance_out_of_range" in holding else 0
    books = Books(
        loan(
            Balances(principal=full),
            reserved_by=UUID(int=1) if "loan_reserved" in holding else None,
            standing_refinances="loan_closed" in holding,
        )
    )
    refusal = books.refuse(mismatched(disbursement(1), holding))
    assert refusal.code == first_of("disbursement", holding)


@pytest.mark.parametrize("holding", sets_of("payment_received"), ids=sorted)
def test_payment(holding: Codes) -> None:
    full = LARGEST if "balance_out_of_range" in holding else 0
    before = loan(Balances(suspense=full), standing_charge_offs="loan_charged_off" in holding)
    books = Books(*(() if "loan_not_found" in holding else (before,)))
    refusal = books.refuse(mismatched(payment(1), holding))
    assert refusal.code == first_of("payment_received", holding)


@pytest.mark.parametrize("holding", sets_of("accrual"), ids=sorted)
def test_accrual_of_one_loan(holding: Codes) -> None:
    full = LARGEST if "balance_out_of_range" in holding else 0
    before = loan(
        Balances(principal=5_00, interest=full),
        quarantined="loan_quarantined" in holding,
        standing_charge_offs="loan_not_accruing" in holding,
        accrued_through=date(2026, 1, 31) if "already_accrued" in holding else None,
    )
    books = Books(*(() if "loan_not_found" in holding else (before,)))
    refusal = books.refuse(chunk_for(holding))
    assert refusal.members["rejections"] == [
        {"loan_id": str(LOAN), "code": first_of("accrual", holding)}
    ]


def chunk_for(holding: Codes) -> AccrualChunk:
    stated = 4_99 if "principal_mismatch" in holding else 5_00
    return replace(
        accrual(1, on="2026-01-31"),
        currency="EUR" if "currency_mismatch" in holding else "USD",
        principals=pack(">q", stated),
        require_principal_match=True,
    )


@pytest.mark.parametrize("holding", sets_of("disbursement_settled"), ids=sorted)
def test_settlement(holding: Codes) -> None:
    books = Books()
    event_id = entry_of(books.post(disbursement(10_00, on="2026-01-05"))).event_id
    if "already_reversed" in holding:
        disbursed = books.page.disbursed[TENANT, event_id]
        books.page.disbursed[TENANT, event_id] = replace(disbursed, reversed=True)
        books.page.reversed_by[disbursed.journal_entry_id, 0] = NO_SUCH_ENTRY
    command = settlement(
        event_id,
        10_01 if "amount_exceeds_unsettled" in holding else 1,
        on="2026-01-04" if "effective_before_original" in holding else "2026-01-05",
        currency=currency_of(holding),
        loan_id=SECOND_LOAN if "event_not_found" in holding else LOAN,
    )
    assert books.refuse(command).code == first_of("disbursement_settled", holding)


SPLIT_OF_NOTHING = [("split_exceeds_receivable", "nothing_to_allocate")]


@pytest.mark.parametrize(
    "holding", sets_of("payment_allocated", never_together=SPLIT_OF_NOTHING), ids=sorted
)
def test_allocation(holding: Codes) -> None:
    amount = 6_00 if "amount_exceeds_suspense" in holding else 5_00
    owed = {"nothing_to_allocate", "split_exceeds_receivable"} & holding
    full = LARGEST + 1 if "balance_out_of_range" in holding else 0
    before = loan(Balances(fees=0 if owed else 10_00, suspense=5_00), Collected(principal=full))
    split = {"fees": amount} if "split_exceeds_receivable" in holding else None
    command = allocation(amount, split=split, currency=currency_of(holding))
    refusal = books_of(before, holding).refuse(command)
    assert refusal.code == first_of("payment_allocated", holding)


@pytest.mark.parametrize("holding", sets_of("payment_returned"), ids=sorted)
def test_return(holding: Codes) -> None:
    books = Books(loan(Balances(principal=1)))
    paid = entry_of(books.post(payment(1, on="2026-02-02")))
    if "already_reversed" in holding:
        books.page.reversed_by[paid.journal_entry_id, 0] = NO_SUCH_ENTRY
    if "balance_out_of_range" in holding:
        books.left(principal_minor=LARGEST)
    command = payment_return(
        paid.event_id,
        on="2026-02-01" if "effective_before_original" in holding else "2026-02-02",
        loan_id=SECOND_LOAN if "event_not_found" in holding else LOAN,
    )
    assert books.refuse(command).code == first_of("payment_returned", holding)


@pytest.mark.parametrize("holding", sets_of("fee_assessed"), ids=sorted)
def test_fee(holding: Codes) -> None:
    full = LARGEST if "balance_out_of_range" in holding else 1
    before = loan(Balances(fees=full), standing_charge_offs="loan_closed" in holding)
    refusal = books_of(before, holding).refuse(fee(1, currency=currency_of(holding)))
    assert refusal.code == first_of("fee_assessed", holding)


@pytest.mark.parametrize("holding", sets_of("fee_waived"), ids=sorted)
def test_waiver(holding: Codes) -> None:
    before = loan(Balances(fees=5_00))
    amount = 5_01 if "amount_exceeds_receivable" in holding else 5_00
    refusal = books_of(before, holding).refuse(waiver(amount, currency=currency_of(holding)))
    assert refusal.code == first_of("fee_waived", holding)


@pytest.mark.parametrize("holding", sets_of("chargeoff"), ids=sorted)
def test_charge_off(holding: Codes) -> None:
    before = Balances(
        principal="nothing_to_charge_off" not in holding,
        suspense="suspense_outstanding" in holding,
        unsettled="disbursement_unsettled" in holding,
    )
    refusal = books_of(loan(before, standing_payments=1), holding).refuse(charge_off())
    assert refusal.code == first_of("chargeoff", holding)


@pytest.mark.parametrize("holding", sets_of("recovery"), ids=sorted)
def test_recovery(holding: Codes) -> None:
    before = loan(
        Balances(principal=1),
        standing_charge_offs="loan_not_charged_off" not in holding,
        recovered_minor=LARGEST if "balance_out_of_range" in holding else 0,
    )
    refusal = books_of(before, holding).refuse(recovery(1, currency=currency_of(holding)))
    assert refusal.code == first_of("recovery", holding)


ZERO_IS_NOT_TOO_MUCH = [("amount_exceeds_receivable", "nothing_to_capitalize")]


@pytest.mark.parametrize(
    "holding", sets_of("restructure", never_together=ZERO_IS_NOT_TOO_MUCH), ids=sorted
)
def test_restructure(holding: Codes) -> None:
    before = loan(
        Balances(principal=LARGEST + 1 if "balance_out_of_range" in holding else 1, interest=5_00),
        standing_charge_offs="loan_closed" in holding,
    )
    interest = 0 if "nothing_to_capitalize" in holding else 5_00
    command = restructure(interest=interest + ("amount_exceeds_receivable" in holding))
    refusal = books_of(before, holding).refuse(command)
    assert refusal.code == first_of("restructure", holding)


def test_every_event_that_raises_a_balance_ends_with_its_range() -> None:
    only_lower = {"disbursement_settled", "fee_waived", "chargeoff", "period_close"}
    last = {event: codes[-1] for event, codes in PRECEDENCE.items() if event not in only_lower}
    assert set(last.values()) == {"balance_out_of_range"}
    assert not any("balance_out_of_range" in PRECEDENCE[event] for event in only_lower)


def test_no_event_names_a_refusal_twice() -> None:
    assert all(len(codes) == len(set(codes)) for codes in PRECEDENCE.values())
