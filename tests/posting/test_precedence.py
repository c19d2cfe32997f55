"""Where several refusals hold, the first in `PRECEDENCE` is the answer.

For each event every set of its refusals is made to hold at once: the command and the books are
built so that each code of the set applies by itself.
"""

from dataclasses import replace
from datetime import date
from itertools import combinations
from struct import pack
from uuid import UUID

import pytest

from posting_engine.posting.page import DisbursedAmount
from posting_engine.posting.refusals import PRECEDENCE, Refusal
from schemas.commands import AccrualChunk, Disbursement, Payment, Reversal
from tests.journal import (
    LARGEST,
    LOAN,
    NO_SUCH_ENTRY,
    OTHER_BORROWER,
    TENANT,
    Balances,
    Collected,
    accrual,
    disbursement,
    entry_of,
    loan,
    payment,
    reversal,
)
from tests.posting.books import Books

Codes = frozenset[str]


def sets_of(event_type: str) -> list[Codes]:
    """Every set of one or more of an event's refusals."""
    codes = PRECEDENCE[event_type]
    sizes = range(1, len(codes) + 1)
    return [frozenset(chosen) for size in sizes for chosen in combinations(codes, size)]


def first_of(event_type: str, holding: Codes) -> str:
    return next(code for code in PRECEDENCE[event_type] if code in holding)


def mismatched(command: Disbursement | Payment, holding: Codes) -> Disbursement | Payment:
    if "borrower_mismatch" in holding:
        command = replace(command, borrower_id=OTHER_BORROWER)
    if "currency_mismatch" in holding:
        command = replace(command, currency="EUR")
    return command


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


@pytest.mark.parametrize("holding", sets_of("reversal"), ids=sorted)
def test_reversal(holding: Codes) -> None:
    books, command = reversal_for(holding)
    assert books.refuse(command).code == first_of("reversal", holding)


def reversal_for(holding: Codes) -> tuple[Books, Reversal]:
    """A disbursement of 10.00, then everything that stands in the way of its reversal."""
    books = Books()
    opening = entry_of(books.post(disbursement(10_00, on="2026-01-05")))
    key, posted = (TENANT, opening.journal_entry_id, 0), books.page.entries
    if "entry_not_found" in holding:
        books.left(life_began_seq=2)
    if "already_reversed" in holding:
        books.page.reversed_by[opening.journal_entry_id, 0] = NO_SUCH_ENTRY
    if "reversal_of_reversal" in holding:
        posted[key] = replace(posted[key], entry=replace(opening, event_type="reversal"))
    if "disbursement_settled" in holding:
        books.page.disbursed[TENANT, opening.event_id] = DisbursedAmount(
            opening.event_id,
            LOAN,
            opening.journal_entry_id,
            10_00,
            1,
            opening.effective_on,
            settled_minor=1,
        )
    if "reduced_without_cash" in holding:
        books.left(principal_minor=0, collected_principal_minor=9_99)
    elif "balance_out_of_range" in holding:
        books.left(principal_minor=0, collected_principal_minor=10_00)
    if "balance_out_of_range" in holding:
        books.left(suspense_minor=LARGEST)
    early = "effective_before_original" in holding
    return books, reversal(opening, on="2026-01-04" if early else "2026-01-05")


@pytest.mark.parametrize("holding", sets_of("reversal"), ids=sorted)
def test_reversal_of_one_loans_accrual(holding: Codes) -> None:
    """The same order; an accrual's share is never itself a reversal, nor settled."""
    books = Books(loan())
    accrued = entry_of(books.post(accrual(10_00, on="2026-01-31")))
    if "already_reversed" in holding:
        books.post(reversal(accrued, loan_id=LOAN))
    reachable = holding - {"reversal_of_reversal", "disbursement_settled"}
    if "entry_not_found" in holding:
        books.left(life_began_seq=2)
    short = "reduced_without_cash" in holding
    full = "balance_out_of_range" in holding
    if short or full:
        collected = Collected(interest=9_99 if short else 10_00)
        books.left(
            interest_minor=0,
            collected_interest_minor=collected.interest,
            suspense_minor=LARGEST if full else 0,
        )
    early = "effective_before_original" in holding
    decision = books.take(
        reversal(accrued, on="2026-01-30" if early else "2026-01-31", loan_id=LOAN)
    )
    code = decision.code if isinstance(decision, Refusal) else None
    assert code == (first_of("reversal", reachable) if reachable else None)


def test_every_event_ends_with_the_range_of_a_balance() -> None:
    assert {codes[-1] for codes in PRECEDENCE.values()} == {"balance_out_of_range"}
