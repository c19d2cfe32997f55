"""What the engine holds instead of Kafka's consumer and producer: the calls of its `log` module.

Deliveries come in any mixture of partitions and in any portion. Where the seed says so, the client
library is at fault, too: it skips, repeats or swaps records, as real ones have (F27).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from posting_engine.log_answers import Ends, LogUnavailable, LostPosition
from posting_engine.records import Record
from schemas import codec
from tests.simulation.broker import SESSION_TIMEOUT_SECONDS, Broker, Group
from tests.simulation.world import Process, World

Told = tuple[str, tuple[int, ...]]


@dataclass
class Library:
    """How often the client library is at fault, per record; zero in most seeds. `skips_first`: it
    skips the first record that it has after each assignment, once.
    """

    fault: float = 0.0
    skips_first: bool = False


class SimulatedLog:
    """`CommandLog` of one engine process."""

    def __init__(
        self,
        world: World,
        broker: Broker,
        library: Library,
        group: Group,
        *,
        instance_id: str,
        on_assign: Callable[[Sequence[int]], Mapping[int, int]],
        on_revoke: Callable[[Sequence[int]], None],
    ) -> None:
        self._world, self._broker, self._library = world, broker, library
        self._group = group
        self.instance_id = instance_id
        self._on_assign, self._on_revoke = on_assign, on_revoke
        self._process: Process = world.running
        self._positions: dict[int, int] = {}
        self._paused: set[int] = set()
        self._fresh: set[int] = set()
        self._ends: tuple[float, Ends | None] | None = None
        self.told: list[Told] = []
        self.is_replaced = False
        self.is_evicted = False
        self._is_closed = False
        self._notices_at = 0.0
        group.join(self)

    @property
    def is_silent(self) -> bool:
        """Whether the coordinator hears no heartbeat: stopped, dead, closed."""
        process = self._process
        return process.ended or self._is_closed or process.stopped_until > self._world.now

    def lose_touch(self) -> None:
        """The coordinator cannot be reached; what is fetched goes on (F20)."""
        self._notices_at = self._world.now + self._world.chance.uniform(0.0, 15.0)
        self._group.evict(self)

    def take(self, most: int, timeout_seconds: float) -> list[Record | LostPosition]:
        """As `CommandLog.take`; an idle wait may be longer than asked for."""
        self._world.pause(self._world.chance.expovariate(1000.0))
        self._serve_group()
        taken = self._fetch(most)
        if not taken:
            # As on a busy machine, a short wait is not always short; nothing may depend on it.
            idle = self._world.chance.choice([1, 3, 10, 25, 50])
            self._world.pause(timeout_seconds * idle)
            self._serve_group()
            taken = self._fetch(most)
        return taken

    def seek(self, offsets: Mapping[int, int]) -> None:
        """As `CommandLog.seek`."""
        self._world.pause(0.0001)
        for partition_id, offset in offsets.items():
            if partition_id not in self._positions:
                raise LogUnavailable(f"cannot seek: {partition_id} is not assigned")
            self._world.tell("", "seek", partition=partition_id, offset=offset)
            self._positions[partition_id] = offset

    def hidden(self, partition_id: int, due: int, came: int) -> list[Record] | None:
        """As `CommandLog.hidden`."""
        self._world.pause(0.005)
        if self._world.happens(0.02):
            self._world.fault("gap could not be read")
            raise LogUnavailable("what is hidden in a gap could not be read in time")
        if self._broker.partitions[partition_id].begins_at > due:
            return None
        stored = self._broker.partitions[partition_id].stored[due:came]
        return [one.record for one in stored if one.record is not None]

    def pause(self, partition_id: int) -> None:
        """As `CommandLog.pause`."""
        self._paused.add(partition_id)

    def ask_ends(self, partition_ids: Iterable[int], asked_at: datetime) -> None:
        """As `CommandLog.ask_ends`: the answer is what was true some time after the question."""
        world, wanted = self._world, list(partition_ids)
        self._ends = (world.now, None)

        def answer() -> None:
            partitions = [self._broker.partitions[p] for p in wanted]
            stable = {p.number: p.end(world.now) for p in partitions}
            written = {p.number: p.written(world.now) for p in partitions}
            if world.happens(0.05):
                world.fault("log ends unknown", self.instance_id)
                stable = written = {}
            ends = Ends(asked_at, stable, written)
            self._ends = (world.now + world.chance.expovariate(50.0), ends)

        world.after(world.chance.expovariate(50.0), answer)

    def ends(self) -> Ends | None:
        """As `CommandLog.ends`."""
        if self._ends is None or self._ends[1] is None or self._ends[0] > self._world.now:
            return None
        (_, ends), self._ends = self._ends, None
        return ends if ends.stable else None

    @property
    def is_asking(self) -> bool:
        """As `CommandLog.is_asking`."""
        return self._ends is not None

    def close(self) -> None:
        """As `CommandLog.close`: partitions are given back, the member stays for its session."""
        self._world.pause(0.001)
        self._is_closed = True
        if self._positions:
            revoked = tuple(self._positions)
            self._positions.clear()
            self._on_revoke(revoked)
        self._group.leave(self, SESSION_TIMEOUT_SECONDS)

    def _serve_group(self) -> None:
        if self.is_replaced:
            raise LogUnavailable("fenced: another process has this instance id")
        if self.is_evicted:
            if self._world.now < self._notices_at:
                return
            self.is_evicted = False
            self._give_back()
            self._group.join(self)
        told, self.told = self.told, []
        while told:
            what, partition_ids = told.pop(0)
            if what == "revoke":
                self._give_back()
                self._group.joined(self)
            else:
                self._receive(partition_ids)

    def _give_back(self) -> None:
        if self._positions:
            revoked = tuple(self._positions)
            self._positions.clear()
            self._world.tell("", "revoked", partitions=revoked)
            self._on_revoke(revoked)

    def _receive(self, partition_ids: tuple[int, ...]) -> None:
        if not partition_ids:
            return
        offsets = self._on_assign(partition_ids)
        self._positions = dict(offsets)
        self._paused.clear()
        self._fresh = set(offsets) if self._library.skips_first else set()
        self._world.tell("", "assigned", offsets=dict(offsets))

    def _fetch(self, most: int) -> list[Record | LostPosition]:
        chance, now = self._world.chance, self._world.now
        ready, lost = [], []
        for partition_id, position in self._positions.items():
            if partition_id in self._paused:
                continue
            partition = self._broker.partitions[partition_id]
            end = partition.end(now)
            if position < partition.begins_at or position > len(partition.stored):
                lost.append(LostPosition(partition_id, "offset out of range"))
            elif position < end:
                ready.append((partition_id, end))
        chance.shuffle(ready)
        taken: list[Record] = []
        left = most if self._world.calm else min(most, chance.choice([1, 2, 5, 20, 500]))
        for partition_id, end in ready:
            if left <= 0:
                break
            portion = self._portion(partition_id, end, left)
            left -= len(portion)
            at = chance.randint(0, len(taken))
            taken[at:at] = portion
        # Cut in anywhere, a portion may have split another; the order within each is kept.
        return [*lost, *taken]

    def _portion(self, partition_id: int, end: int, most: int) -> list[Record]:
        partition = self._broker.partitions[partition_id]
        portion: list[Record] = []
        offset = self._positions[partition_id]
        while offset < end and len(portion) < most:
            record = partition.stored[offset].record
            if record is not None and not partition.is_hidden(offset):
                portion.append(record)
            offset += 1
        self._positions[partition_id] = offset
        if portion and partition_id in self._fresh:
            self._fresh.remove(partition_id)
            self._world.fault("client library skips the first", offset=portion[0].offset)
            del portion[0]
        if portion and self._world.happens(self._library.fault * len(portion)):
            self._spoil(portion)
        return portion

    def _spoil(self, portion: list[Record]) -> None:
        chance = self._world.chance
        at = chance.randrange(len(portion))
        kind = chance.choice(["skips", "repeats", "swaps"])
        record = portion[at]
        self._world.fault(f"client library {kind}", offset=record.offset, of=record.partition_id)
        if kind == "skips":
            del portion[at]
        elif kind == "repeats":
            portion.insert(at, record)
        else:
            portion[at : at + 2] = reversed(portion[at : at + 2])


class SimulatedSender:
    """`Sender` of one engine process: an idempotent producer, so order holds within a partition."""

    def __init__(
        self, world: World, broker: Broker, heard: Callable[[int, codec.Outcome], None]
    ) -> None:
        self._world, self._broker, self._heard = world, broker, heard
        self._process = world.running
        self._latest: dict[int, float] = {}
        self._callbacks: list[tuple[float, Callable[[], None]]] = []
        self._fatal = False
        self._lives_until: float | None = None

    def send(
        self,
        *,
        partition_id: int,
        key: bytes,
        value: bytes,
        headers: Sequence[tuple[str, bytes]],
        on_sent: Callable[[int], None],
    ) -> bool:
        """As `Sender.send`; what is on its way may still arrive after the process has died."""
        world = self._world
        world.pause(0.0001)
        if world.happens(0.01):
            world.fault("producer's queue full")
            return False
        delay = world.chance.choice([0.001, 0.005, 0.05, 1.0])
        arrives_at = max(world.now + delay, self._latest.get(partition_id, 0.0))
        self._latest[partition_id] = arrives_at

        def arrive() -> None:
            if self._process.ended and world.now > self._end_of_life():
                world.fault("sent, and lost with its process", self._process.name)
                return
            if self._process.ended:
                world.fault("arrived after its process had died", self._process.name)
            offset = self._broker.append(partition_id, key, value, tuple(headers))
            heard_at = world.now + world.chance.choice([0.001, 0.01, 0.5])
            self._callbacks.append((heard_at, lambda: on_sent(offset)))

        world.after(arrives_at - world.now, arrive)
        return True

    def announce(self, reply_partition: int, key: bytes, value: bytes) -> None:
        """As `Sender.announce`."""
        outcome = codec.decode(value)
        if isinstance(outcome, codec.Outcome):
            self._heard(reply_partition, outcome)

    def publish_dead_letter(
        self, key: bytes | None, value: bytes, on_done: Callable[[bool], None]
    ) -> bool:
        """As `Sender.publish_dead_letter`."""
        world = self._world
        is_written = not world.happens(0.05)
        if is_written:
            self._broker.dead_letters.append((key, value))
        else:
            world.fault("dead letter not published")
        self._callbacks.append((world.now + 0.01, lambda: on_done(is_written)))
        return True

    def serve(self) -> None:
        """As `Sender.serve`."""
        if self._world.happens(0.0002):
            self._world.fault("fatal producer error")
            raise LogUnavailable("producer failed")
        now = self._world.now
        heard = [callback for at, callback in self._callbacks if at <= now]
        self._callbacks = [(at, callback) for at, callback in self._callbacks if at > now]
        for callback in heard:
            callback()

    def close(self) -> None:
        """As `Sender.close`."""

    def _end_of_life(self) -> float:
        """Until when what a dead process has sent may arrive: in order, so a prefix of it."""
        if self._lives_until is None:
            self._lives_until = self._world.now + self._world.chance.choice([-1.0, 0.0, 0.5])
        return self._lives_until
