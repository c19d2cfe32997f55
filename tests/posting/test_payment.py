"""Payments: the waterfall, holding in suspense, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posting_engine.posting import waterfall
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
    OTHER_BORROWER,
    Balances,
    Collected,
    entry_of,
    journal_of,
    loan,
    payment,
)
from tests.posting.books import Books


def explained(
    receivable: str, *, owed: str, applied: str, rule: str = "waterfall/1"
) -> dict[str, str]:
    return {"receivable": receivable, "rule": rule, "owed_minor": owed, "applied_minor": applied}


OWING = Balances(principal=1_000_00, interest=8_22, fees=5_00)


def test_a_payment_meets_fees_then_interest_then_principal() -> None:
    books = Books(loan(OWING))

    posting = books.post(payment(113_22))

    assert journal_of(posting) == [
        DR(CASH, 113_22),
        CR(FEES_RECEIVABLE, 5_00),
        CR(INTEREST_RECEIVABLE, 8_22),
        CR(PRINCIPAL_RECEIVABLE, 100_00),
    ]
    assert books.balances() == Balances(principal=900_00)
    assert books.collected() == Collected(principal=100_00, interest=8_22, fees=5_00)
    assert posting.result["allocation"] == {
        "fees_minor": "500",
        "interest_minor": "822",
        "principal_minor": "10000",
        "suspense_minor": "0",
        "explained": [
            explained("fees", owed="500", applied="500"),
            explained("interest", owed="822", applied="822"),
            explained("principal", owed="100000", applied="10000"),
        ],
    }
    assert posting.result["payment_event_id"] == str(entry_of(posting).event_id)


def test_a_small_payment_does_not_get_past_the_fees() -> None:
    books = Books(loan(OWING))

    posting = books.post(payment(3_00))

    assert journal_of(posting) == [DR(CASH, 3_00), CR(FEES_RECEIVABLE, 3_00)]
    assert books.balances() == Balances(principal=1_000_00, interest=8_22, fees=2_00)


def test_what_is_not_owed_goes_to_suspense() -> None:
    books = Books(loan(Balances(principal=891_78)))

    posting = books.post(payment(900_00))

    assert journal_of(posting) == [
        DR(CASH, 900_00),
        CR(PRINCIPAL_RECEIVABLE, 891_78),
        CR(SUSPENSE, 8_22),
    ]
    assert books.balances() == Balances(suspense=8_22)
    assert books.loan().status == "paid_off"


def test_a_held_payment_goes_to_suspense_whole() -> None:
    books = Books(loan(OWING))

    posting = books.post(payment(113_22, allocation="hold"))

    assert journal_of(posting) == [DR(CASH, 113_22), CR(SUSPENSE, 113_22)]
    assert books.balances() == Balances(
        principal=1_000_00, interest=8_22, fees=5_00, suspense=113_22
    )
    assert books.collected() == Collected()
    assert posting.result["allocation"] == {
        "fees_minor": "0",
        "interest_minor": "0",
        "principal_minor": "0",
        "suspense_minor": "11322",
        "explained": [
            explained("fees", owed="500", applied="0", rule="hold"),
            explained("interest", owed="822", applied="0", rule="hold"),
            explained("principal", owed="100000", applied="0", rule="hold"),
        ],
    }


def test_a_payment_on_a_refinanced_loan_goes_to_suspense_whole() -> None:
    books = Books(loan(Balances(interest=8_22), standing_refinances=1))

    posting = books.post(payment(113_22))

    assert journal_of(posting) == [DR(CASH, 113_22), CR(SUSPENSE, 113_22)]
    assert books.balances() == Balances(interest=8_22, suspense=113_22)
    assert books.loan().status == "refinanced"


def test_a_payment_on_a_paid_off_loan_goes_to_suspense() -> None:
    books = Books(loan(collected=Collected(principal=1_000_00)))
    assert journal_of(books.post(payment(1_00))) == [DR(CASH, 1_00), CR(SUSPENSE, 1_00)]


def test_a_payment_leaves_disbursement_clearing_alone() -> None:
    books = Books(loan(Balances(principal=10_00, unsettled=10_00)))
    books.post(payment(10_00))
    assert books.balances() == Balances(unsettled=10_00)


def test_a_payment_may_be_backdated_before_the_opening() -> None:
    """Cash is a fact: its date is the client's, and it meets what is owed now."""
    books = Books(loan(Balances(principal=10_00)))
    entry = entry_of(books.post(payment(1_00, on="2025-12-31")))
    assert entry.effective_on.isoformat() == "2025-12-31"


def test_an_unknown_loan_is_not_found() -> None:
    assert Books().refuse(payment(1_00)).code == "loan_not_found"


def test_another_borrower_is_refused() -> None:
    books = Books(loan(OWING))
    assert books.refuse(payment(1_00, borrower_id=OTHER_BORROWER)).code == "borrower_mismatch"


def test_another_currency_is_refused() -> None:
    books = Books(loan(OWING))
    assert books.refuse(payment(1_00, currency="EUR")).code == "currency_mismatch"


def test_a_charged_off_loan_takes_recoveries_instead() -> None:
    books = Books(loan(standing_charge_offs=1))
    assert books.refuse(payment(1_00)).code == "loan_charged_off"


def test_suspense_may_reach_the_largest_balance_and_not_pass_it() -> None:
    books = Books(loan(Balances(suspense=LARGEST - 1_00)))
    books.post(payment(1_00))
    assert books.balances() == Balances(suspense=LARGEST)
    assert books.refuse(payment(1)).code == "balance_out_of_range"


def test_an_unknown_order_of_allocation_is_never_guessed() -> None:
    with pytest.raises(BrokenInvariant, match="waterfall version 99"):
        Books(loan(OWING)).post(payment(1_00, waterfall_version=99))


def test_unknown_rules_are_never_guessed() -> None:
    with pytest.raises(BrokenInvariant, match="rules version 2"):
        Books(loan(OWING)).post(payment(1_00, rules_version=2))


def test_an_amount_that_is_no_amount_breaks_an_invariant() -> None:
    for amount in (0, -1):
        with pytest.raises(BrokenInvariant):
            Books(loan(OWING)).post(payment(amount))


@given(
    amount=st.integers(min_value=1, max_value=LARGEST),
    principal=st.integers(min_value=0, max_value=LARGEST),
    interest=st.integers(min_value=0, max_value=LARGEST),
    fees=st.integers(min_value=0, max_value=LARGEST),
)
def test_the_parts_always_sum_to_the_payment(
    amount: int, principal: int, interest: int, fees: int
) -> None:
    owing = loan(Balances(principal=principal, interest=interest, fees=fees))
    split = waterfall.allocate(amount, owing, 1)
    parts = {**split.parts, "suspense": split.suspense_minor}
    assert sum(parts.values()) == amount
    assert min(parts.values()) >= 0
    if parts["interest"]:
        assert parts["fees"] == fees
    if parts["principal"]:
        assert parts["interest"] == interest
    if parts["suspense"]:
        assert parts["principal"] == principal


def test_a_tenant_may_have_interest_paid_before_fees() -> None:
    books = Books(loan(OWING))

    posting = books.post(payment(10_00, waterfall_version=2))

    assert journal_of(posting) == [
        DR(CASH, 10_00),
        CR(FEES_RECEIVABLE, 1_78),
        CR(INTEREST_RECEIVABLE, 8_22),
    ]
