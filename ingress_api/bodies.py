"""Bodies to commands: which members each POST takes, and the command they make.

Pure: the envelope (tenant, key, time, actor) is given. The fingerprint is over the members as
given, normalised, defaults not filled in, so that a later release's new default changes nothing.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from ingress_api import fields
from ingress_api.fields import Faults, Member, read_members
from schemas import scopes
from schemas.commands import AnyCommand, Disbursement, Payment, Reversal
from schemas.problems import FieldError, Problem, ProblemError
from schemas.strict_json import Document

MAX_DAYS_AHEAD: Final = 31
METHODS: Final = ("ach", "wire", "card", "check", "cash", "book", "other")
REVERSAL_REASONS: Final = (
    "error_correction",
    "duplicate",
    "customer_request",
    "fraud",
    "returned_payment",
    "system_error",
    "other",
)


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


Values = Mapping[str, Any]
_REMARKS: Final = (
    Member("metadata", fields.METADATA, required=False),
    Member("description", fields.TEXT, required=False),
    Member("external_ref", fields.TEXT, required=False),
)
_MONEY: Final = (
    Member("loan_id", fields.LOAN_ID),
    Member("borrower_id", fields.IDENTIFIER),
    Member("amount_minor", fields.AMOUNT),
    Member("currency", fields.CURRENCY),
    Member("effective_at", fields.EFFECTIVE_DATE),
)
DISBURSEMENT: Final = (
    *_MONEY,
    Member("method", fields.one_of(*METHODS)),
    Member("destination_ref", fields.TEXT, required=False),
    *_REMARKS,
)
PAYMENT: Final = (
    *_MONEY,
    Member("source_method", fields.one_of(*METHODS)),
    Member("allocation", fields.one_of("auto", "hold"), required=False),
    *_REMARKS,
)
REVERSAL: Final = (
    Member("reverses_entry_id", fields.IDENTIFIER),
    Member("reason_code", fields.one_of(*REVERSAL_REASONS)),
    Member("reason_description", fields.TEXT),
    Member("effective_at", fields.EFFECTIVE_DATE),
    Member("loan_id", fields.LOAN_ID, required=False),
    *_REMARKS,
)


def _disbursement(values: Values, envelope: Envelope) -> Disbursement:
    return Disbursement(
        **envelope.common(),
        **_remarks(values),
        loan_id=values["loan_id"],
        borrower_id=values["borrower_id"],
        amount_minor=values["amount_minor"],
        currency=values["currency"],
        effective_on=values["effective_at"],
        method=values["method"],
        destination_ref=values.get("destination_ref"),
    )


def _payment(values: Values, envelope: Envelope) -> Payment:
    return Payment(
        **envelope.common(),
        **_remarks(values),
        loan_id=values["loan_id"],
        borrower_id=values["borrower_id"],
        amount_minor=values["amount_minor"],
        currency=values["currency"],
        effective_on=values["effective_at"],
        source_method=values["source_method"],
        allocation=values.get("allocation", "auto"),
        waterfall_version=envelope.waterfall_version,
    )


def reversal(values: Values, envelope: Envelope) -> Reversal:
    """The reversal of an entry, or of one loan of an accrual."""
    return Reversal(
        **envelope.common(),
        **_remarks(values),
        reverses_entry_id=values["reverses_entry_id"],
        reason_code=values["reason_code"],
        reason_description=values["reason_description"],
        effective_on=values["effective_at"],
        loan_id=values.get("loan_id"),
    )


def _remarks(values: Values) -> dict[str, Any]:
    return {
        "description": values.get("description"),
        "external_ref": values.get("external_ref"),
        "metadata": values.get("metadata", {}),
    }


@dataclass(frozen=True, slots=True)
class Operation:
    """A POST that becomes one command of one loan (or entry)."""

    path: str
    scope: str
    summary: str
    members: Sequence[Member]
    command: Callable[[Values, Envelope], AnyCommand]


DISBURSEMENTS: Final = Operation(
    "/v1/disbursements", scopes.DISBURSEMENTS_WRITE, "Disburse", DISBURSEMENT, _disbursement
)
PAYMENTS: Final = Operation(
    "/v1/payments", scopes.PAYMENTS_WRITE, "Receive a payment", PAYMENT, _payment
)
REVERSALS: Final = Operation(
    "/v1/reversals", scopes.REVERSALS_WRITE, "Reverse an entry", REVERSAL, reversal
)


def check(document: Document, members: Sequence[Member], accepted_on: date) -> Values:
    """The checked members of a body; raises `validation_failed` with every fault."""
    faults = Faults(latest_on(accepted_on))
    faults.errors += document.faults
    values = read_members(document.value, members, faults)
    if faults.errors:
        raise invalid(faults.errors)
    return values


def invalid(errors: Sequence[FieldError]) -> ProblemError:
    """The answer to a body with faults."""
    return ProblemError(Problem(code="validation_failed", errors=tuple(errors)))


def latest_on(accepted_on: date) -> date:
    """The last day that may be effective for what is accepted today."""
    return accepted_on + timedelta(days=MAX_DAYS_AHEAD)


def fingerprint(route: str, values: Values) -> bytes:
    """SHA-256 over the route with its path parameters and the canonical members.

    Canonical: checked values, so ids are in lower case and amounts and dates have one spelling;
    members sorted; JSON in ASCII. This form is stored for ever and must never change.
    """
    canonical = json.dumps(values, sort_keys=True, separators=(",", ":"), default=str)
    return sha256(route.encode() + b"\0" + canonical.encode()).digest()
