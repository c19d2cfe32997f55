"""What was taken from the log and is not applied yet, in order within each partition. No I/O.

A turn of the worker applies a bounded part of it, so that a payment never waits for more than the
chunks of one transaction, however many have been taken: then the log is asked for more.
"""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from posting_engine.cuts import loans_in
from posting_engine.verdict import Item

QUIET_LOANS: Final = 6_000
"""Of chunks in one turn while nobody else is there. Their transactions overlap (`applying`), and a
payment that comes meanwhile waits for all of them.
"""
BUSY_LOANS: Final = 1_000
"""The same while others are there: what a payment has to wait for."""
QUIET_AFTER_SECONDS: Final = 1.0


@dataclass(slots=True)
class Backlog:
    """Items by partition. `value_bytes` is the length of their records' values."""

    value_bytes: int = 0
    _quiet_from: float = 0.0
    _queues: dict[int, deque[Item]] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    @property
    def partitions(self) -> Collection[int]:
        """The partitions of which something waits."""
        return self._queues.keys()

    def add(self, items: Iterable[Item]) -> None:
        """Put items behind those that wait."""
        for item in items:
            self._queues.setdefault(item.record.partition_id, deque()).append(item)
            self.value_bytes += len(item.record.value or b"")

    def forget(self, partition_ids: Iterable[int]) -> None:
        """Drop what waits of these partitions."""
        for partition_id in partition_ids:
            for item in self._queues.pop(partition_id, ()):
                self.value_bytes -= len(item.record.value or b"")

    def clear(self) -> None:
        """Drop everything."""
        self._queues.clear()
        self.value_bytes = 0

    def is_quiet(self, now_seconds: float) -> bool:
        """Whether nothing light has been there of late."""
        return now_seconds >= self._quiet_from

    def turn(self, now_seconds: float) -> list[Item]:
        """Take out what is to be applied now: all that is light and stands before anything heavy
        in its partition, then heavy items of `BUSY_LOANS` in all, or of `QUIET_LOANS` while it is
        quiet.
        """
        taken = [item for queue in self._queues.values() for item in _light(queue)]
        # One of each partition in turn, those first behind whose head something light waits.
        waiting = deque(sorted(filter(None, self._queues.values()), key=_rank))
        if taken or not all(all(map(loans_in, queue)) for queue in waiting):
            self._quiet_from = now_seconds + QUIET_AFTER_SECONDS
        most = room = QUIET_LOANS if self.is_quiet(now_seconds) else BUSY_LOANS
        while waiting and (room >= loans_in(waiting[0][0]) or room == most):
            queue = waiting.popleft()
            taken.append(queue.popleft())
            room -= loans_in(taken[-1])
            if queue and loans_in(queue[0]):
                (waiting.append if all(map(loans_in, queue)) else waiting.appendleft)(queue)
        self._queues = {p: queue for p, queue in self._queues.items() if queue}
        self.value_bytes -= sum(len(item.record.value or b"") for item in taken)
        return taken


def _rank(queue: deque[Item]) -> tuple[bool, int]:
    return all(map(loans_in, queue)), -len(queue)


def _light(queue: deque[Item]) -> Iterable[Item]:
    while queue and not loans_in(queue[0]):
        yield queue.popleft()
