"""Posting rules: which accounts each event debits and credits (accounting section 2).

Code computes the amounts; this table alone chooses the accounts. An event that is not in it
cannot post. A leg names the amount it takes; a leg of zero has no line.
"""

from collections.abc import Mapping
from typing import Final

from posting_engine.posting.journal import Direction, Line, Subject, credit, debit
from schemas import ids
from schemas.chart_of_accounts import (
    CASH,
    CHARGE_OFF_EXPENSE,
    DISBURSEMENT_CLEARING,
    FEE_INCOME,
    FEES_CHARGED_OFF,
    FEES_RECEIVABLE,
    FEES_WAIVED,
    INTEREST_CHARGED_OFF,
    INTEREST_INCOME,
    INTEREST_RECEIVABLE,
    PRINCIPAL_RECEIVABLE,
    RECOVERIES,
    REFINANCE_CLEARING,
    SUSPENSE,
    Account,
)

DISBURSEMENT: Final = "disbursement"
DISBURSEMENT_SETTLED: Final = "disbursement_settled"
ACCRUAL: Final = "accrual"
PAYMENT_RECEIVED: Final = "payment_received"
PAYMENT_ALLOCATED: Final = "payment_allocated"
PAYMENT_RETURNED: Final = "payment_returned"
FEE_ASSESSED: Final = "fee_assessed"
FEE_WAIVED: Final = "fee_waived"
CHARGE_OFF: Final = "chargeoff"
RECOVERY: Final = "recovery"
RESTRUCTURE: Final = "restructure"
REFINANCE: Final = "refinance"
REVERSAL: Final = "reversal"
MANUAL_ADJUSTMENT: Final = "manual_adjustment"

EVENT_KINDS: Final = {
    DISBURSEMENT: ids.DISBURSEMENT_EVENT,
    DISBURSEMENT_SETTLED: ids.SETTLEMENT_EVENT,
    ACCRUAL: ids.ACCRUAL_EVENT,
    PAYMENT_RECEIVED: ids.PAYMENT_EVENT,
    PAYMENT_ALLOCATED: ids.ALLOCATION_EVENT,
    PAYMENT_RETURNED: ids.RETURN_EVENT,
    FEE_ASSESSED: ids.FEE_EVENT,
    FEE_WAIVED: ids.WAIVER_EVENT,
    CHARGE_OFF: ids.CHARGE_OFF_EVENT,
    RECOVERY: ids.RECOVERY_EVENT,
    RESTRUCTURE: ids.RESTRUCTURE_EVENT,
    REFINANCE: ids.REFINANCE_EVENT,
    REVERSAL: ids.REVERSAL_EVENT,
    MANUAL_ADJUSTMENT: ids.ADJUSTMENT_EVENT,
}
"""The fourteen event types, each with the kind of its event's id."""

Leg = tuple[Direction, Account, str]

REFINANCE_OPENING: Final = "refinance, the new loan's part"

RULES: Final[dict[str, tuple[Leg, ...]]] = {
    DISBURSEMENT: (
        ("DR", PRINCIPAL_RECEIVABLE, "amount"),
        ("CR", DISBURSEMENT_CLEARING, "amount"),
    ),
    DISBURSEMENT_SETTLED: (
        ("DR", DISBURSEMENT_CLEARING, "amount"),
        ("CR", CASH, "amount"),
    ),
    ACCRUAL: (
        ("DR", INTEREST_RECEIVABLE, "interest"),
        ("CR", INTEREST_INCOME, "interest"),
    ),
    PAYMENT_RECEIVED: (
        ("DR", CASH, "amount"),
        ("CR", FEES_RECEIVABLE, "fees"),
        ("CR", INTEREST_RECEIVABLE, "interest"),
        ("CR", PRINCIPAL_RECEIVABLE, "principal"),
        ("CR", SUSPENSE, "suspense"),
    ),
    PAYMENT_ALLOCATED: (
        ("DR", SUSPENSE, "applied"),
        ("CR", FEES_RECEIVABLE, "fees"),
        ("CR", INTEREST_RECEIVABLE, "interest"),
        ("CR", PRINCIPAL_RECEIVABLE, "principal"),
    ),
    FEE_ASSESSED: (
        ("DR", FEES_RECEIVABLE, "amount"),
        ("CR", FEE_INCOME, "amount"),
    ),
    FEE_WAIVED: (
        ("DR", FEES_WAIVED, "amount"),
        ("CR", FEES_RECEIVABLE, "amount"),
    ),
    CHARGE_OFF: (
        ("DR", CHARGE_OFF_EXPENSE, "principal"),
        ("DR", INTEREST_CHARGED_OFF, "interest"),
        ("DR", FEES_CHARGED_OFF, "fees"),
        ("CR", PRINCIPAL_RECEIVABLE, "principal"),
        ("CR", INTEREST_RECEIVABLE, "interest"),
        ("CR", FEES_RECEIVABLE, "fees"),
    ),
    RECOVERY: (
        ("DR", CASH, "amount"),
        ("CR", RECOVERIES, "amount"),
    ),
    RESTRUCTURE: (
        ("DR", PRINCIPAL_RECEIVABLE, "capitalized"),
        ("CR", INTEREST_RECEIVABLE, "interest"),
        ("CR", FEES_RECEIVABLE, "fees"),
    ),
    REFINANCE: (
        ("DR", REFINANCE_CLEARING, "carried"),
        ("CR", PRINCIPAL_RECEIVABLE, "principal"),
        ("CR", INTEREST_RECEIVABLE, "interest"),
        ("CR", FEES_RECEIVABLE, "fees"),
    ),
    REFINANCE_OPENING: (
        ("DR", PRINCIPAL_RECEIVABLE, "principal"),
        ("CR", REFINANCE_CLEARING, "carried"),
        ("CR", DISBURSEMENT_CLEARING, "additional"),
    ),
}
"""Event type -> its legs. A reversal and a returned payment have none of their own: they mirror
(`reversal`, `returns`). An adjustment's are the client's, on accounts not in `NOT_ADJUSTABLE`.
"""

NOT_ADJUSTABLE: Final = frozenset({DISBURSEMENT_CLEARING.code, REFINANCE_CLEARING.code})
"""Accounts that only their own events keep right."""

SUPPORTED_VERSIONS: Final = frozenset({1})
"""Rules versions that this build can decide by. A version is never changed, only added to."""


def lines_of(event_type: str, amounts: Mapping[str, int], subject: Subject) -> tuple[Line, ...]:
    """The lines that the table gives for these amounts in minor units."""
    return tuple(
        (debit if direction == "DR" else credit)(account, amounts[name], subject)
        for direction, account, name in RULES[event_type]
        if amounts[name]
    )
