"""Where a rebuild reads commands from, and what was decided about them that it takes as it was."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from posting_engine.records import Record

Place = tuple[int, int]
"""partition, offset."""
Breaking = tuple[int, int, int, UUID]
"""partition, decided offset, command offset, loan (zero: no loan)."""


class SourceDamaged(Exception):
    """Something of the log is missing, or is not what it was. The message says where."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was decided about records, whatever today's code would decide: reasons, by place."""

    dead_letters: Mapping[Place, str] = field(default_factory=dict)
    quarantines: Mapping[Breaking, str] = field(default_factory=dict)

    def and_those_of(self, older: "Facts") -> "Facts":
        """Both; where they speak of the same, these."""
        return Facts(
            {**older.dead_letters, **self.dead_letters}, {**older.quarantines, **self.quarantines}
        )


class LogSource(Protocol):
    """A log of commands, or a copy of one. Every method raises `SourceDamaged`."""

    @property
    def topic_id(self) -> str:
        """Of the topic that it is, or is a copy of."""

    def bases(self) -> Mapping[int, int]:
        """Where that topic's partitions begin, since offsets go on counting; 0 where not listed."""

    def bounds(self) -> Mapping[int, Place]:
        """Of each partition: the first offset held, and the one after the last readable one."""

    def read(self, partition_id: int, first: int, end: int) -> Iterator[Record]:
        """Every committed record of [first, end) in order. Offsets that hold nothing that was
        committed (aborted records, markers) are left out, and nothing else is.
        """

    def facts(self) -> Facts:
        """What it knows of what was decided."""
