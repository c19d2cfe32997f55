"""Publishing dead letters and quarantines: at least once, in the order of each partition.

The transaction that records such a fact queues its message (`outgoing_dead_letters`); a row is
deleted only after the broker has acknowledged it. A crash in between publishes it twice, and a
reader tells by partition, offset and decided offset. Nothing is asked of Postgres while a
partition is known to have none: on assignment, and after every fact, it is looked at again.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from posting_engine.books import Books
from posting_engine.client_settings import BATCH_BYTES
from posting_engine.log import Sender
from posting_engine.positions import Position

MOST: Final = 100
"""Messages of a partition under way at a time; of all partitions, about `BATCH_BYTES`."""
PAUSE_AFTER_FAILURE_SECONDS: Final = 1.0

Key = tuple[int, int]
"""partition, outgoing_seq."""


@dataclass(slots=True)
class DeadLetters:
    """What is under way to the dead letters topic. `_looked_at`: partitions that had none left."""

    books: Books
    sender: Sender
    clock: Callable[[], float] = time.monotonic
    _looked_at: set[int] = field(default_factory=set)
    _under_way: set[Key] = field(default_factory=set)
    _acknowledged: list[Key] = field(default_factory=list)
    _due_at: float = 0.0

    def note(self, partition_ids: Iterable[int]) -> None:
        """Something was queued for these partitions."""
        self._looked_at -= set(partition_ids)

    def forget(self, partition_ids: set[int]) -> None:
        """Partitions that are no longer held: their next holder publishes what is left."""
        self._looked_at -= partition_ids
        self._under_way = {key for key in self._under_way if key[0] not in partition_ids}
        self._acknowledged = [k for k in self._acknowledged if k[0] not in partition_ids]

    def turn(self, held: Mapping[int, Position]) -> None:
        """Delete what was acknowledged; publish what waits."""
        if self._acknowledged:
            # Taken out only once they are gone: Postgres may be away just now.
            done = list(self._acknowledged)
            self.books.forget_dead_letters(done)
            self._acknowledged = [k for k in self._acknowledged if k not in done]
            self._under_way -= set(done)
        busy = {partition_id for partition_id, _ in self._under_way}
        wanted = [p for p in held if p not in self._looked_at and p not in busy]
        if not wanted or self.clock() < self._due_at:
            return
        most_bytes = BATCH_BYTES // len(wanted)
        rows = self.books.outgoing_dead_letters(wanted, most=MOST, most_bytes=most_bytes)
        self._looked_at |= set(wanted) - {row["partition_id"] for row in rows}
        for row in rows:
            key = (row["partition_id"], row["outgoing_seq"])
            if not self._publish(key, row["record_key"], row["record_value"]):
                return  # the producer's queue is full

    def _publish(self, key: Key, record_key: bytes | None, value: bytes) -> bool:
        def done(is_written: bool) -> None:
            if key not in self._under_way:
                return  # the partition was given away meanwhile
            if is_written:
                self._acknowledged.append(key)
            else:
                self._under_way.discard(key)
                self._due_at = self.clock() + PAUSE_AFTER_FAILURE_SECONDS

        self._under_way.add(key)
        handed_over = self.sender.publish_dead_letter(record_key, value, done)
        if not handed_over:
            self._under_way.discard(key)
        return handed_over
