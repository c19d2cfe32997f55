"""The problems that answer a request whose outcome is not told: what is known of it, and when to
ask again. Nothing here says that a command failed which may yet post.
"""

from collections.abc import Iterable
from uuid import UUID

from ingress_api.publisher import NotSent, TooLarge
from schemas.codec import Outcome
from schemas.problems import Problem, ProblemError


def not_sent(error: NotSent) -> ProblemError:
    """Certainly not in the log: the key is given back, and the request may come again."""
    code = "payload_too_large" if isinstance(error, TooLarge) else "overloaded"
    return ProblemError(Problem(code=code, headers={"Retry-After": "1"}))


def not_reached() -> ProblemError:
    """Of a dry run: what it would have told is gone."""
    return ProblemError(Problem(code="position_not_reached", headers={"Retry-After": "1"}))


def unknown(command_id: UUID) -> ProblemError:
    """It may be in the log: the key stays, and a retry finds out."""
    return ProblemError(
        Problem(code="outcome_unknown", command_id=command_id, headers={"Retry-After": "1"})
    )


def in_progress(command_id: UUID | None) -> ProblemError:
    """Another request has the key, and its outcome is not known yet."""
    return ProblemError(
        Problem(
            code="idempotency_in_progress",
            command_id=command_id,
            headers={"Retry-After": "1"},
        )
    )


def refuse_another_s(outcomes: Iterable[Outcome], fingerprint: bytes) -> None:
    """A direct producer may have used the key first, for something else (it reserves nothing)."""
    if any(outcome.fingerprint != fingerprint for outcome in outcomes):
        raise ProblemError(Problem(code="idempotency_mismatch"))
