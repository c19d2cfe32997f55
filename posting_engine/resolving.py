"""Resuming and rejecting what is quarantined, as a command of the log decided it. No I/O.

What waits for a loan is decided again in the order of the log, with the time of the resolution.
What breaks again stays, and so does all of its loan behind it. Which commands are looked at
depends on the queue alone, never on how the log was cut into batches.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from posting_engine import rows
from posting_engine.cuts import reads_accruals, writes_accruals
from posting_engine.posting.decide import reject
from posting_engine.posting.loan import format_instant
from posting_engine.posting.refusals import Refusal
from posting_engine.quarantine import (
    QUARANTINED,
    Broken,
    Case,
    count,
    mark,
    note_broken,
    settle,
)
from posting_engine.quarantine_rows import Waiting
from posting_engine.verdict import Item, answer, take
from schemas import ids
from schemas.codec import Outcome
from schemas.quarantine import CANNOT_BE_REFUSED, QuarantineReject, QuarantineResume, Resolution

MOST_DECIDED: Final = 1_000
"""Waiting commands that one resolution looks at: one transaction must hold them."""

_UNREADABLE: Final = "a newer build queued it: run a build that knows its schema"


def waiting_wanted(items: Sequence[Item]) -> dict[str, Any] | None:
    """Parameters of `load_waiting` for the resolution among these items; None where there is none.
    It is a run by itself.
    """
    for item in items:
        if isinstance(item.content, QuarantineResume | QuarantineReject):
            names = ("tenant_id", "command_id", "loan_id")
            named = {name: getattr(item.content, name) for name in names}
            return {"partition_id": item.record.partition_id, **named, "most": MOST_DECIDED}
    return None


@dataclass(slots=True)
class _Progress:
    """How far a resolution has come. `stopped` are loans of which nothing more is decided."""

    stopped: set[UUID] = field(default_factory=set)
    removed: Counter[UUID] = field(default_factory=Counter)
    told: list[dict[str, object]] = field(default_factory=list)
    has_written_accruals: bool = False


def resolve(case: Case, command: Resolution, waiting: Sequence[Waiting]) -> None:
    """Apply a resume or reject. `waiting`: what waits for the loans it names, oldest first."""
    refusal = _refusal_of(command, waiting)
    if refusal is not None:
        members: dict[str, object] = {"code": refusal.code, "detail": refusal.detail}
        _answer(case, command, "rejected", members)
        return
    progress = _Progress()
    if isinstance(command, QuarantineReject):
        # Behind a command that was not named nothing moves.
        heads = {one.loan_id: one.command_id for one in reversed(waiting)}
        progress.stopped |= {loan for loan, head in heads.items() if head != command.command_id}
    for one in waiting:
        if isinstance(command, QuarantineReject) and one.command_id == command.command_id:
            _refuse(case, one, command.explanation, progress)
        elif one.loan_id not in progress.stopped:
            _decide_again(case, one, progress)
    left = _leave(case, waiting, progress)
    result: dict[str, object] = {
        "command_id": str(command.command_id),
        "commands": progress.told,
        "waiting_count": left,
    }
    _answer(case, command, "posted", result)


def _refusal_of(command: Resolution, waiting: Sequence[Waiting]) -> Refusal | None:
    named = [one for one in waiting if one.command_id == command.command_id]
    if not named:
        return Refusal("not_quarantined", "The command does not wait for an operator.")
    fixed = [one for one in named if isinstance(one.command, CANNOT_BE_REFUSED)]
    if isinstance(command, QuarantineReject) and (fixed or named[0].command is None):
        kind = named[0].command_type
        return Refusal("step_cannot_be_rejected", f"A {kind} can only be resumed.")
    return None


def _refuse(case: Case, one: Waiting, explanation: str, progress: _Progress) -> None:
    if one.is_share or one.command is None:
        _tell(progress, one, "rejected", "loan_quarantined")
    else:
        decision = reject(one.command, explanation)
        place = replace(case.place, command_offset=one.record.offset)
        outcome = take(
            decision,
            one.command,
            place,
            one.record,
            case.page,
            case.verdict,
            resumed_offset=case.place.command_offset,
        )
        _remember(case, outcome)
        _tell(progress, one, "rejected", decision.code)
    _unqueue(case, one, progress)


def _decide_again(case: Case, one: Waiting, progress: _Progress) -> None:
    if one.is_share:
        # Its chunk was answered without the loan; what there is to lift is the quarantine.
        _tell(progress, one, "rejected", "loan_quarantined")
        _unqueue(case, one, progress)
        return
    command = one.command
    if command is not None and reads_accruals(command) and progress.has_written_accruals:
        # It must find in the journal what this very transaction writes: the next resume does.
        progress.stopped |= {one.loan_id}
        return
    outcome: Outcome | Broken = Broken(_UNREADABLE)
    if command is not None:
        place = replace(case.place, command_offset=one.record.offset)
        resumed = case.place.command_offset
        outcome = settle(case, command, place, one.record, resumed_offset=resumed)
    if isinstance(outcome, Broken):
        fact = note_broken(
            case, one.record, one.tenant_id, one.loan_id, one.command_id, outcome.reason
        )
        case.verdict.broken_again.append(fact)
        progress.stopped.add(one.loan_id)
        _tell(progress, one, QUARANTINED, None)
        return
    progress.has_written_accruals |= command is not None and writes_accruals(command)
    _remember(case, outcome)
    _tell(progress, one, outcome.status, rows.code_in(outcome.result))
    _unqueue(case, one, progress)


def _remember(case: Case, outcome: Outcome) -> None:
    case.earlier[outcome.partition_id, outcome.tenant_id, outcome.idempotency_key] = outcome


def _unqueue(case: Case, one: Waiting, progress: _Progress) -> None:
    record = one.record
    case.verdict.unqueued.append((record.partition_id, one.tenant_id, one.loan_id, record.offset))
    progress.removed[one.loan_id] += 1
    count(case, -1)


def _leave(case: Case, waiting: Sequence[Waiting], progress: _Progress) -> int:
    """Lift the quarantine of the loans for which nothing waits any more; how many still wait."""
    left = 0
    for loan_id, one in {one.loan_id: one for one in waiting}.items():
        remaining = one.loan_count - progress.removed[loan_id]
        left += remaining
        if not remaining:
            case.page.quarantined.discard((one.tenant_id, loan_id))
        mark(case, one.tenant_id, loan_id)
    return left


def _tell(progress: _Progress, one: Waiting, status: str, code: str | None) -> None:
    told: dict[str, object] = {
        "command_id": str(one.command_id),
        "command_type": one.command_type,
        "status": status,
    }
    progress.told.append(told if code is None else told | {"code": code})


def _answer(case: Case, command: Resolution, status: str, result: dict[str, object]) -> None:
    """The outcome of the resolution itself."""
    place = case.place
    command_id = ids.derive(
        ids.COMMAND,
        tenant_id=command.tenant_id,
        key=command.idempotency_key,
        accepted_at=command.accepted_at,
        partition_id=place.partition_id,
    )
    if status == "posted":
        result |= {
            "posted_at": format_instant(place.posted_at),
            "correlation_id": str(command_id),
        }
    row = rows.OutcomeRow(
        partition_id=place.partition_id,
        tenant_id=command.tenant_id,
        idempotency_key=command.idempotency_key,
        command_id=command_id,
        correlation_id=command_id,
        command_type=type(command).__name__,
        fingerprint=command.fingerprint,
        status=status,
        result=rows.to_json(result),
        accrual_event_id=None,
        chunks_total=None,
        command_offset=place.command_offset,
        posted_at=place.posted_at,
    )
    _remember(case, answer(row, case.item.record, case.verdict))
