"""Every problem code: status, title, and what to tell a person about it. Data only.

`PROBLEMS` are contract section 6; `REFUSALS` are written in `refusal_codes`.
"""

from dataclasses import dataclass
from typing import Final

from schemas import refusal_codes


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
        "Every POST needs an Idempotency-Key header, and there is none. Choose a key for the "
        "request and keep it for its retries.",
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
        "A partner's token counts only with a client certificate that is valid and not revoked. "
        "Connect to the partner listener with yours.",
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
        "This service may not write for the tenant in the token. Ask whoever operates it.",
    ),
    "not_found": ProblemType(
        404, "Not found", "Nothing of this tenant has this name or id. Check it and the path."
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
        409,
        "Batch in progress",
        "The accrual batch or refinance is still being posted. Try again after Retry-After.",
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
        "Batches, refinances, their reversals and closes are several commands, which cannot be "
        "tried. Nothing was posted; leave dry_run out.",
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

REFUSALS: Final[dict[str, ProblemType]] = {
    code: ProblemType(409 if code in refusal_codes.CONFLICTS else 422, title, explanation)
    for code, title, explanation in refusal_codes.REFUSALS
}

CATALOGUE: Final[dict[str, ProblemType]] = PROBLEMS | REFUSALS
"""All codes. `/problems/{code}` explains each from here."""
