"""The commands of the log, as frozen values: what ingress accepts and the engine decides.

A command is complete: tenant, time, actor and rules version are in it, so deciding it needs no
clock and no configuration. Ids are not in it; they derive from it (`ids.derive`). Amounts are
`int` minor units; dates are the client's effective dates.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

RULES_VERSION: Final = 1
"""The posting rules that a command accepted today is decided by, whenever it is decided."""

WATERFALL_VERSION: Final = 1
"""The default order of allocation: fees, interest, principal."""

PaymentAllocation = Literal["auto", "hold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What every command carries.

    `idempotency_key` is the client's key, or `<key>/<step>` for a step of it; `fingerprint` is
    the SHA-256 of the validated payload; `accepted_at` (UTC) is ingress's acceptance of the
    first command; `actor` the OAuth client.
    """

    tenant_id: UUID
    idempotency_key: str
    fingerprint: bytes
    accepted_at: datetime
    actor: str
    rules_version: int = RULES_VERSION
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Remarks(Command):
    """A client's words on an event, stored and returned byte for byte."""

    description: str | None = None
    external_ref: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disbursement(Remarks):
    """Money is on its way to the borrower; the first one opens the loan."""

    loan_id: UUID
    borrower_id: UUID
    amount_minor: int
    currency: str
    effective_on: date
    method: str
    destination_ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment(Remarks):
    """Cash came in for a loan. `hold` keeps all of it in suspense."""

    loan_id: UUID
    borrower_id: UUID
    amount_minor: int
    currency: str
    effective_on: date
    source_method: str
    allocation: PaymentAllocation = "auto"
    waterfall_version: int = WATERFALL_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class AccrualChunk(Command):
    """The loans of one partition in one chunk of an accrual batch: parallel packed arrays.

    `loan_ids` holds 16 bytes a loan, ascending; `principals` and `interests` 8 bytes a loan,
    big-endian signed minor units. The key is `<batch key>/<partition>/<n>`; every chunk carries
    the manifest of the whole batch, so a batch can be read from its outcomes alone.
    """

    program_id: UUID
    accrued_on: date
    day_count_convention: str
    currency: str
    require_principal_match: bool
    backfill: bool
    chunks_total: int
    loans_total: int
    interest_total_minor: int
    loan_ids: bytes
    principals: bytes
    interests: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal(Remarks):
    """Mirror an entry.

    `loan_id` of a one-loan reversal of an accrual, or as the client gave it. A whole batch is
    reversed by one command a part, keyed `<key>/<partition>/<part>`, with `part` and
    `chunks_total` set.
    """

    reverses_entry_id: UUID
    reason_code: str
    reason_description: str
    effective_on: date
    loan_id: UUID | None = None
    part: int | None = None
    chunks_total: int | None = None


AnyCommand = Disbursement | Payment | AccrualChunk | Reversal
