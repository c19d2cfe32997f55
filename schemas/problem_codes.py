"""Every problem code: status, title, and what to tell a person about it. Data only.

`PROBLEMS` are contract section 6; `REFUSALS` the business refusals of accounting.md, which are
remembered and repeated for the same idempotency key.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem. `explanation` says what happened, in one sentence, and what to do."""

    status: int
    title: str
    explanation: str

    @property
    def what_happened(self) -> str:
        """The first sentence."""
        return self.explanation.partition(". ")[0].rstrip(".") + "."

    @property
    def what_to_do(self) -> str:
        """All that follows it."""
        return self.explanation.partition(". ")[2]


def _refusals(*rows: tuple[str, str, str]) -> dict[str, ProblemType]:
    conflicts = ("already_reversed", "period_already_closed")
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
        400,
        "Idempotency key missing",
        "The POST has no Idempotency-Key header. Send one of 8 to 255 characters.",
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
        401,
        "Access token missing",
        "The request has no access token. Send one as Authorization: Bearer.",
    ),
    "token_invalid": ProblemType(
        401, "Access token invalid", "The access token could not be trusted. Get a new one."
    ),
    "token_expired": ProblemType(
        401, "Access token expired", "The access token is no longer valid. Get a new one."
    ),
    "certificate_required": ProblemType(
        401,
        "Client certificate required",
        "No client certificate was presented. Connect with the one registered for you.",
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
        403,
        "Tenant not allowed",
        "This client may not act for the tenant in its token. Use a client of that tenant.",
    ),
    "not_found": ProblemType(
        404,
        "Not found",
        "Nothing here has this name or id. Check the path, and whose token is sent.",
    ),
    "method_not_allowed": ProblemType(
        405,
        "Method not allowed",
        "The resource exists but not for this method. Use one that the Allow header names.",
    ),
    "not_acceptable": ProblemType(
        406,
        "Not acceptable",
        "None of the media types in Accept can be given here. Accept application/json.",
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
        422,
        "Dry run unsupported",
        "Only operations on one loan can be tried with dry_run. Send this one without it.",
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
    (
        "account_not_adjustable",
        "Account not adjustable",
        "Only its own events change this account. Post the event that does.",
    ),
    ("account_not_found", "Account not found", "The chart has no such account. See /accounts."),
    (
        "accrual_rejected",
        "Accrual rejected",
        "No loan of the batch could accrue. The batch's rejections name each loan's code.",
    ),
    (
        "already_accrued",
        "Already accrued",
        "The loan has accrued through this date already. Send a later date, or backfill.",
    ),
    (
        "already_reversed",
        "Already reversed",
        "It was reversed before. Nothing is left to do; the reversal is named.",
    ),
    (
        "amount_exceeds_receivable",
        "Amount exceeds receivable",
        "More was asked for than the loan owes. Read its balance.",
    ),
    (
        "amount_exceeds_suspense",
        "Amount exceeds suspense",
        "The loan's suspense holds less. Read its balance.",
    ),
    (
        "amount_exceeds_unsettled",
        "Amount exceeds unsettled",
        "Less of that disbursement is unsettled. Settle at most that.",
    ),
    (
        "balance_out_of_range",
        "Balance out of range",
        "A balance of the loan would pass 999999999999999. Post a smaller amount.",
    ),
    (
        "balance_would_be_negative",
        "Balance would be negative",
        "A sub-balance of the loan would fall below zero. Read its balance.",
    ),
    (
        "borrower_mismatch",
        "Borrower mismatch",
        "The loan belongs to another borrower. Read the loan and send its own.",
    ),
    (
        "currency_mismatch",
        "Currency mismatch",
        "The loan is kept in another currency. Read the loan and send that one.",
    ),
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
    (
        "earlier_period_open",
        "Earlier period open",
        "An earlier month is open. Close the months before this one first.",
    ),
    (
        "effective_before_original",
        "Effective before original",
        "It would count before the event it refers to. Give a later effective_at.",
    ),
    (
        "entry_not_found",
        "Entry not found",
        "There is no such journal entry to reverse. Look it up in the journal.",
    ),
    (
        "event_not_found",
        "Event not found",
        "There is no such event to refer to. Send the id that its posting answered.",
    ),
    (
        "loan_charged_off",
        "Loan charged off",
        "The loan is charged off. Post a recovery instead of a payment.",
    ),
    (
        "loan_closed",
        "Loan closed",
        "The loan was charged off or refinanced. Reverse that first, or use another loan.",
    ),
    (
        "loan_not_accruing",
        "Loan not accruing",
        "The loan was charged off, refinanced or cancelled, or opened later. Leave it out.",
    ),
    (
        "loan_not_charged_off",
        "Loan not charged off",
        "The loan is not charged off. Post a payment instead of a recovery.",
    ),
    ("loan_not_found", "Loan not found", "There is no such loan. Its disbursement opens it."),
    (
        "loan_quarantined",
        "Loan quarantined",
        "An earlier command of the loan waits for an operator. Try again once it is resolved.",
    ),
    (
        "loan_required",
        "Loan required",
        "A line is on an account that is kept for each loan. Name the loan_id.",
    ),
    ("loan_reserved", "Loan reserved", "A refinance is opening this loan. Use another id."),
    ("new_loan_exists", "New loan exists", "The new loan is already open. Use another id."),
    (
        "nothing_to_allocate",
        "Nothing to allocate",
        "The loan owes nothing. Leave the cash in suspense, or refund it.",
    ),
    ("nothing_to_capitalize", "Nothing to capitalize", "Both amounts are zero. Send at least one."),
    ("nothing_to_charge_off", "Nothing to charge off", "The loan owes nothing. Read its balance."),
    (
        "nothing_to_refinance",
        "Nothing to refinance",
        "The old loan owes nothing. Open the new one by a disbursement.",
    ),
    (
        "period_already_closed",
        "Period already closed",
        "The month was closed before. Nothing is left to do.",
    ),
    (
        "period_closed",
        "Period closed",
        "The effective date lies in a closed month. Give one in an open month.",
    ),
    ("period_not_ended", "Period not ended", "The month has not ended. Close it afterwards."),
    (
        "principal_mismatch",
        "Principal mismatch",
        "The ledger holds another principal. Read the loan's balance.",
    ),
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
        "suspense_outstanding",
        "Suspense outstanding",
        "The loan has unapplied cash. Allocate or refund it first.",
    ),
    (
        "unbalanced",
        "Unbalanced",
        "Debits and credits differ in a currency and layer. Make both sides equal.",
    ),
)

CATALOGUE: Final[dict[str, ProblemType]] = PROBLEMS | REFUSALS
"""All codes. `/problems/{code}` explains each from here."""
