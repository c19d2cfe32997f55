"""Where several refusals hold, the first in `PRECEDENCE` is the answer: reversals, refinances,
adjustments and month ends (see `test_precedence`).
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from posting_engine.posting.refusals import PRECEDENCE, Refusal
from schemas.chart_of_accounts import (
    CASH,
    DISBURSEMENT_CLEARING,
    FEE_INCOME,
    OPENING_BALANCES,
    PRINCIPAL_RECEIVABLE,
    SUSPENSE,
    Account,
)
from schemas.commands import ManualAdjustment, RefinanceReversal, Reversal
from tests.journal import (
    BORROWER,
    CR,
    DR,
    LARGEST,
    LOAN,
    NO_SUCH_ENTRY,
    OTHER_BORROWER,
    SECOND_LOAN,
    TENANT,
    THIRD_LOAN,
    Balances,
    Collected,
    accrual,
    adjustment,
    charge_off,
    close,
    disbursement,
    entry_of,
    loan,
    recovery,
    refinance,
    refinance_reversal,
    reversal,
    settlement,
)
from tests.posting.books import Books, posted
from tests.posting.refusal_sets import Codes, first_of, sets_of

ALWAYS = ("entry_not_found", "already_reversed", "effective_before_original")
ANY_ENTRY = (*ALWAYS, "reversal_of_reversal", "balance_out_of_range")
NO_ACCOUNT = Account("9999", "No Account", "DR")


def found(books: Books, holding: Codes, entry_id: object) -> None:
    """What may stand in the way of reversing any entry."""
    (key,) = [key for key in books.page.entries if key[1] == entry_id]
    was = books.page.entries[key]
    if "entry_not_found" in holding:
        books.left(life_began_seq=len(books.journal) + 1)
    if "already_reversed" in holding:
        books.page.reversed_by[was.entry.journal_entry_id, was.entry.part] = NO_SUCH_ENTRY
    if "reversal_of_reversal" in holding:
        entry = replace(was.entry, event_type="reversal")
        books.page.entries[key] = replace(was, entry=entry)


def on(holding: Codes, day: str) -> str:
    early = date.fromisoformat(day).replace(year=2025).isoformat()
    return early if "effective_before_original" in holding else day


def of_a_disbursement(holding: Codes) -> tuple[Books, Reversal]:
    """10.00 lent, and everything that stands in the way of taking it back."""
    books = Books()
    lent = books.post(disbursement(10_00, on="2026-01-05"))
    if "disbursement_settled" in holding:
        books.post(settlement(lent, 1))
    short = "reduced_without_cash" in holding
    full = "balance_out_of_range" in holding
    if short or full:
        books.left(principal_minor=0, collected_principal_minor=9_99 if short else 10_00)
    if full:
        books.left(suspense_minor=LARGEST)
    entry = entry_of(lent)
    found(books, holding, entry.journal_entry_id)
    return books, reversal(entry, on=on(holding, "2026-01-06"))


def of_a_charge_off(holding: Codes) -> tuple[Books, Reversal]:
    """10.00 written off, of which something may have been recovered."""
    books = Books(loan(Balances(principal=10_00)))
    entry = entry_of(books.post(charge_off(on="2026-06-30")))
    if "recovered_since" in holding:
        books.post(recovery(1))
    if "balance_out_of_range" in holding:
        books.left(principal_minor=LARGEST)
    found(books, holding, entry.journal_entry_id)
    return books, reversal(entry, on=on(holding, "2026-07-31"))


def of_an_adjustment(holding: Codes) -> tuple[Books, Reversal]:
    """10.00 of principal and 3.00 of suspense that came by an adjustment, and went."""
    books = Books(loan())
    entry = entry_of(
        books.post(
            adjustment(
                DR(PRINCIPAL_RECEIVABLE, 10_00),
                CR(SUSPENSE, 3_00),
                CR(OPENING_BALANCES, 7_00),
                on="2026-02-10",
            )
        )
    )
    if "reduced_without_cash" in holding:
        books.left(principal_minor=9_99)
    if "balance_would_be_negative" in holding:
        books.left(suspense_minor=2_99)
    if "balance_out_of_range" in holding:
        books.left(fees_minor=LARGEST + 1)
    found(books, holding, entry.journal_entry_id)
    return books, reversal(entry, on=on(holding, "2026-03-01"))


def of_a_refinance(holding: Codes) -> tuple[Books, RefinanceReversal]:
    """A refinance, named with another new loan where it is not to be found."""
    books = Books(loan(Balances(principal=10_00)))
    books.post(refinance(5_00, on="2026-04-01"))
    payoff, opening = (posted(decision) for decision in books.run())
    if "already_reversed" in holding:
        books.page.reversed_by[entry_of(payoff).journal_entry_id, 1] = NO_SUCH_ENTRY
    if "disbursement_settled" in holding:
        books.post(settlement(opening, 1, on="2026-04-02"))
    full = "balance_out_of_range" in holding
    if "reduced_without_cash" in holding or full:
        cash = 14_99 if "reduced_without_cash" in holding else 15_00
        books.left(SECOND_LOAN, principal_minor=0, collected_principal_minor=cash)
    if full:
        books.left(SECOND_LOAN, suspense_minor=LARGEST)
    return books, refinance_reversal(
        opening,
        on=on(holding, "2026-04-30"),
        new_loan_id=THIRD_LOAN if "entry_not_found" in holding else SECOND_LOAN,
    )


def of_one_loans_accrual(holding: Codes) -> tuple[Books, Reversal]:
    """10.00 accrued; a share is never itself a reversal."""
    books = Books(loan())
    accrued = entry_of(books.post(accrual(10_00, on="2026-01-31")))
    if "already_reversed" in holding:
        books.post(reversal(accrued, loan_id=LOAN))
    short = "reduced_without_cash" in holding
    full = "balance_out_of_range" in holding
    if short or full:
        cash = Collected(interest=9_99 if short else 10_00)
        books.left(interest_minor=0, collected_interest_minor=cash.interest)
    if full:
        books.left(suspense_minor=LARGEST)
    if "entry_not_found" in holding:
        books.left(life_began_seq=len(books.journal) + 1)
    return books, reversal(accrued, on=on(holding, "2026-02-01"), loan_id=LOAN)


REVERSALS: dict[Callable[..., tuple[Books, Reversal | RefinanceReversal]], tuple[str, ...]] = {
    of_a_disbursement: (*ANY_ENTRY, "disbursement_settled", "reduced_without_cash"),
    of_a_charge_off: (*ANY_ENTRY, "recovered_since"),
    of_an_adjustment: (*ANY_ENTRY, "reduced_without_cash", "balance_would_be_negative"),
    of_a_refinance: (
        *(*ALWAYS, "disbursement_settled", "reduced_without_cash", "balance_out_of_range"),
    ),
    of_one_loans_accrual: (*ALWAYS, "reduced_without_cash", "balance_out_of_range"),
}
"""What is reversed, with the refusals that it can meet: no entry can meet all of them."""


@pytest.mark.parametrize(
    ("prepared", "holding"),
    [
        pytest.param(prepared, holding, id=f"{prepared.__name__}-{sorted(holding)}")
        for prepared, codes in REVERSALS.items()
        for holding in sets_of("reversal", among=codes)
    ],
)
def test_reversal(
    prepared: Callable[[Codes], tuple[Books, Reversal | RefinanceReversal]], holding: Codes
) -> None:
    books, command = prepared(holding)
    assert books.refuse(command).code == first_of("reversal", holding)


def test_every_refusal_of_a_reversal_is_walked() -> None:
    walked = {code for codes in REVERSALS.values() for code in codes}
    assert walked == set(PRECEDENCE["reversal"])


@pytest.mark.parametrize("holding", sets_of("refinance"), ids=sorted)
def test_refinance(holding: Codes) -> None:
    old = loan(
        Balances(
            principal="nothing_to_refinance" not in holding,
            suspense="suspense_outstanding" in holding,
            unsettled="disbursement_unsettled" in holding,
        ),
        standing_charge_offs="loan_closed" in holding,
        standing_payments=1,
    )
    books = Books(*(() if "loan_not_found" in holding else (old,)))
    if "new_loan_exists" in holding:
        books.page.loans[TENANT, SECOND_LOAN] = replace(old, loan_id=SECOND_LOAN)
    additional = LARGEST + 1 if "balance_out_of_range" in holding else 1
    currency = "EUR" if "currency_mismatch" in holding else "USD"

    reserved = books.take(refinance(additional, currency=currency))
    refusal = reserved if isinstance(reserved, Refusal) else books.run()[0]

    assert isinstance(refusal, Refusal)
    assert refusal.code == first_of("refinance", holding)


OF_LINES = ("unbalanced", "account_not_found", "account_not_adjustable", "period_closed")
OF_A_LOAN = (
    *("borrower_mismatch", "currency_mismatch", "balance_would_be_negative"),
    "balance_out_of_range",
)
OF_NO_LOAN = ("loan_reserved", "loan_required", "loan_not_found")


def adjustment_for(holding: Codes) -> ManualAdjustment:
    """Lines that are wrong in every way that is asked for."""
    legs = [DR(CASH, 1), CR(FEE_INCOME, 1 + ("unbalanced" in holding))]
    if "account_not_found" in holding:
        legs += [DR(NO_ACCOUNT, 1), CR(CASH, 1)]
    if "account_not_adjustable" in holding:
        legs += [DR(DISBURSEMENT_CLEARING, 1), CR(CASH, 1)]
    if "balance_would_be_negative" in holding:
        legs += [DR(SUSPENSE, 1), CR(CASH, 1)]
    if {"balance_out_of_range", "loan_required", "loan_reserved"} & holding:
        legs += [DR(PRINCIPAL_RECEIVABLE, 1), CR(OPENING_BALANCES, 1)]
    return adjustment(
        *legs,
        on="2026-01-31" if "period_closed" in holding else "2026-02-01",
        currency="EUR" if "currency_mismatch" in holding else "USD",
        loan_id=None if "loan_required" in holding else LOAN,
        borrower_id=OTHER_BORROWER if "borrower_mismatch" in holding else BORROWER,
    )


@pytest.mark.parametrize(
    "holding", sets_of("manual_adjustment", among=(*OF_LINES, *OF_A_LOAN)), ids=sorted
)
def test_adjustment_of_a_loan(holding: Codes) -> None:
    full = LARGEST if "balance_out_of_range" in holding else 1
    books = Books(loan(Balances(principal=full)), closed_through="2026-01-31")
    refusal = books.refuse(adjustment_for(holding))
    assert refusal.code == first_of("manual_adjustment", holding)


@pytest.mark.parametrize(
    "holding",
    [
        some
        for code in OF_NO_LOAN
        for some in sets_of("manual_adjustment", among=(*OF_LINES, code))
        if code in some
    ],
    ids=sorted,
)
def test_adjustment_where_there_is_no_loan(holding: Codes) -> None:
    """None is named, or it does not exist, or a refinance has reserved its id."""
    reserved = (loan(standing_openings=0, reserved_by=NO_SUCH_ENTRY),)
    books = Books(*(reserved if "loan_reserved" in holding else ()), closed_through="2026-01-31")
    refusal = books.refuse(adjustment_for(holding))
    assert refusal.code == first_of("manual_adjustment", holding)


def test_every_refusal_of_an_adjustment_is_walked() -> None:
    walked = {*OF_LINES, *OF_A_LOAN, *OF_NO_LOAN}
    assert walked == set(PRECEDENCE["manual_adjustment"])


@pytest.mark.parametrize(
    "holding",
    sets_of("period_close", never_together=[("period_already_closed", "earlier_period_open")]),
    ids=sorted,
)
def test_close(holding: Codes) -> None:
    """April is closed; May comes next, and June only after it."""
    month, last_day = "2026-05", "2026-05-31"
    if "earlier_period_open" in holding:
        month, last_day = "2026-06", "2026-06-30"
    if "period_already_closed" in holding:
        month, last_day = "2026-04", "2026-04-30"
    books = Books(closed_through="2026-04-30")
    books.on(last_day if "period_not_ended" in holding else "2026-08-01")
    assert books.refuse(close(month)).code == first_of("period_close", holding)
