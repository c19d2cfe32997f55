"""A loan's status from what stands and what is left, without its row (accounting section 2)."""

from datetime import date
from typing import Any
from uuid import UUID, uuid5

import pytest

from read_api import standing

NAMESPACE = UUID("e0000000-0000-8000-8000-000000000000")
NOTHING = dict.fromkeys(
    ("principal_minor", "interest_minor", "fees_minor", "suspense_minor", "unsettled_minor"), 0
)


def row(*types: str, **balances: int) -> dict[str, Any]:
    return {**NOTHING, **balances, "standing_types": list(types), "last_activity_at": "a time"}


@pytest.mark.parametrize(
    ("loan", "status"),
    [
        (row("disbursement", principal_minor=1), "active"),
        (row("disbursement", "payment_received"), "paid_off"),
        (row("disbursement", suspense_minor=5), "paid_off"),
        (row(suspense_minor=5), "paid_off"),
        (row(unsettled_minor=5), "paid_off"),
        (row("payment_received"), "paid_off"),
        (row(), "cancelled"),
        (row("accrual", "fee_waived"), "cancelled"),
        (row(fees_minor=1), "active"),
        (row("disbursement", "chargeoff"), "charged_off"),
        (row("disbursement", "chargeoff", "refinance/0", principal_minor=9), "charged_off"),
        (row("disbursement", "refinance/0"), "refinanced"),
        (row("disbursement", "refinance/0", suspense_minor=9), "refinanced"),
        (row("refinance/1", principal_minor=9), "active"),
        (row("refinance/1"), "paid_off"),
        (row("disbursement", principal_minor=100, interest_minor=-100), "active"),
        (row() | {"last_activity_at": None}, "active"),
    ],
)
def test_the_status_follows_from_the_books(loan: dict[str, Any], status: str) -> None:
    assert standing.status_of(loan) == status


def test_only_an_empty_loan_with_nothing_but_adjustments_hangs_on_its_history() -> None:
    assert standing.hangs_on_openings(row("manual_adjustment"))
    assert not standing.hangs_on_openings(row("manual_adjustment", suspense_minor=1))
    assert not standing.hangs_on_openings(row("manual_adjustment", "disbursement"))
    assert not standing.hangs_on_openings(row("accrual"))
    assert standing.status_of(row("manual_adjustment"), is_opened=True) == "paid_off"
    assert standing.status_of(row("manual_adjustment"), is_opened=False) == "cancelled"


def entry(name: str, kind: str, day: int, *, net: int = 0, reverses: str = "") -> dict[str, Any]:
    """An entry that debits (or credits) principal."""
    return {
        "journal_entry_id": uuid5(NAMESPACE, name),
        "event_type": kind,
        "part": 0,
        "reverses_entry_id": uuid5(NAMESPACE, reverses) if reverses else None,
        "effective_on": date(2026, 1, day),
        "currency": "USD",
        "account_codes": ["1100"] if net else None,
        "nets_minor": [net] if net else None,
    }


def stands(*history: dict[str, Any], on: int = 31, currency: str = "USD") -> bool:
    return standing.opening_stands(history, currency=currency, as_of=date(2026, 1, on))


OPENED = entry("opening", "manual_adjustment", 1, net=100)
EMPTIED = entry("emptying", "manual_adjustment", 5, net=-100)
UNDONE = entry("undoing", "reversal", 9, net=-100, reverses="opening")


def test_the_adjustment_that_met_no_loan_opened_it() -> None:
    assert stands(OPENED, EMPTIED)
    assert not stands(OPENED, UNDONE)


def test_a_reversal_counts_from_its_own_day() -> None:
    assert stands(OPENED, UNDONE, on=8)
    assert not stands(OPENED, UNDONE, on=9)


def test_an_adjustment_of_a_living_loan_is_no_opening() -> None:
    lent = entry("lending", "disbursement", 1, net=50)
    unlent = entry("unlending", "reversal", 2, net=-50, reverses="lending")
    assert not stands(lent, OPENED, unlent, EMPTIED)


def test_an_adjustment_after_a_cancellation_opens_the_loan_anew() -> None:
    again = entry("again", "manual_adjustment", 10, net=70)
    emptied = entry("emptied again", "manual_adjustment", 11, net=-70)
    assert stands(OPENED, UNDONE, again, emptied)
    assert not stands(OPENED, UNDONE, again, emptied, currency="EUR")


def test_a_standing_opening_lets_no_second_adjustment_open() -> None:
    more = entry("more", "manual_adjustment", 6, net=30)
    less = entry("less", "manual_adjustment", 7, net=-30)
    undone = entry("undoing later", "reversal", 9, net=0, reverses="opening")
    assert not stands(OPENED, EMPTIED, more, less, undone)
