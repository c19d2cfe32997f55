"""Loans that stand still: what breaks is held, what follows waits, an operator decides. No I/O.

A command breaks where `decide` raises, or where Postgres is known to refuse what it would write
(`Faults`). It quarantines the loan it concerns: later commands of that loan wait in order, and
other loans go on. What concerns no loan stands for itself, as the zero loan of its tenant in this
partition. A chunk never waits: the loans at fault are refused in it, and quarantined. The argument
is in docs/decisions/0011.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from posting_engine import quarantine_rows
from posting_engine.posting.accrual import shares_of
from posting_engine.posting.entries import command_id_of, correlation_of, part_of
from posting_engine.posting.journal import BrokenInvariant
from posting_engine.posting.page import AccruedLine, Decision, Page, Place
from posting_engine.posting.refusals import LOAN_QUARANTINED
from posting_engine.quarantine_rows import QuarantinedRow, QuarantineRow
from posting_engine.records import Record
from posting_engine.verdict import Item, KeyOfCommand, Verdict, dry_run_of, take
from schemas.codec import Outcome
from schemas.commands import (
    AccrualChunk,
    AnyCommand,
    DisbursementSettlement,
    PaymentReturn,
    PeriodClose,
    PeriodClosed,
    Refinance,
    RefinanceOpening,
    RefinanceRelease,
    RefinanceReversal,
    Reversal,
)
from schemas.partitioning import NO_LOAN

Decide = Callable[[AnyCommand, Place, Page], Decision]

QUARANTINED: Final = "quarantined"
"""The status that is announced of a command that waits; it is no outcome."""

BREAKS: Final = (
    BrokenInvariant,
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
)
"""What deciding may raise. It does no I/O, so every one of them is a bug or damaged books, comes
again each time, and must not stand in the way of other loans."""


@dataclass(frozen=True, slots=True)
class Case:
    """One record being applied: where it stands, what is known, where its effects go."""

    item: Item
    place: Place
    page: Page
    verdict: Verdict
    earlier: dict[KeyOfCommand, Outcome]
    decide: Decide


@dataclass(frozen=True, slots=True)
class Broken:
    """A command that cannot be applied, and why."""

    reason: str


def hear(case: Case, command: AnyCommand) -> None:
    """Apply a command of the log: decide it, or hold it, or let it wait behind what is held."""
    record, loan_id = case.item.record, loan_concerned(command, case.page)
    reason = None
    if is_of_many_loans(command) or not is_quarantined(case, command, loan_id):
        outcome = settle(case, command, case.place, record)
        if isinstance(outcome, Outcome):
            if not command.dry_run:
                case.earlier[_key(case, command)] = outcome
            return
        reason = outcome.reason
    if command.dry_run:
        told = dry_run_of(command, case.place, LOAN_QUARANTINED, case.page)
        case.verdict.announcements.append((record.reply_partition, told))
        return
    row = hold(case, command, record, loan_id, reason)
    waits = announcement(row)
    case.earlier[_key(case, command)] = waits
    case.verdict.announcements.append((record.reply_partition, waits))


def settle(
    case: Case,
    command: AnyCommand,
    place: Place,
    record: Record,
    *,
    resumed_offset: int | None = None,
) -> Outcome | Broken:
    """Decide one command and take its effects; what to announce. Broken leaves nothing behind.

    Of what names many loans only those at fault are set aside: those that break by themselves,
    those that Postgres refuses, and all of them where the entry as a whole breaks.
    """
    faults = case.item.faults
    if (reason := faults.commands.get(place.command_offset)) is not None:
        return Broken(reason)
    at_fault = dict(faults.loans)
    while True:
        case.page.at_fault = at_fault
        try:
            decision = case.decide(command, place, case.page)
            if command.dry_run:
                outcome = dry_run_of(command, place, decision, case.page)
                case.verdict.announcements.append((record.reply_partition, outcome))
                return outcome
            outcome = take(
                decision,
                command,
                place,
                record,
                case.page,
                case.verdict,
                resumed_offset=resumed_offset,
            )
        except BREAKS as error:
            everybody = dict.fromkeys(_loans_of_chunk(command, case.page), told(error))
            if not everybody.keys() - at_fault.keys():
                return Broken(told(error))
            at_fault = everybody | at_fault
        else:
            if not faults.is_rehearsal:
                for loan_id, why in decision.at_fault:
                    hold(case, command, record, loan_id, why, is_share=True)
            return outcome
        finally:
            case.page.at_fault = {}


def hold(
    case: Case,
    command: AnyCommand,
    record: Record,
    loan_id: UUID,
    reason: str | None,
    *,
    is_share: bool = False,
) -> QuarantinedRow:
    """Keep a command until an operator decides; with a `reason`, because it broke itself."""
    place = replace(case.place, command_offset=record.offset)
    row = QuarantinedRow(
        partition_id=place.partition_id,
        tenant_id=command.tenant_id,
        loan_id=loan_id,
        command_offset=record.offset,
        idempotency_key=command.idempotency_key,
        command_id=command_id_of(command, place),
        correlation_id=correlation_of(command, place),
        command_type=type(command).__name__,
        fingerprint=command.fingerprint,
        is_share=is_share,
        reason=reason,
        appended_at=record.appended_at,
        quarantined_at=place.posted_at,
        record_key=record.key,
        record_value=record.value or b"",
        record_headers=quarantine_rows.headers_json(record),
    )
    case.verdict.queued.append(row)
    count(case, 1)
    if reason is not None:
        note_broken(case, record, command.tenant_id, loan_id, row.command_id, reason)
    case.page.quarantined.add((command.tenant_id, loan_id))
    mark(case, command.tenant_id, loan_id)
    return row


def note_broken(
    case: Case, record: Record, tenant_id: UUID, loan_id: UUID, command_id: UUID, reason: str
) -> QuarantineRow:
    """Record the fact that a command broke, and publish it."""
    fact = QuarantineRow(
        partition_id=record.partition_id,
        decided_offset=case.place.command_offset,
        command_offset=record.offset,
        loan_id=loan_id,
        tenant_id=tenant_id,
        command_id=command_id,
        reason=reason,
        decided_at=case.place.posted_at,
    )
    case.verdict.quarantines.append(fact)
    case.verdict.to_publish.append(quarantine_rows.quarantine_to_publish(record, fact))
    return fact


def count(case: Case, more: int) -> None:
    """Keep how many commands of the partition wait."""
    position = case.verdict.after[case.place.partition_id]
    case.verdict.after[case.place.partition_id] = replace(
        position, quarantined_count=position.quarantined_count + more
    )


def mark(case: Case, tenant_id: UUID, loan_id: UUID) -> None:
    """Let the loan, where there is one, say whether it is quarantined. The queue is the truth."""
    loan = case.page.loans.get((tenant_id, loan_id))
    stands_still = (tenant_id, loan_id) in case.page.quarantined
    if loan is None or loan.quarantined == stands_still:
        return
    is_written = case.item.faults.marks_loans
    case.page.loans[tenant_id, loan_id] = replace(
        loan, quarantined=stands_still, version=loan.version + is_written
    )
    if is_written:
        case.verdict.touched_loans.add((case.place.partition_id, tenant_id, loan_id))


def announcement(row: QuarantinedRow) -> Outcome:
    """What a sender is told of a command that waits."""
    return Outcome(
        tenant_id=row.tenant_id,
        command_id=row.command_id,
        correlation_id=row.correlation_id,
        idempotency_key=row.idempotency_key,
        fingerprint=row.fingerprint,
        status=QUARANTINED,
        result="{}",
        partition_id=row.partition_id,
        command_offset=row.command_offset,
    )


def is_quarantined(case: Case, command: AnyCommand, loan_id: UUID) -> bool:
    """Whether something of the same loan waits already."""
    return (command.tenant_id, loan_id) in case.page.quarantined


def is_of_many_loans(command: AnyCommand) -> bool:
    """Whether it is a chunk, or the reversal of a part of a batch."""
    return isinstance(command, AccrualChunk) or (
        isinstance(command, Reversal) and part_of(command) is not None
    )


def loan_concerned(command: AnyCommand, page: Page) -> UUID:
    """The loan that stands still when the command breaks; the zero UUID where it concerns none,
    or names an event or entry that is not there.
    """
    tenant_id = command.tenant_id
    match command:
        case AccrualChunk() | PeriodClose() | PeriodClosed():
            return NO_LOAN
        case Refinance() | RefinanceOpening() | RefinanceRelease() | RefinanceReversal():
            return command.new_loan_id
        case DisbursementSettlement():
            disbursed = page.disbursed.get((tenant_id, command.disbursement_event_id))
            return NO_LOAN if disbursed is None else disbursed.loan_id
        case PaymentReturn():
            found = page.events.get((tenant_id, command.payment_event_id))
        case Reversal() if command.part is not None:
            return NO_LOAN
        case Reversal() if command.loan_id is None:
            found = page.entries.get((tenant_id, command.reverses_entry_id, 0))
        case _:
            return command.loan_id or NO_LOAN
    loans = () if found is None else (line.loan_id for line in found.entry.lines)
    return next((loan_id for loan_id in loans if loan_id is not None), NO_LOAN)


def told(error: Exception) -> str:
    """What broke, in words."""
    is_rule = isinstance(error, BrokenInvariant)
    return str(error) if is_rule else f"{type(error).__name__}: {error}"


def _loans_of_chunk(command: AnyCommand, page: Page) -> Iterable[UUID]:
    if isinstance(command, AccrualChunk):
        return [share.loan_id for share in shares_of(command)]
    if isinstance(command, Reversal) and command.part is not None:
        shares: Sequence[AccruedLine] = page.accrued.get(
            (command.reverses_entry_id, command.part, None), ()
        )
        return [share.loan_id for share in shares]
    return []


def _key(case: Case, command: AnyCommand) -> KeyOfCommand:
    return (case.place.partition_id, command.tenant_id, command.idempotency_key)
