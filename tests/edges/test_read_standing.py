"""A loan's lives and status from what stands and what is left, without its row."""

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
        (row("manual_adjustment"), "cancelled"),
        (row("manual_adjustment/opening"), "paid_off"),
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


def entry(seq: int, name: str, kind: str, *, net: int = 0, reverses: str = "") -> dict[str, Any]:
    """An entry that debits (or credits) principal."""
    return {
        "entry_seq": seq,
        "journal_entry_id": uuid5(NAMESPACE, name),
        "event_type": kind,
        "part": 0,
        "reverses_entry_id": uuid5(NAMESPACE, reverses) if reverses else None,
        "account_codes": ["1100"] if net else None,
        "nets_minor": [net] if net else None,
    }


OPENED = entry(3, "opening", "manual_adjustment", net=100)
EMPTIED = entry(5, "emptying", "manual_adjustment", net=-100)
UNDONE = entry(9, "undoing", "reversal", net=-100, reverses="opening")
LENT = entry(1, "lending", "disbursement", net=50)
UNLENT = entry(2, "unlending", "reversal", net=-50, reverses="lending")


def test_a_loans_first_entry_begins_its_life() -> None:
    assert standing.last_life_began([]) == 0
    assert standing.last_life_began([OPENED, EMPTIED]) == 3


def test_what_follows_a_cancellation_begins_the_next_life() -> None:
    again = entry(10, "again", "manual_adjustment", net=70)
    assert standing.last_life_began([LENT, UNLENT]) == 1
    assert standing.last_life_began([LENT, UNLENT, OPENED]) == 3
    assert standing.last_life_began([LENT, UNLENT, OPENED, UNDONE]) == 3
    assert standing.last_life_began([LENT, UNLENT, OPENED, UNDONE, again]) == 10


def test_an_adjustment_of_a_living_loan_is_no_opening() -> None:
    unlent = UNLENT | {"entry_seq": 4}
    assert standing.last_life_began([LENT, OPENED, unlent, EMPTIED]) == 1
    late = entry(6, "late", "disbursement", net=1)
    assert standing.last_life_began([LENT, OPENED, unlent, EMPTIED, late]) == 6


def test_a_standing_opening_lets_no_second_adjustment_open() -> None:
    more = entry(6, "more", "manual_adjustment", net=30)
    less = entry(7, "less", "manual_adjustment", net=-30)
    assert standing.last_life_began([OPENED, EMPTIED, more, less]) == 3


@pytest.mark.parametrize("kind", ["payment_received", "chargeoff", "refinance"])
def test_what_stands_keeps_an_empty_loan_in_its_life(kind: str) -> None:
    kept = entry(2, "kept", kind)
    unlent = UNLENT | {"entry_seq": 3}
    again = entry(4, "again", "disbursement", net=9)
    assert standing.last_life_began([LENT, kept, unlent, again]) == 1
    unkept = entry(3, "unkept", "reversal", reverses="kept")
    assert standing.last_life_began([LENT, kept, unkept, unlent, again]) == 4
