"""Any commands in any order: the books stay true, and the same log gives the same books.

`HPTS_PROPERTY_EXAMPLES` sets how many histories are tried (50 commands each; 450 by default).
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test

from posting_engine.posting.waterfall import allocate
from tests.journal import Balances, Collected, journal_of, loan, payment, reversal
from tests.posting import model
from tests.posting.books import Books
from tests.posting.histories import Ledger, steps_taken

EXAMPLES = int(os.environ.get("HPTS_PROPERTY_EXAMPLES", "450"))
STEPS = 50

KINDS = ("Disbursement", "Payment", "AccrualChunk", "Reversal")
REACHED = (
    "loan_not_found",
    "borrower_mismatch",
    "currency_mismatch",
    "accrual_rejected",
    "entry_not_found",
    "already_reversed",
    "reversal_of_reversal",
    "effective_before_original",
    "balance_out_of_range",
)
"""Refusals that these histories must have met, or they prove too little."""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_any_history_keeps_the_books_true() -> None:
    steps_taken.clear()
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert sum(steps_taken[kind] for kind in KINDS) >= 0.9 * EXAMPLES * STEPS, steps_taken
    assert steps_taken["reduced_without_cash"] == steps_taken["disbursement_settled"] == 0
    assert min(steps_taken[code] for code in REACHED) > 0, steps_taken


@given(
    amount=st.integers(1, 60),
    before=st.builds(Balances, *[st.integers(0, 20)] * 4),
)
def test_a_payment_pays_what_the_model_says(amount: int, before: Balances) -> None:
    owing = loan(before)
    expected = model.waterfall(amount, before.principal, before.interest, before.fees)
    split = allocate(amount, owing, 1)
    assert {**split.parts, "suspense": split.suspense_minor} == expected


@settings(max_examples=max(300, EXAMPLES))
@given(
    amount=st.integers(1, 60),
    before=st.builds(Balances, *[st.integers(0, 20)] * 4),
    since=st.builds(Balances, *[st.integers(0, 20)] * 4),
    collected=st.builds(Collected, *[st.integers(0, 20)] * 3),
)
def test_reversing_a_payment_takes_back_what_the_model_says(
    amount: int, before: Balances, since: Balances, collected: Collected
) -> None:
    """Whatever other events did to the loan between the payment and its reversal."""
    books = Books(loan(before))
    paid = books.post(payment(amount))
    credited = model.waterfall(amount, before.principal, before.interest, before.fees)
    books.left(
        **{f"{name}_minor": value for name, value in vars(since).items()},
        **{f"collected_{name}_minor": value for name, value in vars(collected).items()},
    )

    posting = books.post(reversal(paid))

    debits, falls = model.taken_back(amount, credited, vars(collected), since.suspense)
    assert sum(debits.values()) == amount
    after = vars(books.balances())
    for name in ("principal", "interest", "fees"):
        assert after[name] == vars(since)[name] + debits[name]
        assert vars(books.collected())[name] == vars(collected)[name] - falls[name]
    assert after["suspense"] == since.suspense - debits["suspense"]
    assert journal_of(posting)[0].amount_minor == amount
