"""The waterfall: in which order a payment meets what is owed (accounting section 2).

The order is data with a version, written into the command at acceptance. Nothing is divided,
so nothing is rounded, and the parts always sum to the payment.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from posting_engine.posting.journal import BrokenInvariant
from posting_engine.posting.loan import RECEIVABLES, Loan
from schemas.commands import WATERFALL_ORDERS
from schemas.money import format_minor


@dataclass(frozen=True, slots=True)
class Split:
    """An amount by receivable (`parts`, every one named, in the order applied) and what is left.

    `rule` says by what: `waterfall/<version>`, `hold` or `split`.
    """

    rule: str
    parts: Mapping[str, int]
    suspense_minor: int

    def explained(self, loan: Loan) -> dict[str, object]:
        """The result's `allocation`; `loan` is what was owed before."""
        told: dict[str, object] = {
            f"{name}_minor": format_minor(self.parts[name]) for name in reversed(RECEIVABLES)
        }
        told["suspense_minor"] = format_minor(self.suspense_minor)
        told["explained"] = [
            {
                "receivable": name,
                "rule": self.rule,
                "owed_minor": format_minor(loan.owed_minor(name)),
                "applied_minor": format_minor(part_minor),
            }
            for name, part_minor in self.parts.items()
        ]
        return told


def allocate(amount_minor: int, loan: Loan, version: int) -> Split:
    """Split an amount over what the loan owes, by the order of this version."""
    order = WATERFALL_ORDERS.get(version)
    if order is None:
        raise BrokenInvariant(f"waterfall version {version} is unknown")
    parts = {}
    left_minor = amount_minor
    for receivable in order:
        parts[receivable] = min(left_minor, loan.owed_minor(receivable))
        left_minor -= parts[receivable]
    return Split(f"waterfall/{version}", parts, left_minor)


def hold(amount_minor: int) -> Split:
    """All of a payment to suspense."""
    return Split("hold", dict.fromkeys(reversed(RECEIVABLES), 0), amount_minor)


def given(parts: Mapping[str, int]) -> Split:
    """The client's own split of an amount."""
    return Split("split", {name: parts.get(name, 0) for name in reversed(RECEIVABLES)}, 0)
