"""Business refusals: a value, not an exception. Stored, and repeated for the same key for ever."""

from dataclasses import dataclass, field
from datetime import date
from typing import Final
from uuid import UUID

from schemas.commands import AnyCommand

PRECEDENCE: Final[dict[str, tuple[str, ...]]] = {
    "disbursement": (
        "loan_reserved",
        "loan_closed",
        "borrower_mismatch",
        "currency_mismatch",
        "balance_out_of_range",
    ),
    "disbursement_settled": (
        "event_not_found",
        "already_reversed",
        "currency_mismatch",
        "amount_exceeds_unsettled",
        "effective_before_original",
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
    "payment_received": (
        "loan_not_found",
        "borrower_mismatch",
        "currency_mismatch",
        "loan_charged_off",
        "balance_out_of_range",
    ),
    "payment_allocated": (
        "loan_not_found",
        "currency_mismatch",
        "amount_exceeds_suspense",
        "split_exceeds_receivable",
        "nothing_to_allocate",
        "balance_out_of_range",
    ),
    "payment_returned": (
        "event_not_found",
        "already_reversed",
        "effective_before_original",
        "balance_out_of_range",
    ),
    "fee_assessed": (
        "loan_not_found",
        "currency_mismatch",
        "loan_closed",
        "balance_out_of_range",
    ),
    "fee_waived": ("loan_not_found", "currency_mismatch", "amount_exceeds_receivable"),
    "chargeoff": (
        "loan_not_found",
        "disbursement_unsettled",
        "suspense_outstanding",
        "nothing_to_charge_off",
    ),
    "recovery": (
        "loan_not_found",
        "currency_mismatch",
        "loan_not_charged_off",
        "balance_out_of_range",
    ),
    "restructure": (
        "loan_not_found",
        "loan_closed",
        "amount_exceeds_receivable",
        "nothing_to_capitalize",
        "balance_out_of_range",
    ),
    "refinance": (
        "new_loan_exists",
        "loan_not_found",
        "currency_mismatch",
        "loan_closed",
        "disbursement_unsettled",
        "suspense_outstanding",
        "nothing_to_refinance",
        "balance_out_of_range",
    ),
    "reversal": (
        "entry_not_found",
        "already_reversed",
        "reversal_of_reversal",
        "effective_before_original",
        "disbursement_settled",
        "recovered_since",
        "reduced_without_cash",
        "balance_would_be_negative",
        "balance_out_of_range",
    ),
    "manual_adjustment": (
        "loan_reserved",
        "unbalanced",
        "account_not_found",
        "account_not_adjustable",
        "loan_required",
        "loan_not_found",
        "borrower_mismatch",
        "currency_mismatch",
        "balance_would_be_negative",
        "period_closed",
        "balance_out_of_range",
    ),
    "period_close": ("period_not_ended", "period_already_closed", "earlier_period_open"),
}
"""Event type -> its refusals; the first that holds is the answer (accounting sections 2 to 4).
A settlement, a waiver and a charge-off only lower balances, so none of them can be out of range.
"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command did not post. `detail` is for people; `members` join the problem document;
    `follow_ups` undo what an earlier step had prepared.
    """

    code: str
    detail: str
    members: dict[str, object] = field(default_factory=dict)
    follow_ups: tuple[AnyCommand, ...] = ()


LOAN_NOT_FOUND: Final = Refusal("loan_not_found", "No such loan.")
EVENT_NOT_FOUND: Final = Refusal("event_not_found", "No such event.")
ENTRY_NOT_FOUND: Final = Refusal("entry_not_found", "No such journal entry.")
OPENED_IN_ONE_CURRENCY: Final = Refusal(
    "currency_mismatch", "All lines of an opening are in one currency."
)
OUT_OF_RANGE: Final = Refusal(
    "balance_out_of_range", "A balance of the loan would pass 999999999999999."
)


def loan_closed(status: str) -> Refusal:
    """The refusal of what a charged-off or refinanced loan no longer takes."""
    return Refusal("loan_closed", f"The loan is {status}.")


def borrower_mismatch() -> Refusal:
    """The refusal that does not say whose the loan is."""
    return Refusal("borrower_mismatch", "The loan belongs to another borrower.")


def currency_mismatch(currency: str) -> Refusal:
    """The refusal that names the loan's currency."""
    return Refusal("currency_mismatch", f"The loan is kept in {currency}.")


def already_reversed(reversed_by: UUID) -> Refusal:
    """The refusal that names the reversal which stands."""
    return Refusal(
        "already_reversed",
        f"The entry was reversed by {reversed_by}.",
        {"reversed_by_entry_id": str(reversed_by)},
    )


def itself_a_reversal() -> Refusal:
    """The refusal to reverse a reversal."""
    return Refusal("reversal_of_reversal", "The entry is itself a reversal: post it again.")


def too_early(effective_on: date) -> Refusal:
    """The refusal of what would count before its original."""
    return Refusal(
        "effective_before_original", f"The original is effective on {effective_on.isoformat()}."
    )
