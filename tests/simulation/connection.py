"""What `Books` holds instead of a psycopg connection: the same calls, over a simulated session.

Statements of a pipeline run when it ends, each after some time in which others may run. Any of
them may fail, and the connection may be lost before a statement, after it, before a COMMIT, in it
(the server then commits at once, later, or never, and the client cannot tell) or after it.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import psycopg

from tests.simulation import statements
from tests.simulation.server import (
    LOCK_TIMEOUT_SECONDS,
    MustWait,
    Row,
    Server,
    Session,
    is_deadlock,
)
from tests.simulation.world import World

LOCK_POLL_SECONDS = 0.05
_WRITES_NOTHING = ("load_", "read_", "forget_plans", "check_")


@dataclass
class Cursor:
    """The answer to a statement, once the pipeline has ended."""

    description: object = None
    rowcount: int = -1
    rows: list[Row] = field(default_factory=list)

    def fetchall(self) -> list[Row]:
        return self.rows


@dataclass
class Hazards:
    """Probabilities, per statement or per commit."""

    lost_statement: float = 0.002
    refused_in_passing: float = 0.003
    slow: float = 0.003
    stopped: float = 0.004
    killed: float = 0.002
    late_between_reads: float = 0.3
    lost_before_commit: float = 0.01
    lost_in_commit: float = 0.03
    killed_after_commit: float = 0.01
    standby_not_waited_for: float = 0.005


class Connection:
    """One connection of one engine process."""

    def __init__(
        self,
        world: World,
        server: Server,
        hazards: Hazards,
        client: str,
        at_a_step: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`at_a_step` is called before each statement: there a process may be stopped or die."""
        self._world = world
        self._hazards = hazards
        self._at_a_step = at_a_step
        self._session = server.connect(client)
        self._queue: list[tuple[str, Mapping[str, Any], Cursor]] | None = None
        self._is_in_transaction = False
        self._hear: Callable[[Any], None] = lambda _: None

    def add_notice_handler(self, hear: Callable[[Any], None]) -> None:
        """Tell of warnings."""
        self._hear = hear

    def close(self) -> None:
        """Leave; the server rolls back what is open."""
        self.abandon(at_once=True)

    def abandon(self, *, at_once: bool = False) -> None:
        """The client is gone. The server may find out late, and holds its locks until then."""
        session = self._session
        if session.is_dead:
            return
        session.is_dead = True
        if session.is_open:
            seconds = 0.0 if at_once else min(self._world.chance.expovariate(2.0), 5.0)
            session.end_later(seconds, commits=False)

    def execute(
        self, text: Any, parameters: Mapping[str, Any] | None = None, *, binary: bool = False
    ) -> Cursor:
        """Queue a statement of the pipeline."""
        assert self._queue is not None, "the engine always works in pipelines"
        cursor = Cursor()
        self._queue.append((statements.NAME_OF[text], parameters or {}, cursor))
        return cursor

    @contextmanager
    def pipeline(self) -> Iterator["Connection"]:
        """Run what is queued, at `sync` and at the end."""
        self._queue = []
        try:
            yield self
            self.sync()
        except Exception:
            raise
        except BaseException:
            self.abandon()
            raise
        finally:
            self._queue = None

    def sync(self) -> None:
        """Run what was queued; the answers are there then."""
        assert self._queue is not None
        queue, self._queue = self._queue, []
        self._session.is_in_pipeline = True
        for name, parameters, cursor in queue:
            if name == "begin":
                self._step("BEGIN")
                self._begin()
                self._is_in_transaction = True
            else:
                self._run(name, parameters, cursor)
        self._session.is_in_pipeline = False

    def rollback(self) -> None:
        """End the transaction and undo it."""
        try:
            if not self._session.is_dead:
                self._step("rollback")
        finally:
            self._rollback()

    def commit(self) -> None:
        """End the transaction: what it wrote is everybody's."""
        self._commit()

    def _run(self, name: str, parameters: Mapping[str, Any], cursor: Cursor) -> None:
        is_read = name.startswith(_WRITES_NOTHING)
        self._step(name)
        late_commits = self._session.server.late_commits
        if (
            name in ("load_loans", "load_accruing_loans")
            and late_commits
            and self._world.happens(self._hazards.late_between_reads)
        ):
            self._world.fault("late COMMIT between two reads", at=name)
            late_commits.pop()()
        if self._world.happens(self._hazards.slow):
            self._be_slow(name)
        if self._world.happens(self._hazards.lost_statement):
            self._lose(name, parameters, is_read=is_read)
        if not is_read and self._world.happens(self._hazards.refused_in_passing):
            self._world.fault("deadlock", at=name)
            raise psycopg.errors.DeadlockDetected("chosen as the victim")
        if not self._is_in_transaction:
            self._begin()
        rows = self._execute(name, parameters)
        cursor.rows, cursor.rowcount = rows, len(rows)
        cursor.description = "rows" if is_read else None
        if name in ("end_stalled", "take_lease", "move_position", "update_loans", "accrue_loans"):
            cursor.description = "returning"
        if not self._is_in_transaction:
            self._session.commit()

    def _execute(self, name: str, parameters: Mapping[str, Any]) -> list[Row]:
        """Run the statement, waiting for rows that others hold."""
        session = self._session
        gives_up_at = self._world.now + LOCK_TIMEOUT_SECONDS
        while True:
            before = dict(session.writes)
            try:
                rows = statements.execute(session, name, parameters)
                session.waits_for, session.is_busy = None, False
                session.used_at = self._world.now
                return rows
            except MustWait as wait:
                session.writes, session.waits_for = before, wait.holder
                self._wait_for(wait.holder, name, gives_up_at)
            except psycopg.Error:
                session.rollback()
                raise

    def _wait_for(self, holder: Session, name: str, gives_up_at: float) -> None:
        session = self._session
        if is_deadlock(session):
            self._world.fault("deadlock of two engines", at=name)
            session.rollback()
            raise psycopg.errors.DeadlockDetected("deadlock detected")
        if holder.has_idled_too_long():
            self._world.fault("ended for idling in a transaction", str(holder))
            holder.rollback()
            holder.is_dead = True
        elif self._world.now > gives_up_at:
            self._world.fault("lock timeout", at=name)
            session.rollback()
            raise psycopg.errors.LockNotAvailable("canceling statement due to lock timeout")
        else:
            self._world.faults["waited for a row"] += 1
            session.is_busy = True
            self._pause(LOCK_POLL_SECONDS)
            self._demand_alive()

    def _begin(self) -> None:
        self._session.is_open, self._session.used_at = True, self._world.now

    def _rollback(self) -> None:
        self._is_in_transaction = False
        if not self._session.is_dead:
            self._session.rollback()

    def _commit(self) -> None:
        session, chance = self._session, self._world.chance
        self._step("COMMIT")
        if self._world.happens(self._hazards.lost_before_commit):
            self._world.fault("connection lost before COMMIT")
            self.abandon()
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        if self._world.happens(self._hazards.lost_in_commit):
            fate = chance.choice(["committed", "commits later", "never commits"])
            self._world.fault(f"connection lost in COMMIT: {fate}")
            session.is_dead = True
            if fate == "committed":
                session.commit()
            else:
                seconds = min(chance.expovariate(1.0), 5.0)
                session.end_later(seconds, commits=fate == "commits later")
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        session.commit()
        self._is_in_transaction = False
        if self._world.happens(self._hazards.standby_not_waited_for):
            self._world.fault("wait for the standby cancelled: committed here")
            message = "canceling wait for synchronous replication due to user request"
            self._hear(SimpleNamespace(severity_nonlocalized="WARNING", message_primary=message))
        if self._world.happens(self._hazards.killed_after_commit):
            self._world.fault("killed after COMMIT")
            self._world.kill(self._world.running)
        self._pause(0.0005)
        self._demand_alive()

    def _step(self, name: str) -> None:
        self._at_a_step(name)
        self._pause(self._world.chance.expovariate(2000.0))
        self._demand_alive()
        if self._session.has_idled_too_long():
            self._world.fault("ended for idling in a transaction", at=name)
            self._session.rollback()
            self._session.is_dead = True
            self._demand_alive()

    def _pause(self, seconds: float) -> None:
        try:
            self._world.pause(seconds)
        except BaseException:
            self.abandon()
            raise

    def _demand_alive(self) -> None:
        if self._session.is_dead:
            raise psycopg.OperationalError("the connection is closed")

    def _be_slow(self, name: str) -> None:
        seconds = self._world.chance.choice([0.5, 2.0, 4.0, 9.0, 25.0])
        self._world.fault("slow statement", at=name, seconds=round(seconds, 2))
        self._session.is_busy = True
        self._pause(seconds)
        self._session.is_busy, self._session.used_at = False, self._world.now
        self._demand_alive()

    def _lose(self, name: str, parameters: Mapping[str, Any], *, is_read: bool) -> None:
        """The connection is lost around a statement; a write of its own may still happen."""
        session, chance = self._session, self._world.chance
        self._world.fault("connection lost at a statement", at=name)
        if is_read or self._is_in_transaction:
            self.abandon()
        elif chance.random() < 0.5:
            session.is_dead = True
            self._world.after(chance.expovariate(1.0), lambda: self._happen(name, parameters))
        raise psycopg.OperationalError("server closed the connection unexpectedly")

    def _happen(self, name: str, parameters: Mapping[str, Any]) -> None:
        """A statement whose client is gone is executed all the same."""
        session = self._session
        if not session.server.is_up:
            return
        session.is_open = True
        try:
            statements.execute(session, name, parameters)
            self._world.fault("orphaned statement executed", str(session), at=name)
            session.commit()
        except (MustWait, psycopg.Error):
            session.rollback()
