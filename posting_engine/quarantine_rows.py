"""Rows of what stands still and of what is published, and their columns. No driver here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from posting_engine.records import Record
from posting_engine.rows import Columns, columns_of, to_json
from schemas import codec, topics
from schemas.commands import AnyCommand
from schemas.cut_over import CutOver
from schemas.journal_topic import JournalEntry
from schemas.quarantine import QUARANTINE, DeadLetter, QuarantineReject, QuarantineResume

MOST_REASON: Final = 2_000
"""Characters of a reason that are published; the table keeps all of it."""
_ROOM: Final = 64 * 1024
"""What a published message has beside the record's value, its key and headers of usual size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedRow:
    """One row of `quarantined_commands`."""

    partition_id: int
    tenant_id: UUID
    loan_id: UUID
    command_offset: int
    idempotency_key: str
    command_id: UUID
    correlation_id: UUID
    command_type: str
    fingerprint: bytes
    is_share: bool
    reason: str | None
    appended_at: datetime
    quarantined_at: datetime
    record_key: bytes | None
    record_value: bytes
    record_headers: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRow:
    """One row of `quarantines`: the fact that a command broke, and why."""

    partition_id: int
    decided_offset: int
    command_offset: int
    loan_id: UUID
    tenant_id: UUID
    command_id: UUID
    reason: str
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingDeadLetterRow:
    """One row of `outgoing_dead_letters`: a message as it will be published."""

    partition_id: int
    record_key: bytes | None
    record_value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A command that waits. `command` is None where this build cannot read it; `loan_count` is how
    many wait for its loan, those that are not looked at now included.
    """

    record: Record
    command: AnyCommand | None
    tenant_id: UUID
    loan_id: UUID
    command_id: UUID
    command_type: str
    is_share: bool
    loan_count: int


def waiting_from(row: Mapping[str, Any]) -> Waiting:
    """`load_waiting`: a row back to the record that it was."""
    headers = tuple((name, bytes.fromhex(value)) for name, value in row["record_headers"])
    record = Record(
        row["partition_id"],
        row["command_offset"],
        row["appended_at"],
        row["record_key"],
        row["record_value"],
        headers,
    )
    names = ("tenant_id", "loan_id", "command_id", "command_type", "is_share", "loan_count")
    return Waiting(
        record=record, command=_command_in(record), **{name: row[name] for name in names}
    )


def _command_in(record: Record) -> AnyCommand | None:
    try:
        message = codec.decode(record.value)
    except codec.UndecodableRecord:
        return None  # a newer build queued it
    other = (codec.Outcome, CutOver, DeadLetter, JournalEntry, QuarantineResume, QuarantineReject)
    return None if isinstance(message, other) else message


def headers_json(record: Record) -> str:
    """Headers as they are kept: names with values in hex."""
    return to_json([[name, (value or b"").hex()] for name, value in record.headers])


def to_publish(
    record: Record, kind: str, reason: str, quarantine: QuarantineRow | None = None
) -> OutgoingDeadLetterRow:
    """The message about a record that is not applied; without bytes that would not fit."""
    value = record.value or b""
    size = len(value) + len(record.key or b"") + sum(len(v or b"") for _, v in record.headers)
    fits = size <= topics.MOST_DEAD_LETTER_BYTES - _ROOM
    letter = DeadLetter(
        partition_id=record.partition_id,
        command_offset=record.offset,
        kind=kind,
        reason=reason[:MOST_REASON],
        key=record.key if fits else None,
        value=record.value if fits else None,
        value_length=len(value),
        headers=record.headers if fits else (),
        appended_at=record.appended_at,
        tenant_id=None if quarantine is None else quarantine.tenant_id,
        loan_id=None if quarantine is None else quarantine.loan_id,
        command_id=None if quarantine is None else quarantine.command_id,
        decided_offset=None if quarantine is None else quarantine.decided_offset,
    )
    return OutgoingDeadLetterRow(
        partition_id=record.partition_id,
        record_key=letter.key,
        record_value=codec.encode(letter),
    )


def quarantine_to_publish(record: Record, row: QuarantineRow) -> OutgoingDeadLetterRow:
    """The message about a command that broke."""
    return to_publish(record, QUARANTINE, row.reason, row)


def quarantined_columns(queued: Sequence[QuarantinedRow]) -> Columns:
    """`insert_quarantined_commands`."""
    return columns_of(queued, QuarantinedRow)


def quarantine_columns(quarantines: Sequence[QuarantineRow]) -> Columns:
    """`insert_quarantines`, `update_quarantined_commands`."""
    return columns_of(quarantines, QuarantineRow)


def outgoing_columns(letters: Sequence[OutgoingDeadLetterRow]) -> Columns:
    """`insert_outgoing_dead_letters`."""
    return columns_of(letters, OutgoingDeadLetterRow)


def unqueued_columns(keys: Sequence[tuple[int, UUID, UUID, int]]) -> Columns:
    """`delete_quarantined_commands`."""
    names = ("partition_ids", "tenant_ids", "loan_ids", "command_offsets")
    return {name: [key[i] for key in keys] for i, name in enumerate(names)}
