"""Which part of what a record brings about Postgres refuses. No I/O of its own: trials are given.

A record whose rows Postgres refuses as data is tried again and again by itself, each time in a
transaction that is rolled back, with more or less of it set aside, until what is at fault stands
alone: the command itself, some loans of a chunk, or some of the commands that a resume decides.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from posting_engine.quarantine import is_of_many_loans
from posting_engine.quarantine_rows import Waiting
from posting_engine.verdict import Faults, Item, Verdict
from schemas.cut_over import CutOver
from schemas.quarantine import QuarantineReject, QuarantineResume

MOST_TRIALS: Final = 1_000
"""Then every loan of the chunk that is not known to be sound counts as at fault: the trials must
end long before the consumer group takes the partition for abandoned."""
_TRIED: Final = "set aside for a trial"


@dataclass(frozen=True, slots=True)
class Trial:
    """What trying an item came to. `refused`: why Postgres would not have it; None: it would."""

    refused: str | None
    verdict: Verdict
    waiting: Sequence[Waiting]


Try = Callable[[Item], Trial]


@dataclass(slots=True)
class _Search:
    attempt: Try
    left: int = MOST_TRIALS
    found: dict[UUID, str] = field(default_factory=dict)

    def refusal_of(self, item: Item, faults: Faults) -> str | None:
        self.left -= 1
        rehearsed = replace(faults, is_rehearsal=True, marks_loans=False)
        return self.attempt(replace(item, faults=rehearsed)).refused


def set_aside(item: Item, reason: str, attempt: Try) -> Iterator[Item]:
    """The item with what is at fault set aside, as little as possible first.

    The caller records the first that Postgres takes. `reason`: why it refused the whole.
    """
    narrow, wide = _faults_of(item, reason, attempt)
    for faults in (narrow, wide) if wide != narrow else (narrow,):
        yield replace(item, faults=faults)
        # Not even the mark on a loan's row can be written: the queue alone says that it waits.
        yield replace(item, faults=replace(faults, marks_loans=False))


def _faults_of(item: Item, reason: str, attempt: Try) -> tuple[Faults, Faults]:
    command = item.content
    if isinstance(command, QuarantineResume | QuarantineReject):
        waiting = attempt(item).waiting
        everything = Faults(commands={one.record.offset: reason for one in waiting})
        return _of_resolution(item, reason, waiting, attempt), everything
    if not isinstance(command, str | CutOver) and is_of_many_loans(command):
        touched = attempt(item).verdict.touched_loans
        loans = sorted(loan_id for _, _, loan_id in touched)
        everything = Faults(loans=dict.fromkeys(loans, reason))
        return _of_loans(item, reason, loans, attempt), everything
    itself = Faults(commands={item.record.offset: reason})
    return itself, itself


def _of_loans(item: Item, reason: str, loans: Sequence[UUID], attempt: Try) -> Faults:
    """Halve the loans until those that Postgres refuses stand alone."""
    search = _Search(attempt)

    def look_into(some: Sequence[UUID], why: str) -> None:
        if len(some) <= 1 or search.left <= 0:
            search.found.update(dict.fromkeys(some, why))
            return
        for half in (some[: len(some) // 2], some[len(some) // 2 :]):
            others = dict.fromkeys((loan for loan in loans if loan not in set(half)), _TRIED)
            refused = search.refusal_of(item, Faults(loans=others))
            if refused is not None:
                look_into(half, refused)

    nothing = Faults(loans=dict.fromkeys(loans, _TRIED))
    if search.refusal_of(item, nothing) is None:
        look_into(loans, reason)
    return Faults(loans=dict(search.found))


def _of_resolution(item: Item, reason: str, waiting: Sequence[Waiting], attempt: Try) -> Faults:
    """The commands that are refused again, one after the other: behind each its loan waits on."""
    search = _Search(attempt)
    offsets = sorted({one.record.offset for one in waiting})
    known: dict[int, str] = {}
    refused: str | None = reason
    while refused is not None and len(known) < len(offsets) and search.left > 0:
        low, high = 0, len(offsets)  # what is before `low` is taken, what is before `high` is not
        why = refused
        while high - low > 1:
            middle = (low + high) // 2
            later = dict.fromkeys(offsets[middle:], _TRIED)
            told = search.refusal_of(item, Faults(commands=later | known))
            low, high, why = (middle, high, why) if told is None else (low, middle, told)
        if offsets[high - 1] in known:
            break  # what is refused is none of the commands
        known[offsets[high - 1]] = why
        refused = search.refusal_of(item, Faults(commands=known))
    return Faults(commands=known)
