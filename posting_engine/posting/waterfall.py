"""The waterfall: in which order a payment meets what is owed (accounting section 2).

The order is data with a version, written into the command at acceptance. Nothing is divided,
so nothing is rounded, and the parts always sum to the payment.
"""

from typing import Final

from posting_engine.posting.journal import BrokenInvariant
from posting_engine.posting.loan import Loan

ORDERS: Final[dict[int, tuple[str, ...]]] = {1: ("fees", "interest", "principal")}
"""Waterfall version -> receivables, first paid first. What is left goes to suspense."""


def allocate(amount_minor: int, loan: Loan, version: int) -> dict[str, int]:
    """Split a payment over receivables and suspense: `{fees, interest, principal, suspense}`."""
    order = ORDERS.get(version)
    if order is None:
        raise BrokenInvariant(f"waterfall version {version} is unknown")
    parts = {}
    left_minor = amount_minor
    for receivable in order:
        parts[receivable] = min(left_minor, loan.owed_minor(receivable))
        left_minor -= parts[receivable]
    return {**parts, "suspense": left_minor}


def hold(amount_minor: int) -> dict[str, int]:
    """All of a payment to suspense."""
    return {"fees": 0, "interest": 0, "principal": 0, "suspense": amount_minor}
