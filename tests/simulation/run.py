"""A run: one seed from an empty ledger through faults to rest, then the audit.

python -m tests.simulation.run SEED     replays a seed and prints what happened
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import structlog

from tests.simulation import audit, reference
from tests.simulation.author import Author
from tests.simulation.broker import Broker
from tests.simulation.clients import Clients
from tests.simulation.connection import Hazards
from tests.simulation.consumer import Library
from tests.simulation.engines import Fleet
from tests.simulation.server import Server, Session
from tests.simulation.world import World

TROUBLED_SECONDS: Final = 30.0
REST_SECONDS: Final = 120.0
"""Without faults everything must be applied well before."""

TABLES_OF_A_PARTITION: Final = ("loans", "journal_entries", "command_outcomes", "dead_letters")


@dataclass
class Run:
    """What came of a seed."""

    seed: int
    faults: list[str]
    injected: Counter[str]
    happened: list[Any]
    answers: Counter[str] = field(default_factory=Counter)
    broker: Broker | None = None
    server: Server | None = None

    def report(self, lines: int = 150) -> str:
        """For people: what is wrong, how to see it again, and what happened before."""
        return "\n".join(
            [
                f"seed {self.seed} is not sound:",
                *(f"  {fault}" for fault in self.faults[:10]),
                f"see all of it: make simulate ARGS={self.seed}",
                f"the last of {len(self.happened)} events:",
                *(str(one) for one in self.happened[-lines:]),
            ]
        )


def simulate(seed: int, *, requests: int = 45, hazards: Hazards | None = None) -> Run:
    """Run one seed; the same seed (and hazards) always gives the same run."""
    world = World(seed)
    chance = world.chance
    partition_count = chance.choice([1, 2, 3, 4])
    broker = Broker(world, partition_count, is_clock_steady=chance.random() < 0.5)
    server = Server(world)
    reference.make_partitions(server, partition_count)
    server.before_commit += [
        lambda session: _see_who_writes(world, server, session),
        lambda session: _see_what_is_reached(world, broker, session),
    ]
    clients = Clients(world, broker, server, Author(chance, partition_count))
    library = Library(chance.choice([0.0, 0.0, 0.0, 0.02]))
    fleet = Fleet(
        world,
        broker,
        server,
        slots=chance.choice([1, 2, 3]),
        hazards=hazards or Hazards(),
        library=library,
        batch_records=chance.choice([1, 3, 7, 500]),
        heard=clients.heard,
    )
    with _engine_tells(world, may_halt=library.fault > 0):
        try:
            clients.start(requests, TROUBLED_SECONDS)
            fleet.start()
            world.run(TROUBLED_SECONDS)
            _come_to_rest(world, broker, server, clients, fleet)
        finally:
            fleet.is_closing = True
            world.close()
    found = _verdict(world, broker, server, clients)
    return Run(seed, found, world.faults, world.trace, clients.answers, broker, server)


def _come_to_rest(
    world: World, broker: Broker, server: Server, clients: Clients, fleet: Fleet
) -> None:
    world.calm = True
    world.tell("", "no more faults")

    def look() -> None:
        at_the_end = all(
            server.tables["partitions"][p.number,]["next_offset"] == len(p.stored)
            for p in broker.partitions
        )
        is_waiting = clients.unfinished or server.tables["outgoing_commands"]
        if at_the_end and not is_waiting and not any(p.hung for p in broker.partitions):
            world.finish()
            return
        if any(row["halted_because"] for row in server.rows("partitions")):
            fleet.start_anew()
        world.after(1.0, look)

    world.after(0.1, look)
    world.run(world.now + REST_SECONDS)


def _verdict(world: World, broker: Broker, server: Server, clients: Clients) -> list[str]:
    if world.failure is not None:
        return [f"{type(world.failure).__name__}: {world.failure}"]
    found = list(audit.faults(server, broker, clients))
    if not found:
        books, other = reference.books_without_faults(len(broker.partitions))
        reference.apply(books, broker, cut=world.seed % 40 + 1)
        found = list(audit.differences(server, other))
    return found


def _see_who_writes(world: World, server: Server, session: Session) -> None:
    """Only the latest holder of a lease may write, and only together with the position."""
    if session.client == "ingress":
        return
    moved = set()
    for (table, key), row in session.writes.items():
        if table != "partitions" or row is None:
            continue
        before = server.tables["partitions"][key]
        if row["next_offset"] != before["next_offset"]:
            moved.add(key[0])
            if before["lease_owner"] != session.client:
                world.violated(f"{session.client} wrote partition {key[0]} as a zombie")
    for table, key in session.writes:
        if table in TABLES_OF_A_PARTITION and key[0] not in moved:
            world.violated(f"{session.client} wrote {table} {key} without moving the position")


def _see_what_is_reached(world: World, broker: Broker, session: Session) -> None:
    """Everything appended up to `reached_at` has been applied, while the clock is steady."""
    for (table, key), row in session.writes.items():
        if table != "partitions" or row is None or not broker.is_clock_steady:
            continue
        later = broker.partitions[key[0]].stored[row["next_offset"] :]
        for record in (stored.record for stored in later if stored.record is not None):
            if record.appended_at <= row["reached_at"]:
                world.violated(
                    f"partition {key[0]} claims {row['reached_at']} and {record.offset} came before"
                )


@contextmanager
def _engine_tells(world: World, *, may_halt: bool) -> Iterator[None]:
    """The engine's own log becomes part of the trace. A halt without a reason ends the run."""
    before = structlog.get_config()

    def tell(_logger: Any, _method: str, event: dict[str, Any]) -> Any:
        what = str(event.pop("event"))
        world.tell("", what, **event)
        world.faults[f"engine: {what}"] += 1
        if what == "partition halted" and not may_halt:
            world.violated(f"halted without a reason: {event}")
        raise structlog.DropEvent

    structlog.configure(processors=[tell], wrapper_class=structlog.make_filtering_bound_logger(20))
    try:
        yield
    finally:
        structlog.configure(**before)
