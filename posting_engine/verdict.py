"""What a batch does, gathered to be written in one transaction, then announced. No I/O.

Each function takes one decision's effects into the page, so that the next command sees them, and
into the verdict, so that they are written.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from posting_engine import accrual_rows, rows
from posting_engine.positions import Position
from posting_engine.posting.entries import (
    command_id_of,
    correlation_of,
    is_step,
    part_of,
    steps_total,
)
from posting_engine.posting.page import (
    Decision,
    DisbursedAmount,
    Page,
    Place,
    Posting,
    ReversalTarget,
)
from posting_engine.posting.refusals import Refusal
from posting_engine.quarantine_rows import OutgoingDeadLetterRow, QuarantinedRow, QuarantineRow
from posting_engine.records import Content, Record
from schemas import codec
from schemas.codec import Outcome
from schemas.commands import AnyCommand
from schemas.placement import place_of

KeyOfCommand = tuple[int, UUID, str]
"""partition, tenant, idempotency key: by these a duplicate is recognised, for ever."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What applying a record by itself has shown that Postgres refuses, and so is set aside.

    `commands`: offset -> reason; `loans`: loan of the chunk -> reason. Where not even the loans'
    own rows can be written, `marks_loans` is False. A rehearsal quarantines no loan of a chunk.
    """

    commands: Mapping[int, str] = field(default_factory=dict)
    loans: Mapping[UUID, str] = field(default_factory=dict)
    marks_loans: bool = True
    is_rehearsal: bool = False


NO_FAULTS: Final = Faults()


@dataclass(frozen=True, slots=True)
class Item:
    """A record and what it was found to be: a command, a seal, or the reason why it is neither."""

    record: Record
    content: Content | str
    faults: Faults = NO_FAULTS


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """A record that is no command, and why."""

    record: Record
    reason: str


@dataclass(slots=True)
class Verdict:
    """What a batch does, all of it to be written in one transaction, then announced.

    `queued` are commands that wait from now on, `broken_again` those whose reason to wait is a
    new one, `unqueued` (partition, tenant, loan, offset) those that wait no more. `parts` are
    chunks decided by arrays, whose entries are not in `links`.
    """

    before: Mapping[int, Position]
    after: dict[int, Position]
    outcomes: list[rows.OutcomeRow] = field(default_factory=list)
    links: list[rows.ChainedEntry] = field(default_factory=list)
    parts: list[accrual_rows.Part] = field(default_factory=list)
    disbursed: dict[tuple[int, UUID, UUID], DisbursedAmount] = field(default_factory=dict)
    disbursement_entries: list[rows.DisbursementEntryRow] = field(default_factory=list)
    targets: list[tuple[int, UUID, ReversalTarget]] = field(default_factory=list)
    closes: dict[rows.CloseKey, datetime] = field(default_factory=dict)
    follow_ups: list[rows.FollowUpRow] = field(default_factory=list)
    touched_loans: set[tuple[int, UUID, UUID]] = field(default_factory=set)
    dead_letters: list[DeadLetterRow] = field(default_factory=list)
    queued: list[QuarantinedRow] = field(default_factory=list)
    broken_again: list[QuarantineRow] = field(default_factory=list)
    unqueued: list[tuple[int, UUID, UUID, int]] = field(default_factory=list)
    quarantines: list[QuarantineRow] = field(default_factory=list)
    to_publish: list[OutgoingDeadLetterRow] = field(default_factory=list)
    announcements: list[tuple[int | None, Outcome]] = field(default_factory=list)
    halts: dict[int, str] = field(default_factory=dict)


def take(
    decision: Decision,
    command: AnyCommand,
    place: Place,
    record: Record,
    page: Page,
    verdict: Verdict,
    *,
    resumed_offset: int | None = None,
) -> Outcome:
    """Take a decision's effects; what to announce. Raises `BrokenInvariant` with nothing taken."""
    row = _outcome_of(command, place, decision, page.partition_count, resumed_offset)
    follow_ups = [_follow_up(next_step, record, page) for next_step in decision.follow_ups]
    if isinstance(decision, Posting):
        _post(decision, command.tenant_id, place, page, verdict)
    verdict.follow_ups += follow_ups
    return answer(row, record, verdict)


def answer(row: rows.OutcomeRow, record: Record, verdict: Verdict) -> Outcome:
    """Write an outcome and announce it."""
    outcome = announcement(row)
    verdict.outcomes.append(row)
    verdict.announcements.append((record.reply_partition, outcome))
    return outcome


def dry_run_of(command: AnyCommand, place: Place, decision: Decision, page: Page) -> Outcome:
    """What to announce of a command that is only tried."""
    row = _outcome_of(command, place, decision, page.partition_count)
    return replace(announcement(row), dry_run=True)


def _post(posting: Posting, tenant_id: UUID, place: Place, page: Page, verdict: Verdict) -> None:
    entry_seq = page.next_entry_seq
    page.apply(posting, tenant_id)
    position = verdict.after[place.partition_id]
    if posting.accrued is None:
        links, head = rows.chained(
            place.partition_id, position.chain_head, [(entry_seq, place.command_offset, posting)]
        )
        verdict.links += links
    else:
        part, head = accrual_rows.chained(
            place.partition_id,
            position.chain_head,
            entry_seq,
            place.command_offset,
            tenant_id,
            posting,
        )
        verdict.parts.append(part)
    verdict.after[place.partition_id] = position.with_entries(page.next_entry_seq - 1, head)
    for loan in posting.loans:
        verdict.touched_loans.add((place.partition_id, loan.tenant_id, loan.loan_id))
    for amount in posting.disbursed:
        verdict.disbursed[place.partition_id, tenant_id, amount.event_id] = amount
    for target in posting.targets:
        verdict.targets.append((place.partition_id, tenant_id, target))
    if posting.about_disbursement is not None and posting.entry is not None:
        entry_id = posting.entry.journal_entry_id
        verdict.disbursement_entries.append(
            rows.DisbursementEntryRow(
                place.partition_id, entry_id, tenant_id, posting.about_disbursement
            )
        )
    if posting.closed_through is not None:
        key = (place.partition_id, tenant_id, posting.closed_through)
        verdict.closes.setdefault(key, place.posted_at)


def _follow_up(command: AnyCommand, cause: Record, page: Page) -> rows.FollowUpRow:
    """The next step, to be sent by whoever holds the partition of the step before it."""
    to_partition, record_key = place_of(command, page.partition_count)
    return rows.FollowUpRow(
        partition_id=cause.partition_id,
        tenant_id=command.tenant_id,
        idempotency_key=command.idempotency_key,
        to_partition=to_partition,
        record_key=record_key,
        record_value=codec.encode(command),
        reply_partition=cause.reply_partition,
        traceparent=cause.traceparent,
    )


def _outcome_of(
    command: AnyCommand,
    place: Place,
    decision: Decision,
    partition_count: int,
    resumed_offset: int | None = None,
) -> rows.OutcomeRow:
    if isinstance(decision, Refusal):
        status = "rejected"
        result = {"code": decision.code, "detail": decision.detail, **decision.members}
    else:
        status, result = "posted", decision.result
    # A chunk's, and a reversed part's: by it a batch is read from its outcomes alone.
    accrual = result.get("accrual_event_id") if part_of(command) is not None else None
    command_id = command_id_of(command, place)
    return rows.OutcomeRow(
        partition_id=place.partition_id,
        tenant_id=command.tenant_id,
        idempotency_key=command.idempotency_key,
        command_id=command_id,
        correlation_id=correlation_of(command, place) if is_step(command) else command_id,
        command_type=type(command).__name__,
        fingerprint=command.fingerprint,
        status=status,
        result=rows.to_json(result),
        accrual_event_id=None if accrual is None else UUID(str(accrual)),
        chunks_total=steps_total(command, partition_count),
        command_offset=place.command_offset,
        posted_at=place.posted_at,
        resumed_offset=resumed_offset,
    )


def announcement(row: rows.OutcomeRow) -> Outcome:
    """An outcome as it is announced; its offset is that of the record that brought it about."""
    applied = row.command_offset if row.resumed_offset is None else row.resumed_offset
    return Outcome(
        tenant_id=row.tenant_id,
        command_id=row.command_id,
        correlation_id=row.correlation_id,
        idempotency_key=row.idempotency_key,
        fingerprint=row.fingerprint,
        status=row.status,
        result=row.result,
        partition_id=row.partition_id,
        command_offset=applied,
    )
