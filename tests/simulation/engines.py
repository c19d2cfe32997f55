"""Engine processes: the product's own `Worker`, `Books` and `serve` over a simulated log and store.

Each slot is kept alive as a supervisor would. What chance does to the processes is here, too:
kill -9, SIGTERM, SIGSTOP for longer than a lease, a coordinator out of reach, a second process for
a slot, a second deployment with a group of its own.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event
from typing import Any, Final

from posting_engine.books import Books
from posting_engine.log_answers import LogUnavailable
from posting_engine.outgoing import Outgoing
from posting_engine.patience import Patience
from posting_engine.positions import NotTheGroup, SlotTaken, StoreUnavailable
from posting_engine.slot import serve
from posting_engine.worker import Identity, Worker
from schemas import codec
from schemas.signing import SigningKey
from tests.simulation.broker import SESSION_TIMEOUT_SECONDS, Broker, Group
from tests.simulation.connection import Connection, Hazards
from tests.simulation.consumer import Library, SimulatedLog, SimulatedSender
from tests.simulation.server import GROUP, Server
from tests.simulation.world import Process, World

TOPIC_ID: Final = "a topic"
KEY: Final = SigningKey("ours-1", b"s" * 32, None, datetime(2020, 1, 1, tzinfo=UTC), None)
EXPECTED: Final = (LogUnavailable, StoreUnavailable, SlotTaken, NotTheGroup)
"""What ends a process as it should; whoever keeps it alive starts another."""

Heard = Callable[[int, codec.Outcome], None]


class Stopping(Event):
    """SIGTERM's event, whose `wait` lets the world's time pass."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def wait(self, timeout: float | None = None) -> bool:
        self._world.pause(timeout or 0.0)
        return self.is_set()


class Slot:
    """One engine slot and the process that fills it now."""

    def __init__(
        self,
        fleet: "Fleet",
        number: int,
        group: Group | None = None,
        group_id: str | None = GROUP,
    ) -> None:
        """`group`: another than everybody's, which calls itself `group_id`, or does not say."""
        self.fleet, self.number = fleet, number
        self.group, self.group_id = group or fleet.broker.group, group_id
        self.is_kept_alive = True
        self.process: Process | None = None
        self.log: SimulatedLog | None = None
        self.worker: Worker | None = None
        self._starts = 0

    def start(self) -> None:
        """Start a process; it is started anew whenever it ends."""
        self._starts += 1
        stray = "" if self.is_kept_alive else f"stray{len(self.fleet.strays)}-"
        name = f"{stray}engine-{self.number}.{self._starts}/slot-{self.number}"
        self.process = self.fleet.world.spawn(name, self._live, self._ended)

    def _live(self) -> None:
        fleet = self.fleet
        world, name = fleet.world, fleet.world.running.name
        books = Books(name, fleet.connect)
        sender = SimulatedSender(world, fleet.broker, fleet.heard)
        identity = Identity(
            owner=name,
            signing_key_id=KEY.key_id,
            partition_count=len(fleet.broker.partitions),
            topic_id=fleet.topic_id,
            batch_records=fleet.batch_records,
            group_id=self.group_id,
        )
        worker = Worker(
            identity,
            books,
            sender,  # type: ignore[arg-type]
            Outgoing(books, sender, lambda: world.now),  # type: ignore[arg-type]
            {KEY.key_id: KEY},
            patience=Patience(Stopping(world)),
            clock=lambda: world.now,
        )
        self.worker = worker

        def join() -> Any:
            self.log = SimulatedLog(
                world,
                fleet.broker,
                fleet.library,
                self.group,
                instance_id=f"slot-{self.number}",
                on_assign=worker.assigned,
                on_revoke=worker.revoked,
            )
            return self.log

        serve(worker, join)

    def _ended(self, ending: BaseException | None) -> None:
        world = self.fleet.world
        if self.fleet.is_closing:
            return
        world.tell("", "process ended", reason=repr(ending))
        if isinstance(ending, Exception) and not isinstance(ending, EXPECTED):
            world.failure = world.failure or ending
        if isinstance(ending, SlotTaken | NotTheGroup):
            world.faults[f"ended: {type(ending).__name__}"] += 1
        if self.log is not None:
            self.group.leave(self.log, SESSION_TIMEOUT_SECONDS)
        if not self.is_kept_alive:
            return
        world.after(world.chance.choice([0.1, 0.5, 8.0]) if not world.calm else 0.1, self.start)


class Fleet:
    """All engines of a run."""

    def __init__(
        self,
        world: World,
        broker: Broker,
        server: Server,
        *,
        slots: int,
        hazards: Hazards,
        library: Library,
        batch_records: int,
        heard: Heard,
    ) -> None:
        self.world, self.broker, self.server = world, broker, server
        self.hazards, self.library = hazards, library
        self.batch_records, self.heard = batch_records, heard
        self.topic_id = TOPIC_ID
        self.is_closing = False
        self.slots = [Slot(self, number) for number in range(slots)]
        self.strays: list[Slot] = []

    def connect(self, client: str) -> Any:
        """As `connect_as_engine`."""
        self.world.pause(0.001)
        return Connection(self.world, self.server, self.hazards, client, self._at_a_step)

    def start(self) -> None:
        """Start every slot, and what chance does to them."""
        for slot in self.slots:
            self.world.after(self.world.chance.uniform(0.0, 2.0), slot.start)
        self.world.after(1.0, self._misfortune)

    def stop(self) -> None:
        """Ask every process to stop, as SIGTERM does."""
        self.is_closing = True
        for slot in self.slots:
            if slot.worker is not None:
                slot.worker.patience.stopping.set()

    def start_anew(self) -> None:
        """What operators do about a halted partition: kill and start again."""
        for slot in self.slots:
            if slot.process is not None:
                self.world.kill(slot.process)

    def _at_a_step(self, label: str) -> None:
        """Before a statement, a process may be killed, or stopped for longer than its lease."""
        world, process = self.world, self.world.running
        if world.happens(self.hazards.killed):
            world.fault("killed at a step", process.name, step=label)
            world.faults[f"killed at {label}"] += 1
            world.kill(process)
        elif world.happens(self.hazards.stopped):
            slot = next(s for s in (*self.slots, *self.strays) if s.process is process)
            world.faults[f"stopped at {label}"] += 1
            self._stop_longer_than_its_lease(slot, process)

    def _misfortune(self) -> None:
        world, chance = self.world, self.world.chance
        if world.calm:
            return
        slot = chance.choice(self.slots)
        process = slot.process
        if process is not None and not process.ended:
            chance.choice(
                [
                    self._kill,
                    self._stop_longer_than_its_lease,
                    self._lose_touch,
                    self._rebalance,
                    self._rebalance,
                    self._restart_postgres,
                    self._terminate,
                    self._start_another,
                ]
            )(slot, process)
        world.after(chance.expovariate(0.4), self._misfortune)

    def _kill(self, _slot: Slot, process: Process) -> None:
        self.world.fault("killed", process.name)
        self.world.kill(process)

    def _stop_longer_than_its_lease(self, slot: Slot, process: Process) -> None:
        seconds = self.world.chance.choice([1.0, 7.0, 10.0, 20.0])
        self.world.fault("stopped", process.name, seconds=seconds)
        self.world.stop(process, seconds)
        if slot.log is not None:
            slot.group.leave(slot.log, SESSION_TIMEOUT_SECONDS)

    def _lose_touch(self, slot: Slot, process: Process) -> None:
        if slot.log is not None:
            self.world.fault("coordinator out of reach", process.name)
            slot.log.lose_touch()

    def _rebalance(self, _slot: Slot, process: Process) -> None:
        self.world.fault("rebalance forced", process.name)
        self.broker.group.rebalance()

    def _restart_postgres(self, _slot: Slot, _process: Process) -> None:
        if self.world.happens(0.3):
            self.world.fault("postgres restarted", "postgres")
            self.server.restart(self.world.chance.uniform(0.1, 5.0))

    def _terminate(self, slot: Slot, process: Process) -> None:
        if slot.worker is not None:
            self.world.fault("SIGTERM", process.name)
            slot.worker.patience.stopping.set()

    def _start_another(self, slot: Slot, _process: Process) -> None:
        """A bad rollout: the slot filled twice, or the same engines in two groups, for a while."""
        world = self.world
        group = world.chance.choice([None, Group(world, len(self.broker.partitions))])
        world.fault("second process for a slot" if group is None else "second group", "rollout")
        # One that does not say its group fences by turns: what the pinned group keeps us from.
        group_id = GROUP if group is None else world.chance.choice([None, "another group"])
        stray = Slot(self, slot.number, group, group_id)
        stray.is_kept_alive = False
        self.strays.append(stray)
        stray.start()

        def end() -> None:
            if stray.process is not None:
                world.kill(stray.process)

        world.after(world.chance.uniform(0.5, 8.0), end)
