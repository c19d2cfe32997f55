"""A run: one seed from an empty ledger through faults to rest, then the audit.

python -m tests.simulation.run SEED     replays a seed and prints what happened
"""

from collections import Counter
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
from tests.simulation.operators import TROUBLED_SECONDS, Operators, a_build_that_breaks
from tests.simulation.server import Server, Session
from tests.simulation.world import World

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


class Simulation:
    """The world of one seed. Use as a context: `trouble`, then `come_to_rest`, then `verdict`."""

    def __init__(self, seed: int, hazards: Hazards | None = None) -> None:
        world = World(seed)
        chance = world.chance
        count = chance.choice([1, 2, 3, 4])
        self.world, self.server = world, Server(world)
        self.broker = Broker(world, count, is_clock_steady=chance.random() < 0.5)
        reference.make_partitions(self.server, count)
        self.server.before_commit += [
            lambda session: _see_who_writes(world, self.server, session),
            lambda session: _see_what_is_reached(world, self.broker, session),
        ]
        self.clients = Clients(world, self.broker, self.server, Author(chance, count))
        self.operators = Operators(self.clients)
        self.library = Library(chance.choice([0.0, 0.0, 0.0, 0.02]), chance.random() < 0.25)
        self.may_halt = self.library.fault > 0
        self.fleet = Fleet(
            world,
            self.broker,
            self.server,
            slots=chance.choice([1, 2, 3]),
            hazards=hazards or Hazards(),
            library=self.library,
            batch_records=chance.choice([1, 3, 7, 500]),
            heard=self.clients.heard,
        )

    def __enter__(self) -> "Simulation":
        self._logging = structlog.get_config()
        self._broken = a_build_that_breaks()
        self._broken.__enter__()
        structlog.configure(
            processors=[self._engine_tells],
            wrapper_class=structlog.make_filtering_bound_logger(20),
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.fleet.is_closing = True
        self.world.close()
        structlog.configure(**self._logging)
        self._broken.__exit__(None, None, None)

    def trouble(self, requests: int = 45) -> None:
        """Clients ask and everything fails that can."""
        self.clients.start(requests, TROUBLED_SECONDS)
        self.fleet.start()
        self.operators.start(TROUBLED_SECONDS)
        self.world.run(TROUBLED_SECONDS)

    def come_to_rest(self) -> None:
        """No more faults: everything that was asked for is applied, or the time is up."""
        self.world.calm = True
        self.world.tell("", "no more faults")

        def look() -> None:
            if self._is_at_rest() and self.operators.look():
                self.world.finish()
                return
            if any(row["halted_because"] for row in self.server.rows("partitions")):
                self.fleet.start_anew()
            self.world.after(1.0, look)

        self.world.after(0.1, look)
        self.world.run(self.world.now + REST_SECONDS)

    def verdict(self) -> list[str]:
        """What is not sound."""
        if self.world.failure is not None:
            return [f"{type(self.world.failure).__name__}: {self.world.failure}"]
        found = list(audit.faults(self.server, self.broker, self.clients))
        if not found:
            books, other = reference.books_without_faults(len(self.broker.partitions))
            with a_build_that_breaks():
                reference.apply(books, self.broker, cut=self.world.seed % 40 + 1)
            found = list(audit.differences(self.server, other))
        return found

    def _is_at_rest(self) -> bool:
        tables = self.server.tables
        if (
            self.clients.unfinished
            or tables["outgoing_commands"]
            or tables["outgoing_dead_letters"]
        ):
            return False
        partitions = self.server.tables["partitions"]
        return all(
            partitions[p.number,]["next_offset"] == len(p.stored) and not p.hung
            for p in self.broker.partitions
        )

    def _engine_tells(self, _logger: Any, _method: str, event: dict[str, Any]) -> Any:
        """The engine's own log becomes part of the trace; a halt without a reason ends the run."""
        what = str(event.pop("event"))
        self.world.tell("", what, **event)
        self.world.faults[f"engine: {what}"] += 1
        if what == "partition halted" and not self.may_halt:
            self.world.violated(f"halted without a reason: {event}")
        raise structlog.DropEvent


def simulate(seed: int, *, hazards: Hazards | None = None) -> Run:
    """Run one seed; the same seed (and hazards) always gives the same run."""
    with Simulation(seed, hazards) as simulation:
        simulation.trouble()
        simulation.come_to_rest()
    world = simulation.world
    return Run(
        seed,
        simulation.verdict(),
        world.faults,
        world.trace,
        simulation.clients.answers,
        simulation.broker,
        simulation.server,
    )


def _see_who_writes(world: World, server: Server, session: Session) -> None:
    """Only the latest holder of a lease may write, and only together with the position."""
    if session.client == "ingress":
        return
    moved = set()
    for (table, key), row in session.writes.items():
        if table != "partitions" or row is None:
            continue
        before = server.tables["partitions"][key]
        if row["next_offset"] < before["next_offset"]:
            world.violated(f"{session.client} moved the position of partition {key[0]} back")
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
