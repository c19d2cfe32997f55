"""The fourteen event types, as journal entries and filters name them. Data only."""

from typing import Final

EVENT_TYPES: Final = (
    "disbursement",
    "disbursement_settled",
    "accrual",
    "payment_received",
    "payment_allocated",
    "payment_returned",
    "fee_assessed",
    "fee_waived",
    "chargeoff",
    "recovery",
    "restructure",
    "refinance",
    "reversal",
    "manual_adjustment",
)
"""In the order of `posting/rules.py`, which a test holds them against."""
