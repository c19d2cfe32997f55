"""From a command and its place in the log to an entry, its ids and its answer."""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from posting_engine.posting.journal import Entry, Line
from posting_engine.posting.loan import Loan, format_instant
from posting_engine.posting.page import Page, Place
from schemas import ids
from schemas.commands import AccrualChunk, AnyCommand, Reversal


def derived(kind: str, command: AnyCommand, place: Place, *, in_parts: bool = False) -> UUID:
    """An id that the command brings about; in parts: of the batch that the command is a step of."""
    key = command.idempotency_key
    return ids.derive(
        kind,
        tenant_id=command.tenant_id,
        key=ids.root_key(key) if in_parts else key,
        accepted_at=command.accepted_at,
        partition_id=ids.IN_PARTS if in_parts else place.partition_id,
    )


def correlation_of(command: AnyCommand, place: Place) -> UUID:
    """The command id of the originating request: what all parts and steps share."""
    return derived(ids.COMMAND, command, place, in_parts=part_of(command) is not None)


def part_of(command: AnyCommand) -> int | None:
    """The part number `<n>` of a key `<key>/<partition>/<n>`; None of a command without parts."""
    if isinstance(command, AccrualChunk):
        return int(command.idempotency_key.rsplit("/", 1)[1])
    if isinstance(command, Reversal):
        return command.part
    return None


def entry_of(
    command: AnyCommand,
    place: Place,
    page: Page,
    *,
    event: tuple[str, str],
    effective_on: date,
    lines: Sequence[Line],
    reverses: tuple[UUID, int] | None = None,
) -> Entry:
    """The entry of an `event` (type, kind of id) with these lines; raises when unbalanced."""
    event_type, event_kind = event
    part = part_of(command)
    in_parts = part is not None
    return Entry(
        tenant_id=command.tenant_id,
        journal_entry_id=derived(ids.JOURNAL_ENTRY, command, place, in_parts=in_parts),
        part=part or 0,
        event_type=event_type,
        event_id=derived(event_kind, command, place, in_parts=in_parts),
        effective_on=effective_on,
        booked_on=page.booked_on(command.tenant_id, effective_on),
        posted_at=place.posted_at,
        correlation_id=correlation_of(command, place),
        actor=command.actor,
        lines=tuple(lines),
        reverses_entry_id=None if reverses is None else reverses[0],
        reverses_part=None if reverses is None else reverses[1],
        description=getattr(command, "description", None),
        metadata=getattr(command, "metadata", {}),
    )


def result_of(event_member: str | None, entry: Entry, loan: Loan) -> dict[str, object]:
    """The response body that all events of one loan share (contract section 3)."""
    event_id = {} if event_member is None else {event_member: str(entry.event_id)}
    return event_id | {
        "journal_entry_id": str(entry.journal_entry_id),
        "posted_at": format_instant(entry.posted_at),
        "correlation_id": str(entry.correlation_id),
        "balance": loan.balance(entry.posted_at.date()),
    }
