"""Deciding a batch: offset order within each partition, effects visible to what follows.

No I/O: pages and earlier outcomes go in, a verdict comes out, to be recorded in one
transaction. How a log is cut into batches never shows in what is decided.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from posting_engine import halts, rows
from posting_engine.positions import Position
from posting_engine.posting.decide import decide
from posting_engine.posting.entries import command_id_of, correlation_of, part_of, steps_total
from posting_engine.posting.journal import BrokenInvariant
from posting_engine.posting.page import (
    DisbursedAmount,
    Page,
    Place,
    Posting,
    ReversalTarget,
)
from posting_engine.posting.refusals import Refusal
from posting_engine.records import Record
from schemas import codec
from schemas.codec import Outcome
from schemas.commands import AccrualChunk, AnyCommand, Reversal
from schemas.placement import place_of

KeyOfCommand = tuple[int, UUID, str]
"""partition, tenant, idempotency key: by these a duplicate is recognised, for ever."""


@dataclass(frozen=True, slots=True)
class Item:
    """A record and what it was found to be: a command, or the reason why it is none."""

    record: Record
    content: AnyCommand | str


@dataclass(frozen=True, slots=True)
class DeadLetterRow:
    """A record that is no command, and why."""

    record: Record
    reason: str


@dataclass(slots=True)
class Verdict:
    """What a batch does, all of it to be written in one transaction, then announced."""

    before: Mapping[int, Position]
    after: dict[int, Position]
    outcomes: list[rows.OutcomeRow] = field(default_factory=list)
    links: list[rows.ChainedEntry] = field(default_factory=list)
    disbursed: dict[tuple[int, UUID, UUID], DisbursedAmount] = field(default_factory=dict)
    disbursement_entries: list[rows.DisbursementEntryRow] = field(default_factory=list)
    targets: list[tuple[int, UUID, ReversalTarget]] = field(default_factory=list)
    closes: dict[rows.CloseKey, datetime] = field(default_factory=dict)
    follow_ups: list[rows.FollowUpRow] = field(default_factory=list)
    touched_loans: set[tuple[int, UUID, UUID]] = field(default_factory=set)
    dead_letters: list[DeadLetterRow] = field(default_factory=list)
    announcements: list[tuple[int | None, Outcome]] = field(default_factory=list)
    halts: dict[int, str] = field(default_factory=dict)


def runs(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Cut a batch where a command must find an earlier one's accruals in the journal itself.

    A backfill and the reversal of an accrual look dates up in the journal, so they begin a run
    of their own when the run holds anything that writes or reverses accruals.
    """
    run: list[Item] = []
    for item in items:
        if _reads_accruals(item.content) and any(_writes_accruals(i.content) for i in run):
            yield run
            run = []
        run.append(item)
    if run:
        yield run


def _reads_accruals(content: AnyCommand | str) -> bool:
    if isinstance(content, AccrualChunk):
        return content.backfill
    return isinstance(content, Reversal) and _is_of_accrual(content)


def _writes_accruals(content: AnyCommand | str) -> bool:
    if isinstance(content, Reversal):
        return _is_of_accrual(content)
    return isinstance(content, AccrualChunk)


def _is_of_accrual(command: Reversal) -> bool:
    return command.part is not None or command.loan_id is not None


def decide_batch(
    items: Sequence[Item],
    pages: Mapping[int, Page],
    earlier: dict[KeyOfCommand, Outcome],
    before: Mapping[int, Position],
) -> Verdict:
    """Decide items in the order given. A partition where an invariant breaks stops there."""
    verdict = Verdict(before=before, after=dict(before))
    for item in items:
        record = item.record
        position = verdict.after[record.partition_id]
        if record.partition_id in verdict.halts:
            continue
        posted_at = max(record.appended_at, position.last_appended_at)
        place = Place(record.partition_id, record.offset, posted_at)
        if isinstance(item.content, str):
            verdict.dead_letters.append(DeadLetterRow(record, item.content))
        else:
            try:
                _decide_one(item.content, place, record, pages, earlier, verdict)
            except BrokenInvariant as error:
                verdict.halts[record.partition_id] = halts.broken(record.offset, str(error))
                continue
        verdict.after[record.partition_id] = replace(
            verdict.after[record.partition_id],
            next_offset=record.offset + 1,
            # What is hidden can never be read again, so it cannot witness that the log is the same.
            last_record_hash=None if item.content == halts.HIDDEN else record.hash,
            last_appended_at=posted_at,
        )
    return verdict


def _decide_one(
    command: AnyCommand,
    place: Place,
    record: Record,
    pages: Mapping[int, Page],
    earlier: dict[KeyOfCommand, Outcome],
    verdict: Verdict,
) -> None:
    key = (place.partition_id, command.tenant_id, command.idempotency_key)
    known = earlier.get(key)
    if known is not None and not command.dry_run:
        # The sender may be waiting for an answer that went to a process that is gone.
        verdict.announcements.append((record.reply_partition, known))
        return
    page = pages[place.partition_id]
    decision = decide(command, place, page)
    row = _outcome_of(command, place, decision, page.partition_count)
    outcome = _announcement(row, dry_run=command.dry_run)
    if not command.dry_run:
        if isinstance(decision, Posting):
            _post(decision, command.tenant_id, place, page, verdict)
        verdict.follow_ups += [
            _follow_up(next_step, record, page) for next_step in decision.follow_ups
        ]
        verdict.outcomes.append(row)
        earlier[key] = outcome
    # Last: what breaks an invariant on the way must not have been announced.
    verdict.announcements.append((record.reply_partition, outcome))


def _post(posting: Posting, tenant_id: UUID, place: Place, page: Page, verdict: Verdict) -> None:
    entry_seq = page.next_entry_seq
    page.apply(posting, tenant_id)
    position = verdict.after[place.partition_id]
    links, head = rows.chained(
        place.partition_id, position.chain_head, [(entry_seq, place.command_offset, posting)]
    )
    verdict.links += links
    verdict.after[place.partition_id] = replace(
        position, chain_head=head, last_entry_seq=page.next_entry_seq - 1
    )
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
    command: AnyCommand, place: Place, decision: Posting | Refusal, partition_count: int
) -> rows.OutcomeRow:
    if isinstance(decision, Refusal):
        status = "rejected"
        result = {"code": decision.code, "detail": decision.detail, **decision.members}
    else:
        status, result = "posted", decision.result
    # A chunk's, and a reversed part's: by it a batch is read from its outcomes alone.
    accrual = result.get("accrual_event_id") if part_of(command) is not None else None
    return rows.OutcomeRow(
        partition_id=place.partition_id,
        tenant_id=command.tenant_id,
        idempotency_key=command.idempotency_key,
        command_id=command_id_of(command, place),
        correlation_id=correlation_of(command, place),
        command_type=type(command).__name__,
        fingerprint=command.fingerprint,
        status=status,
        result=rows.to_json(result),
        accrual_event_id=None if accrual is None else UUID(str(accrual)),
        chunks_total=steps_total(command, partition_count),
        command_offset=place.command_offset,
        posted_at=place.posted_at,
    )


def _announcement(row: rows.OutcomeRow, *, dry_run: bool) -> Outcome:
    return Outcome(
        tenant_id=row.tenant_id,
        command_id=row.command_id,
        correlation_id=row.correlation_id,
        idempotency_key=row.idempotency_key,
        fingerprint=row.fingerprint,
        status=row.status,
        result=row.result,
        partition_id=row.partition_id,
        command_offset=row.command_offset,
        dry_run=dry_run,
    )
