"""A key as it is reserved, and a batch as it was accepted. Data only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

_RESERVED: Final = (
    "tenant_id",
    "idempotency_key",
    "command_id",
    "fingerprint",
    "partition_id",
    "required_scope",
    "accepted_at",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """A key, promised to one command. `sent_at`: when it was last about to be sent (database)."""

    tenant_id: UUID
    idempotency_key: str
    command_id: UUID
    fingerprint: bytes
    partition_id: int
    required_scope: str
    accepted_at: datetime
    sent_at: datetime | None = None
    is_stale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A batch as it was accepted."""

    accrual_event_id: UUID
    command_id: UUID
    journal_entry_id: UUID
    program_id: UUID
    accrued_on: date
    currency: str
    chunks_total: int
    loans_total: int
    interest_total_minor: int
    accepted_at: datetime


def as_arrays(wanted: Sequence[Reservation]) -> dict[str, list[object]]:
    """Reservations as the statement `reserve` takes them."""
    return {name: [getattr(one, name) for one in wanted] for name in _RESERVED}
