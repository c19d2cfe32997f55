"""Business refusals: a value, not an exception. Stored, and repeated for the same key for ever."""

from dataclasses import dataclass, field
from typing import Final

PRECEDENCE: Final[dict[str, tuple[str, ...]]] = {
    "disbursement": (
        "loan_reserved",
        "loan_closed",
        "borrower_mismatch",
        "currency_mismatch",
        "balance_out_of_range",
    ),
    "payment_received": (
        "loan_not_found",
        "borrower_mismatch",
        "currency_mismatch",
        "loan_charged_off",
        "balance_out_of_range",
    ),
    "accrual": (
        "loan_not_found",
        "loan_quarantined",
        "loan_not_accruing",
        "currency_mismatch",
        "already_accrued",
        "principal_mismatch",
        "balance_out_of_range",
    ),
    "reversal": (
        "entry_not_found",
        "already_reversed",
        "reversal_of_reversal",
        "effective_before_original",
        "disbursement_settled",
        "reduced_without_cash",
        "balance_out_of_range",
    ),
}
"""Event type -> its refusals; the first that holds is the answer (accounting sections 2, 3)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command did not post. `detail` is for people; `members` join the problem document."""

    code: str
    detail: str
    members: dict[str, object] = field(default_factory=dict)
