"""Which record of each partition is due, and what any other one means.

Records are applied in the order of their offsets, without a gap. The first one due after an
assignment is the witness, the last applied record: it must be what was applied there. Client
libraries have been known to skip, repeat and swap records, so what was passed over is asked for
once more, and counts as gone only when it is passed over again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from posting_engine.positions import Position
from posting_engine.records import Record


class Turn(Enum):
    """What a record that came is to its partition."""

    DUE = auto()
    """The next to be applied."""
    NOT_NOW = auto()
    """Read before, or to be read again: nothing is to be done about it."""
    AGAIN = auto()
    """Something due was passed over for the first time: read again from it."""
    GONE = auto()
    """Something due was passed over although it had been asked for again."""
    ANOTHER = auto()
    """It stands where the witness should, and is not what was applied."""


@dataclass(slots=True)
class Contiguity:
    """What is due of each partition that is held."""

    _due: dict[int, int] = field(default_factory=dict)
    _unverified: set[int] = field(default_factory=set)
    _asked_again: set[int] = field(default_factory=set)
    _left_for_now: set[int] = field(default_factory=set)
    _awaited: set[int] = field(default_factory=set)

    def begin(self, position: Position) -> int:
        """A partition was assigned; the offset to read from."""
        partition_id = position.partition_id
        self.forget([partition_id])
        self._due[partition_id] = position.next_offset
        if _has_witness(position):
            self._unverified.add(partition_id)
        return self.reads_from(partition_id)

    def resume(self, held: Mapping[int, Position]) -> None:
        """Positions were read back from the books: they may have moved either way."""
        self._due = {p: position.next_offset for p, position in held.items()}
        self._unverified = {p for p in self._unverified if p in held and _has_witness(held[p])}

    def forget(self, partition_ids: Iterable[int]) -> None:
        """These partitions are no longer held."""
        for partition_id in partition_ids:
            self._due.pop(partition_id, None)
            for state in (self._unverified, self._asked_again, self._left_for_now):
                state.discard(partition_id)

    def begin_take(self) -> None:
        """What comes from now on was taken after the last seek."""
        self._left_for_now.clear()

    def reads_from(self, partition_id: int) -> int:
        """The offset that must come next: the witness, or what is due."""
        return self._due[partition_id] - (partition_id in self._unverified)

    def is_verified(self, partition_id: int) -> bool:
        """Whether the witness has come again, where there is one."""
        return partition_id not in self._unverified

    def overdue(self) -> dict[int, int]:
        """Where to read again from: witnesses that had not come when this was asked before."""
        overdue = self._unverified & self._awaited
        self._awaited = self._unverified - overdue
        return {partition_id: self.reads_from(partition_id) for partition_id in overdue}

    def judge(self, record: Record, position: Position) -> Turn:
        """What a record of a held partition is. Whoever asks does what the answer says."""
        partition_id = record.partition_id
        wanted = self.reads_from(partition_id)
        if record.offset < wanted:
            return Turn.NOT_NOW
        if record.offset > wanted:
            return self._passed_over(partition_id)
        self._asked_again.discard(partition_id)
        if partition_id not in self._unverified:
            return Turn.DUE
        if record.hash != position.last_record_hash:
            return Turn.ANOTHER
        self._unverified.discard(partition_id)
        return Turn.NOT_NOW

    def go_on_from(self, partition_id: int, offset: int, *, is_left_for_now: bool = False) -> None:
        """This offset is due next; `is_left_for_now`: whatever else this take holds of it."""
        self._due[partition_id] = offset
        self._unverified.discard(partition_id)
        if is_left_for_now:
            self._left_for_now.add(partition_id)

    def _passed_over(self, partition_id: int) -> Turn:
        if partition_id in self._left_for_now:
            return Turn.NOT_NOW  # the rest of this take; what matters is what comes after the seek
        if partition_id in self._asked_again:
            return Turn.GONE
        self._asked_again.add(partition_id)
        self._left_for_now.add(partition_id)
        return Turn.AGAIN


def _has_witness(position: Position) -> bool:
    return position.next_offset > 0 and position.last_record_hash is not None
