"""A checked body: its members, every fault at once, and the fingerprint that names its meaning.

Pure: the envelope (tenant, key, time, actor) is given. The fingerprint is over the members as
given, normalised, defaults not filled in, so that a later release's new default changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from ingress_api.fields import Body, Faults
from schemas.problems import FieldError, Problem, ProblemError
from schemas.strict_json import Document

MAX_DAYS_AHEAD: Final = 31
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What a command knows beside its body. `waterfall_version` is the tenant's."""

    tenant_id: UUID
    idempotency_key: str
    fingerprint: bytes
    accepted_at: datetime
    actor: str
    waterfall_version: int = 1

    def common(self) -> dict[str, Any]:
        """The members that every command carries."""
        return {
            "tenant_id": self.tenant_id,
            "idempotency_key": self.idempotency_key,
            "fingerprint": self.fingerprint,
            "accepted_at": self.accepted_at,
            "actor": self.actor,
        }


def check(document: Document, body: Body, accepted_on: date) -> Values:
    """The checked members of a body; raises `validation_failed` with every fault."""
    faults = Faults(latest_on(accepted_on))
    faults.take(document.faults)
    values = body.read(document.value, faults)
    if faults.errors:
        raise invalid(faults.errors)
    return values


def invalid(errors: Sequence[FieldError]) -> ProblemError:
    """The answer to a body with faults."""
    return ProblemError(Problem(code="validation_failed", errors=tuple(errors)))


def latest_on(accepted_on: date) -> date:
    """The last day that may be effective for what is accepted today."""
    return accepted_on + timedelta(days=MAX_DAYS_AHEAD)
