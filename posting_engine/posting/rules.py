"""Posting rules: which accounts each event debits and credits (accounting section 2).

Code computes the amounts; this table alone chooses the accounts. An event that is not in it
cannot post. A leg names the amount it takes; a leg of zero has no line.
"""

from collections.abc import Mapping
from typing import Final

from posting_engine.posting.journal import Direction, Line, Subject, credit, debit
from schemas.chart_of_accounts import (
    CASH,
    DISBURSEMENT_CLEARING,
    FEES_RECEIVABLE,
    INTEREST_INCOME,
    INTEREST_RECEIVABLE,
    PRINCIPAL_RECEIVABLE,
    SUSPENSE,
    Account,
)

DISBURSEMENT: Final = "disbursement"
PAYMENT_RECEIVED: Final = "payment_received"
ACCRUAL: Final = "accrual"
REVERSAL: Final = "reversal"

Leg = tuple[Direction, Account, str]

RULES: Final[dict[str, tuple[Leg, ...]]] = {
    DISBURSEMENT: (
        ("DR", PRINCIPAL_RECEIVABLE, "amount"),
        ("CR", DISBURSEMENT_CLEARING, "amount"),
    ),
    PAYMENT_RECEIVED: (
        ("DR", CASH, "amount"),
        ("CR", FEES_RECEIVABLE, "fees"),
        ("CR", INTEREST_RECEIVABLE, "interest"),
        ("CR", PRINCIPAL_RECEIVABLE, "principal"),
        ("CR", SUSPENSE, "suspense"),
    ),
    ACCRUAL: (
        ("DR", INTEREST_RECEIVABLE, "interest"),
        ("CR", INTEREST_INCOME, "interest"),
    ),
}
"""Event type -> its legs. A reversal has none of its own: it mirrors (`reversal.py`)."""

SUPPORTED_VERSIONS: Final = frozenset({1})
"""Rules versions that this build can decide by. A version is never changed, only added to."""


def lines_of(event_type: str, amounts: Mapping[str, int], subject: Subject) -> tuple[Line, ...]:
    """The lines that the table gives for these amounts in minor units."""
    return tuple(
        (debit if direction == "DR" else credit)(account, amounts[name], subject)
        for direction, account, name in RULES[event_type]
        if amounts[name]
    )
