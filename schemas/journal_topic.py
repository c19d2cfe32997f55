"""A journal entry as it leaves the ledger, on the journal topic: posted, whole, for good.

One message is one part of an entry with all of its lines. It is known by (partition, entry_seq),
which has no gaps, so whoever reads a partition in order drops what is not above the last one.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalLine:
    """One line. `direction` is DR or CR; `sequence` counts from 1."""

    sequence: int
    account_code: str
    direction: str
    amount_minor: int
    currency: str
    layer: str
    loan_id: UUID | None = None
    borrower_id: UUID | None = None
    external_ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """A part of an entry. `entry_hash` is its link of the partition's chain (`schemas.chain`)."""

    partition_id: int
    entry_seq: int
    tenant_id: UUID
    journal_entry_id: UUID
    part: int
    event_type: str
    event_id: UUID
    effective_on: date
    booked_on: date
    posted_at: datetime
    correlation_id: UUID
    reverses_entry_id: UUID | None = None
    reverses_part: int | None = None
    actor: str
    description: str | None = None
    metadata: dict[str, str]
    details: dict[str, str]
    command_offset: int
    entry_hash: bytes
    lines: tuple[JournalLine, ...]
