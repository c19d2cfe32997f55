"""Every problem code: status, title, and what to tell a person about it. Data only.

`PROBLEMS` are contract section 6; `REFUSALS` the business refusals of accounting.md, which are
remembered and repeated for the same idempotency key.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem. `explanation` says what happened and what to do."""

    status: int
    title: str
    explanation: str


def _refusals(*rows: tuple[str, str, str]) -> dict[str, ProblemType]:
    conflicts = (
        *("already_reversed", "period_already_closed"),
        *("not_quarantined", "step_cannot_be_rejected"),
    )
    return {
        code: ProblemType(409 if code in conflicts else 422, title, explanation)
        for code, title, explanation in rows
    }


PROBLEMS: Final[dict[str, ProblemType]] = {
    "malformed_json": ProblemType(
        400, "Malformed JSON", "The body is not strict JSON in UTF-8. Send one JSON value."
    ),
    "duplicate_member": ProblemType(
        400, "Duplicate member", "An object names a member twice. Send each member once."
    ),
    "idempotency_key_missing": ProblemType(
        400, "Idempotency key missing", "Every POST needs an Idempotency-Key header."
    ),
    "idempotency_key_invalid": ProblemType(
        400,
        "Idempotency key invalid",
        "The Idempotency-Key is malformed or was sent twice. Send one of 8 to 255 characters: "
        "letters, digits, and . _ : - after the first.",
    ),
    "invalid_parameter": ProblemType(
        400,
        "Invalid parameter",
        "A query parameter or header is unknown or malformed. Correct it as the errors say.",
    ),
    "page_token_invalid": ProblemType(
        400,
        "Page token invalid",
        "The page token was altered or belongs to another query. Start at the first page.",
    ),
    "token_missing": ProblemType(
        401, "Access token missing", "Send an access token as Authorization: Bearer."
    ),
    "token_invalid": ProblemType(
        401, "Access token invalid", "The access token could not be trusted. Get a new one."
    ),
    "token_expired": ProblemType(
        401, "Access token expired", "The access token is no longer valid. Get a new one."
    ),
    "certificate_required": ProblemType(
        401, "Client certificate required", "Partners connect with their client certificate."
    ),
    "certificate_mismatch": ProblemType(
        401,
        "Client certificate mismatch",
        "The token is bound to another certificate. Use the one it was issued for.",
    ),
    "insufficient_scope": ProblemType(
        403, "Insufficient scope", "The token lacks the scope of this operation. Ask for it."
    ),
    "tenant_not_allowed": ProblemType(
        403, "Tenant not allowed", "This client may not act for the tenant in its token."
    ),
    "not_found": ProblemType(404, "Not found", "Nothing here has this name or id."),
    "method_not_allowed": ProblemType(
        405, "Method not allowed", "The resource exists but not for this method. See Allow."
    ),
    "not_acceptable": ProblemType(
        406, "Not acceptable", "None of the media types in Accept can be given here."
    ),
    "payload_too_large": ProblemType(
        413, "Payload too large", "The body is larger than this operation takes. Split it."
    ),
    "unsupported_media_type": ProblemType(
        415,
        "Unsupported media type",
        "The Content-Type or Content-Encoding is not taken here. Send plain application/json.",
    ),
    "idempotency_in_progress": ProblemType(
        409,
        "Request in progress",
        "The first request with this key has no outcome yet. Try again after Retry-After.",
    ),
    "batch_in_progress": ProblemType(
        409, "Batch in progress", "The accrual batch is still being posted. Try again later."
    ),
    "validation_failed": ProblemType(
        422, "Validation failed", "The body has faults; errors lists every one. Correct them."
    ),
    "idempotency_mismatch": ProblemType(
        422,
        "Idempotency key reused",
        "This key was used with another payload. Use a new key for a new request.",
    ),
    "manifest_mismatch": ProblemType(
        422,
        "Manifest mismatch",
        "The loans do not add up to the expected count or total. Nothing was posted; check both.",
    ),
    "dry_run_unsupported": ProblemType(
        422, "Dry run unsupported", "Only operations on one loan can be tried with dry_run."
    ),
    "rate_limited": ProblemType(
        429, "Too many requests", "The tenant has too much in flight. Try again after Retry-After."
    ),
    "not_ready": ProblemType(
        503, "Not ready", "The service cannot take requests now. Try again after Retry-After."
    ),
    "outcome_unknown": ProblemType(
        503,
        "Outcome unknown",
        "The command may or may not have been recorded. Retry with the same key: it converges.",
    ),
    "position_not_reached": ProblemType(
        503,
        "Position not reached",
        "The store has not yet applied what was asked for. Try again after Retry-After.",
    ),
    "overloaded": ProblemType(
        503, "Overloaded", "Too many requests are in flight. Try again after Retry-After."
    ),
}

REFUSALS: Final[dict[str, ProblemType]] = _refusals(
    ("account_not_adjustable", "Account not adjustable", "Adjustments may not touch it."),
    ("account_not_found", "Account not found", "The chart has no such account. See /accounts."),
    (
        "accrual_rejected",
        "Accrual rejected",
        "No loan of the batch could accrue. The batch's rejections name each loan's code.",
    ),
    ("already_accrued", "Already accrued", "The loan has accrued through this date already."),
    ("already_reversed", "Already reversed", "The entry was reversed before. Nothing is left."),
    (
        "amount_exceeds_receivable",
        "Amount exceeds receivable",
        "More was asked for than the loan owes. Read its balance.",
    ),
    ("amount_exceeds_suspense", "Amount exceeds suspense", "The loan's suspense holds less."),
    (
        "amount_exceeds_unsettled",
        "Amount exceeds unsettled",
        "Less of that disbursement is unsettled. Settle at most that.",
    ),
    (
        "balance_out_of_range",
        "Balance out of range",
        "A balance of the loan would pass 999999999999999.",
    ),
    (
        "balance_would_be_negative",
        "Balance would be negative",
        "A sub-balance of the loan would fall below zero. Read its balance.",
    ),
    ("borrower_mismatch", "Borrower mismatch", "The loan belongs to another borrower."),
    ("currency_mismatch", "Currency mismatch", "The loan is kept in another currency."),
    (
        "disbursement_settled",
        "Disbursement settled",
        "The disbursement has been settled. Reverse its settlement first.",
    ),
    (
        "disbursement_unsettled",
        "Disbursement unsettled",
        "A disbursement of the loan is not settled yet. Settle or reverse it first.",
    ),
    ("earlier_period_open", "Earlier period open", "Close the months before this one first."),
    (
        "effective_before_original",
        "Effective before original",
        "It would count before the event it refers to. Give a later effective_at.",
    ),
    ("entry_not_found", "Entry not found", "There is no such journal entry to reverse."),
    ("event_not_found", "Event not found", "There is no such event to refer to."),
    ("loan_charged_off", "Loan charged off", "Post a recovery instead of a payment."),
    ("loan_closed", "Loan closed", "The loan was charged off or refinanced."),
    (
        "loan_not_accruing",
        "Loan not accruing",
        "The loan was charged off, refinanced or cancelled, or opened after the accrual date.",
    ),
    ("loan_not_charged_off", "Loan not charged off", "Post a payment instead of a recovery."),
    ("loan_not_found", "Loan not found", "There is no such loan. Its disbursement opens it."),
    ("loan_quarantined", "Loan quarantined", "An operator must resolve an earlier command."),
    ("loan_required", "Loan required", "Lines on the loan's accounts must name a loan."),
    ("loan_reserved", "Loan reserved", "A refinance is opening this loan. Use another id."),
    ("new_loan_exists", "New loan exists", "The new loan is already open. Use another id."),
    (
        "not_quarantined",
        "Not quarantined",
        "The command does not wait any more: it was resumed or rejected. Read what became of it.",
    ),
    ("nothing_to_allocate", "Nothing to allocate", "The loan has nothing to allocate to."),
    ("nothing_to_capitalize", "Nothing to capitalize", "Both amounts are zero."),
    ("nothing_to_charge_off", "Nothing to charge off", "The loan owes nothing."),
    ("nothing_to_refinance", "Nothing to refinance", "The old loan owes nothing."),
    ("period_already_closed", "Period already closed", "The month was closed before."),
    ("period_closed", "Period closed", "The effective date lies in a closed month."),
    ("period_not_ended", "Period not ended", "The month has not ended. Close it afterwards."),
    ("principal_mismatch", "Principal mismatch", "The ledger holds another principal."),
    (
        "recovered_since",
        "Recovered since",
        "A recovery of the loan stands. Reverse it before the charge-off.",
    ),
    (
        "reduced_without_cash",
        "Reduced without cash",
        "What would be taken back was waived, capitalised, charged off or refinanced since. "
        "Reverse that first.",
    ),
    (
        "rejected_by_operator",
        "Rejected by an operator",
        "The command could not be applied and an operator has refused it. Nothing was posted.",
    ),
    (
        "reversal_of_reversal",
        "Reversal of a reversal",
        "Reversals are not reversed. Post the event again instead.",
    ),
    (
        "split_exceeds_receivable",
        "Split exceeds receivable",
        "A part of the split is more than the loan owes there. Read its balance.",
    ),
    (
        "step_cannot_be_rejected",
        "Step cannot be rejected",
        "What came before this step has posted, so it can only be resumed.",
    ),
    (
        "suspense_outstanding",
        "Suspense outstanding",
        "The loan has unapplied cash. Allocate or refund it first.",
    ),
    ("unbalanced", "Unbalanced", "Debits and credits differ in a currency and layer."),
)

CATALOGUE: Final[dict[str, ProblemType]] = PROBLEMS | REFUSALS
"""All codes. `/problems/{code}` explains each from here."""
