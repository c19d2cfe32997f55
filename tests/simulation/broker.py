"""A Kafka of the world: partitions of records that become visible late, transactions of strangers
that abort or hang, append times that step back, and the group that says who reads what.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from posting_engine.records import Record
from tests.simulation.world import World

if TYPE_CHECKING:
    from tests.simulation.consumer import SimulatedLog

SESSION_TIMEOUT_SECONDS = 6.0
REJOIN_SECONDS = 10.0
"""How long a rebalance waits for a member that does not poll, before it goes on without it: the
product's `max.poll.interval.ms`, in a world where everything happens faster.
"""

LONGEST_DELAY_SECONDS = 1.4
"""With the engines' clocks (0.4 s off) less than the 2 s of slack that `reached_at` has."""

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(slots=True)
class Stored:
    """What an offset holds: a record, or a transaction marker (None)."""

    record: Record | None
    visible_at: float
    transaction: int | None = None


@dataclass
class Partition:
    """One partition of the commands topic."""

    number: int
    stored: list[Stored] = field(default_factory=list)
    hung: set[int] = field(default_factory=set)
    aborted: set[int] = field(default_factory=set)
    begins_at: int = 0
    """What is before it was removed."""
    _stable: int = 0

    def end(self, now: float) -> int:
        """The last stable offset as a reader of committed records sees it now."""
        while self._stable < len(self.stored):
            stored = self.stored[self._stable]
            if stored.visible_at > now or stored.transaction in self.hung:
                break
            self._stable += 1
        return self._stable

    def cut_off(self, length: int) -> None:
        """Lose the tail, as an unclean election or an old backup of the broker does."""
        del self.stored[length:]
        self._stable = min(self._stable, length)

    def written(self, now: float) -> int:
        """Where the log ends for a reader of everything."""
        for offset in range(self.end(now), len(self.stored)):
            if self.stored[offset].visible_at > now:
                return offset
        return len(self.stored)

    def is_hidden(self, offset: int) -> bool:
        """Whether `read_committed` never shows this offset."""
        stored = self.stored[offset]
        return stored.record is None or stored.transaction in self.aborted

    def committed(self) -> list[Record]:
        """Every record that may be applied, in order."""
        return [
            stored.record
            for offset, stored in enumerate(self.stored)
            if stored.record is not None and not self.is_hidden(offset)
        ]


class Broker:
    """The topic and its group."""

    def __init__(
        self, world: World, partition_count: int, *, is_clock_steady: bool = False
    ) -> None:
        self.world = world
        self.is_clock_steady = is_clock_steady
        self.partitions = [Partition(number) for number in range(partition_count)]
        self.skew_seconds = 0.0
        self.dead_letters: list[tuple[bytes | None, bytes]] = []
        """What was published to the dead letters topic."""
        self.group = Group(world, partition_count)
        self._transactions = 0

    def append(
        self,
        partition_id: int,
        key: bytes | None,
        value: bytes | None,
        headers: Headers,
        *,
        transaction: int | None = None,
    ) -> int:
        """Write a record; its offset. Readers may see it only after a while."""
        if not self.is_clock_steady and self.world.happens(0.02):
            before, self.skew_seconds = self.skew_seconds, self.world.chance.uniform(-4.0, 1.0)
            if self.skew_seconds < before:
                self.world.fault("broker's clock stepped back", "broker")
        partition = self.partitions[partition_id]
        offset = len(partition.stored)
        appended_at = self.world.wall_clock(self.skew_seconds)
        record = Record(partition_id, offset, appended_at, key, value, headers)
        self._store(partition, Stored(record, self._visible_at(partition), transaction))
        self.world.tell("broker", "append", partition=partition_id, offset=offset)
        return offset

    def abort_transaction(self, partition_id: int, values: Sequence[bytes]) -> None:
        """A stranger writes in a transaction, lets it hang, and aborts it: it leaves a gap."""
        self._transactions += 1
        number, partition = self._transactions, self.partitions[partition_id]
        partition.hung.add(number)
        for value in values:
            self.append(partition_id, None, value, (), transaction=number)

        def abort() -> None:
            partition.hung.discard(number)
            partition.aborted.add(number)
            self._store(partition, Stored(None, self.world.now))

        self.world.after(self.world.chance.choice([0.0, 0.1, 3.0]), abort)

    def commit_transaction(self, partition_id: int, value: bytes) -> None:
        """A stranger's transaction commits: its record is nobody's command, its marker a gap."""
        self._transactions += 1
        partition = self.partitions[partition_id]
        self.append(partition_id, None, value, (), transaction=self._transactions)
        self._store(partition, Stored(None, self.world.now))

    def _store(self, partition: Partition, stored: Stored) -> None:
        partition.stored.append(stored)

    def _visible_at(self, partition: Partition) -> float:
        if self.world.happens(0.05):
            self.world.fault("delayed visibility", "broker", partition=partition.number)
            return self.world.now + self.world.chance.uniform(0.05, LONGEST_DELAY_SECONDS)
        return self.world.now


class Group:
    """The coordinator: eager rebalances of static members, range assignment.

    A member learns what was decided only when it polls. Whoever is silent for a session, or seems
    so, loses its partitions while it may still believe that it has them.
    """

    def __init__(self, world: World, partition_count: int) -> None:
        self._world = world
        self._partition_count = partition_count
        self._members: dict[str, SimulatedLog] = {}
        self._awaited: set[str] = set()
        self._assignment: dict[str, tuple[int, ...]] = {}
        self._generation = 0

    def join(self, log: "SimulatedLog") -> None:
        """A static member comes, or comes back as another process."""
        before = self._members.get(log.instance_id)
        self._members[log.instance_id] = log
        if before is not None:
            before.is_replaced = True
            if not self._awaited and log.instance_id in self._assignment:
                log.told.append(("assign", self._assignment[log.instance_id]))
                return
        self.rebalance()

    def leave(self, log: "SimulatedLog", seconds: float) -> None:
        """A member is silent; unless it comes back within the session, others take over."""

        def expire() -> None:
            if self._members.get(log.instance_id) is log and log.is_silent:
                self.evict(log)

        self._world.after(seconds, expire)

    def evict(self, log: "SimulatedLog") -> None:
        """Go on without a member."""
        if self._members.get(log.instance_id) is not log:
            return
        self._world.tell("group", "evicts", member=log.instance_id)
        del self._members[log.instance_id]
        self._awaited.discard(log.instance_id)
        log.is_evicted = True
        self.rebalance()

    def rebalance(self) -> None:
        """Everybody gives back and joins anew."""
        self._generation += 1
        self._world.faults["rebalance"] += 1
        self._awaited, self._assignment = set(self._members), {}
        for log in self._members.values():
            log.told = [("revoke", ())]
        self._world.after(REJOIN_SECONDS, self._going_on(self._generation))

    def joined(self, log: "SimulatedLog") -> None:
        """A member has given its partitions back."""
        self._awaited.discard(log.instance_id)
        if self._awaited or self._members.get(log.instance_id) is not log:
            return
        names = sorted(self._members)
        each, rest = divmod(self._partition_count, len(names))
        first = 0
        for number, name in enumerate(names):
            count = each + (number < rest)
            self._assignment[name] = tuple(range(first, first + count))
            self._members[name].told.append(("assign", self._assignment[name]))
            first += count

    def _going_on(self, generation: int) -> Callable[[], None]:
        def go_on() -> None:
            if generation == self._generation and self._awaited:
                for name in sorted(self._awaited):
                    self._world.fault("evicted for not polling", name)
                    if name in self._members:
                        self.evict(self._members[name])
                        return

        return go_on
