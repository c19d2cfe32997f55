"""The check of every entry with every line: a sweep, since a journal only grows.

Each entry's digest is compared with that of the rows. A run sweeps what is new and what was looked
at longest ago, for as long as it may take; how old the oldest look is, the run says. What differs
is named by reading the event itself again from the topic.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from reconciliation.checks import Books, Checked, first_named
from reconciliation.findings import Finding, Kind, Standing
from reconciliation.store import Row, Snapshot
from reconciliation.tallies import Tally
from schemas.journal_topic import JournalEntry, JournalLine

ENTRIES_AT_ONCE: Final = 500
MOST_RECALLED: Final = 20
"""Events that one run reads again; what else differs is named by what the books have of it."""
Recall = Callable[[int, int], JournalEntry | None]
"""Reads an event again, by partition and offset."""
Stretch = tuple[int, int]
"""Partition, and number of the run of `ENTRIES_AT_ONCE` entries."""


@dataclass(slots=True)
class Look:
    """Up to which entry a stretch was looked at, and when it was last."""

    entry_seq: int = 0
    at: float = float("-inf")


@dataclass(slots=True)
class Sweep:
    """What was looked at, and when. Forgotten with the process: then all is looked at anew."""

    recall: Recall
    clock: Callable[[], float] = time.monotonic
    _looks: dict[Stretch, Look] = field(default_factory=dict)
    _recalled_count: int = 0

    def check(self, books: Books, seconds: float) -> Checked:
        """Sweep for so long; at least one stretch, what is new before all else."""
        begun_at, entry_count, self._recalled_count = self.clock(), 0, 0
        findings: list[Finding] = []
        swept: dict[Stretch, tuple[int, int]] = {}
        for stretch in self._by_age(books.tallies):
            if swept and self.clock() > begun_at + seconds:
                break
            tally = books.tallies[stretch[0]]
            first_seq = stretch[1] * ENTRIES_AT_ONCE + 1
            last_seq = min(first_seq + ENTRIES_AT_ONCE - 1, tally.entry_seq)
            findings += self._compare(books.snapshot, tally, first_seq, last_seq)
            entry_count += last_seq - first_seq + 1
            swept[stretch] = (first_seq, last_seq)
            self._looks[stretch] = Look(last_seq, begun_at)
        named = first_named(Kind.ENTRY, findings)
        is_all_named = len(named) == len(findings)

        def covers(standing: Standing) -> bool:
            if standing.entry_seq is None or standing.partition_id is None:
                return standing.subject == f"{Kind.MORE}/{Kind.ENTRY}" and is_all_named
            stretch = (standing.partition_id, (standing.entry_seq - 1) // ENTRIES_AT_ONCE)
            is_of_kind = standing.kind in (Kind.ENTRY, Kind.ENTRY_MISSING)
            return is_of_kind and is_all_named and stretch in swept

        return Checked(named, covers, {"entries": entry_count, **self._oldest(books, begun_at)})

    def _by_age(self, tallies: Mapping[int, Tally]) -> list[Stretch]:
        aged: list[tuple[float, Stretch]] = []
        for partition_id, tally in tallies.items():
            for number in range(-(-tally.entry_seq // ENTRIES_AT_ONCE)):
                look = self._looks.get((partition_id, number), Look())
                last_seq = min((number + 1) * ENTRIES_AT_ONCE, tally.entry_seq)
                at = look.at if look.entry_seq >= last_seq else float("-inf")
                aged.append((at, (partition_id, number)))
        return [stretch for _, stretch in sorted(aged)]

    def _oldest(self, books: Books, now: float) -> dict[str, Any]:
        """How long ago the entry was looked at that was looked at longest ago; None: never."""
        oldest = min(
            (self._looks.get(s, Look()).at for s in self._by_age(books.tallies)[:1]), default=now
        )
        return {"oldest_look_s": None if oldest == float("-inf") else round(now - oldest)}

    def _compare(
        self, snapshot: Snapshot, tally: Tally, first_seq: int, last_seq: int
    ) -> Iterator[Finding]:
        rows = snapshot.rows(
            "stream_digests",
            partition_id=tally.partition_id,
            first_seq=first_seq,
            last_seq=last_seq,
        )
        there = {row["entry_seq"]: row["digest"] for row in rows}
        for entry_seq in range(first_seq, last_seq + 1):
            if there.get(entry_seq) != tally.digests[entry_seq - 1]:
                yield self._explain(snapshot, tally, entry_seq)

    def _explain(self, snapshot: Snapshot, tally: Tally, entry_seq: int) -> Finding:
        """Name what differs: the entry, and the first line that is not as it was published."""
        place: dict[str, Any] = {"partition_id": tally.partition_id, "entry_seq": entry_seq}
        event = self._recall(tally, entry_seq)
        rows = snapshot.rows("load_entry", **place)
        about: dict[str, Any] = {}
        line = None
        if event is not None:
            line = _first_difference(event, snapshot.rows("load_lines", **place))
            about = {"tenant_id": event.tenant_id, "journal_entry_id": event.journal_entry_id}
            about |= {"booked_on": event.booked_on, "loan_id": _loan_of(event)}
        elif rows:
            about = {name: UUID(bytes=rows[0][name]) for name in ("tenant_id", "journal_entry_id")}
        if line is not None:
            about |= line.about
        kind = Kind.ENTRY if rows else Kind.ENTRY_MISSING
        told = f"entry {about.get('journal_entry_id')} ({tally.partition_id}:{entry_seq})"
        return Finding(
            kind=kind,
            subject=f"{kind}/{tally.partition_id}/{entry_seq}",
            detail=f"{told} {_how(line, is_there=bool(rows))}",
            **place,
            **about,
        )

    def _recall(self, tally: Tally, entry_seq: int) -> JournalEntry | None:
        self._recalled_count += 1
        if self._recalled_count > MOST_RECALLED:
            return None
        event = self.recall(tally.partition_id, tally.offsets[entry_seq - 1])
        # A topic that was made anew has other entries at these places.
        return event if event is not None and event.entry_seq == entry_seq else None


@dataclass(frozen=True, slots=True)
class Difference:
    """A line that is not as it was published; `about` are members of its finding."""

    sequence: int
    about: dict[str, Any]


def _how(line: Difference | None, *, is_there: bool) -> str:
    if not is_there:
        return "was published and is missing from the books"
    if line is None:
        return "is not as it was published: its own row differs"
    was, found = line.about["expected"], line.about["found"]
    return f"is not as it was published: line {line.sequence} was {was}, and is {found}"


def _first_difference(event: JournalEntry, rows: list[Row]) -> Difference | None:
    published = {line.sequence: line for line in event.lines}
    stored = {row["sequence"]: _line_of(row) for row in rows}
    for sequence in sorted(published.keys() | stored.keys()):
        line, other = published.get(sequence), stored.get(sequence)
        either = line or other
        if line != other and either is not None:
            names = ("account_code", "currency", "layer", "loan_id")
            about = {name: getattr(either, name) for name in names}
            return Difference(sequence, {**about, "expected": _words(line), "found": _words(other)})
    return None


def _line_of(row: Row) -> JournalLine:
    members = {name: row[name] for name in JournalLine.__dataclass_fields__}
    for member in ("loan_id", "borrower_id"):
        members[member] = None if members[member] is None else UUID(bytes=members[member])
    return JournalLine(**members)


def _words(line: JournalLine | None) -> str:
    if line is None:
        return "absent"
    words = f"{line.direction} {line.account_code} {line.amount_minor} {line.currency} {line.layer}"
    return words + (f" of loan {line.loan_id}" if line.loan_id else "")


def _loan_of(event: JournalEntry) -> UUID | None:
    """The only loan that an entry names."""
    loans = {line.loan_id for line in event.lines if line.loan_id}
    return loans.pop() if len(loans) == 1 else None
