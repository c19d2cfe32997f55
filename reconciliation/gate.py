"""Where events wait while the books are compared: every partition stands at the very entry at
which the snapshot sees it, and what came after is applied once the comparison is done.

    open      each event is applied as it comes
    closed    events wait, so that no partition can be further than a snapshot taken now
    up to     those up to given positions are applied, the others wait

The event loop brings events, a thread compares. Nothing is applied while it does.
"""

import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Condition
from typing import Final

from reconciliation.findings import Finding, Kind
from reconciliation.tallies import Tally
from schemas.journal_topic import JournalEntry

MOST_LINES_WAITING: Final = 200_000
"""Of the events that wait in memory; the others wait on the topic. Not how many events: one of a
batch has as many lines as hundreds of payments.
"""


@dataclass(slots=True)
class Gap:
    """Entries of a partition that did not come: `entry_seq` is the first one that did. They would
    stand on the topic between two offsets, of which the first is -1 where nothing came before.
    """

    partition_id: int
    due_seq: int
    entry_seq: int
    after_offset: int
    offset: int


@dataclass(slots=True)
class Gate:
    """All partitions' tallies, and what waits before each. Its lock guards everything."""

    tallies: dict[int, Tally] = field(default_factory=dict)
    gaps: dict[int, Gap] = field(default_factory=dict)
    """Partitions that something is missing of; what follows there is not applied."""
    unreadable: dict[tuple[int, int], str] = field(default_factory=dict)
    """Partition and offset of what is no journal entry, and why."""
    applied_count: int = 0
    _waiting: dict[int, deque[tuple[JournalEntry, int]]] = field(default_factory=dict)
    _lines_waiting: int = 0
    _brought: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Partition -> the last entry that came, and its offset."""
    _limits: Mapping[int, int] | None = None
    _changed: Condition = field(default_factory=Condition)

    def bring(self, partition_id: int, entry: JournalEntry, offset: int) -> Gap | None:
        """Take an event in; or say what is missing before it, and leave it out."""
        with self._changed:
            last_seq, after_offset = self._brought.get(partition_id, (0, -1))
            due_seq = last_seq + 1
            if entry.entry_seq < due_seq or partition_id in self.gaps:
                return None  # told before: messages come at least once
            if entry.entry_seq > due_seq:
                return Gap(partition_id, due_seq, entry.entry_seq, after_offset, offset)
            self._brought[partition_id] = (entry.entry_seq, offset)
            if self._may_pass(partition_id, entry.entry_seq):
                self._apply(partition_id, entry, offset)
                self._changed.notify_all()
            else:
                self._waiting.setdefault(partition_id, deque()).append((entry, offset))
                self._lines_waiting += len(entry.lines)
        return None

    def is_full(self) -> bool:
        """Whether so much waits that the topic should keep the rest."""
        with self._changed:
            return self._lines_waiting >= MOST_LINES_WAITING

    def note_gap(self, gap: Gap) -> None:
        """What is missing is missing on the topic itself."""
        with self._changed:
            self.gaps[gap.partition_id] = gap

    def note_unreadable(self, partition_id: int, offset: int, why: str) -> None:
        """A message is no journal entry."""
        with self._changed:
            self.unreadable[partition_id, offset] = why

    def close(self) -> None:
        """Let no event pass."""
        with self._changed:
            self._limits = {}

    def open_to(self, positions: Mapping[int, int]) -> None:
        """Let events pass up to these entries of each partition."""
        with self._changed:
            self._limits = dict(positions)
            self._drain()

    def open(self) -> None:
        """Let all events pass."""
        with self._changed:
            self._limits = None
            self._drain()

    def wait_for(self, positions: Mapping[int, int], seconds: float) -> dict[int, int]:
        """Wait until each partition stands at its position; partition -> where the others stand."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while behind := self._behind(positions):
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return behind
                self._changed.wait(min(left_s, 0.5))
        return {}

    def tally_of(self, partition_id: int) -> Tally:
        """A partition's tally; an empty one where nothing has come of it."""
        with self._changed:
            return self.tallies.setdefault(partition_id, Tally(partition_id))

    def faults(self) -> list[Finding]:
        """What is wrong with the topic itself."""
        with self._changed:
            gaps = [
                Finding(
                    kind=Kind.EVENT_MISSING,
                    subject=f"{Kind.EVENT_MISSING}/{gap.partition_id}/{gap.due_seq}",
                    partition_id=gap.partition_id,
                    entry_seq=gap.due_seq,
                    expected=str(gap.due_seq),
                    found=str(gap.entry_seq),
                    detail=f"partition {gap.partition_id} of the topic has entry {gap.entry_seq} "
                    f"where {gap.due_seq} is due: what is between was never published, or is lost",
                )
                for gap in self.gaps.values()
            ]
            return gaps + [
                Finding(
                    kind=Kind.UNREADABLE,
                    subject=f"{Kind.UNREADABLE}/{partition_id}/{offset}",
                    partition_id=partition_id,
                    detail=f"message {partition_id}:{offset} of the topic is none of ours: {why}",
                )
                for (partition_id, offset), why in self.unreadable.items()
            ]

    def come_to(self) -> dict[int, int]:
        """Partition -> the last entry that has come, applied or not; nothing where none has."""
        with self._changed:
            return {p: entry_seq for p, (entry_seq, _) in self._brought.items()}

    def stands_at(self) -> dict[int, int]:
        """Partition -> the last entry applied."""
        with self._changed:
            return {p: tally.entry_seq for p, tally in self.tallies.items()}

    def _behind(self, positions: Mapping[int, int]) -> dict[int, int]:
        stand = {p: self.tallies[p].entry_seq if p in self.tallies else 0 for p in positions}
        return {p: at for p, at in stand.items() if at < positions[p] and p not in self.gaps}

    def _may_pass(self, partition_id: int, entry_seq: int) -> bool:
        return self._limits is None or entry_seq <= self._limits.get(partition_id, 0)

    def _drain(self) -> None:
        for partition_id, waiting in self._waiting.items():
            while waiting and self._may_pass(partition_id, waiting[0][0].entry_seq):
                entry, offset = waiting.popleft()
                self._lines_waiting -= len(entry.lines)
                self._apply(partition_id, entry, offset)
        self._changed.notify_all()

    def _apply(self, partition_id: int, entry: JournalEntry, offset: int) -> None:
        self.tallies.setdefault(partition_id, Tally(partition_id)).apply(entry, offset)
        self.applied_count += 1
