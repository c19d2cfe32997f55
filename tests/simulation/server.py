"""A Postgres of the world: committed rows, transactions that lock rows, sessions that outlive
their clients. No statement is known here; see `statements`.

READ COMMITTED as far as the ledger's statements can tell: a reader sees what is committed; a
writer waits for the row's holder, `lock_timeout` at most, then looks at the row again; who holds a
row longer than `idle_in_transaction_session_timeout` while doing nothing is ended, unless it stands
still between two statements of a pipeline: that is for `end_stalled`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from tests.simulation.world import World

Key = tuple[Any, ...]
Row = dict[str, Any]

IDLE_IN_TRANSACTION_SECONDS: Final = 5.0
LOCK_TIMEOUT_SECONDS: Final = 3.0

KEYS: Final[dict[str, tuple[str, ...]]] = {
    "partitions": ("partition_id",),
    "loans": ("partition_id", "tenant_id", "loan_id"),
    "journal_entries": ("partition_id", "entry_seq"),
    "journal_lines": ("partition_id", "entry_seq", "sequence"),
    "account_days": (
        *("partition_id", "tenant_id", "account_code", "currency", "layer"),
        *("booked_on", "posted_on"),
    ),
    "command_outcomes": ("partition_id", "tenant_id", "idempotency_key"),
    "disbursements": ("partition_id", "tenant_id", "event_id"),
    "disbursement_entries": ("partition_id", "journal_entry_id"),
    "reversal_targets": ("partition_id", "reverses_entry_id", "part", "loan_id"),
    "outgoing_commands": ("partition_id", "tenant_id", "idempotency_key"),
    "closed_periods": ("partition_id", "tenant_id"),
    "period_closes": ("partition_id", "tenant_id", "closed_through"),
    "dead_letters": ("partition_id", "command_offset"),
    "quarantined_commands": ("partition_id", "tenant_id", "loan_id", "command_offset"),
    "quarantines": ("partition_id", "decided_offset", "command_offset", "loan_id"),
    "outgoing_dead_letters": ("partition_id", "outgoing_seq"),
    "idempotency_reservations": ("tenant_id", "idempotency_key"),
    "log_ends": ("partition_id",),
    "fenced_writers": ("partition_id", "lease_epoch"),
}
"""Table -> its primary key."""

UNIQUE: Final[dict[str, tuple[str, ...]]] = {
    "journal_entries": ("partition_id", "journal_entry_id", "part")
}
"""Table -> another unique index."""


GROUP: Final = "the group"
"""The consumer group that the ledger is pinned to."""


class MustWait(Exception):
    """Another session holds the row; the statement is to be tried again."""

    def __init__(self, holder: "Session") -> None:
        super().__init__("a row is locked")
        self.holder = holder


@dataclass(eq=False)
class Session:
    """A server process. `client` is whose connection it serves, None once that is gone."""

    server: "Server"
    client: str
    is_open: bool = False
    is_dead: bool = False
    is_busy: bool = False
    is_in_pipeline: bool = False
    used_at: float = 0.0
    writes: dict[tuple[str, Key], Row | None] = field(default_factory=dict)
    waits_for: "Session | None" = None

    def get(self, table: str, key: Key) -> Row | None:
        """A row as this session sees it; not to be changed."""
        if (table, key) in self.writes:
            return self.writes[table, key]
        return self.server.tables[table].get(key)

    def lock(self, table: str, key: Key) -> None:
        """Hold a row, or the right to make it, to the end of the transaction."""
        holder = self.server.locks.setdefault((table, key), self)
        if holder is not self:
            raise MustWait(holder)

    def put(self, table: str, row: Row) -> None:
        """Write a row."""
        key = tuple(row[name] for name in KEYS[table])
        self.lock(table, key)
        self.writes[table, key] = row

    def insert(self, table: str, row: Row) -> None:
        """Make a row; raises `UniqueViolation` where there is one."""
        key = tuple(row[name] for name in KEYS[table])
        self.lock(table, key)
        if self.get(table, key) is not None:
            raise psycopg.errors.UniqueViolation(f"{table}: {key}")
        if table in UNIQUE:
            other = tuple(row[name] for name in UNIQUE[table])
            self.lock(f"{table}, unique", other)
            written = (w for (name, _), w in self.writes.items() if name == table and w)
            if other in self.server.unique[table] or any(
                tuple(w[name] for name in UNIQUE[table]) == other for w in written
            ):
                raise psycopg.errors.UniqueViolation(f"{table}: {other}")
        self.writes[table, key] = row

    def delete(self, table: str, key: Key) -> None:
        """Remove a row if it is there."""
        self.lock(table, key)
        if self.get(table, key) is not None:
            self.writes[table, key] = None

    def commit(self) -> None:
        """Make the writes everybody's."""
        self.server.apply(self)
        self._end()

    def rollback(self) -> None:
        """Forget the writes."""
        self._end()

    def end_later(self, seconds: float, *, commits: bool) -> None:
        """The client is gone; the server finds out, or finishes, only after a while."""
        self.is_dead, self.used_at = True, self.server.world.now
        self.is_busy = True

        def end() -> None:
            if self.is_open:
                self.server.world.tell("postgres", "commits" if commits else "rolls back", of=self)
                (self.commit if commits else self.rollback)()

        self.server.world.after(seconds, end)
        if commits:
            self.server.late_commits.append(end)

    def has_idled_too_long(self) -> bool:
        """Whether the server has ended it for holding locks and doing nothing."""
        return self.stands_still() and not self.is_in_pipeline

    def stands_still(self) -> bool:
        """Whether it has waited for its client for long, in a transaction."""
        idle = self.server.world.now - self.used_at
        return self.is_open and not self.is_busy and idle > IDLE_IN_TRANSACTION_SECONDS

    def _end(self) -> None:
        self.is_open, self.waits_for = False, None
        self.writes = {}
        locks = self.server.locks
        for name in [name for name, holder in locks.items() if holder is self]:
            del locks[name]

    def __str__(self) -> str:
        return self.client


class Server:
    """The database and its sessions."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.group_id = GROUP
        self.tables: dict[str, dict[Key, Row]] = {name: {} for name in KEYS}
        self.unique: dict[str, dict[Key, Key]] = {name: {} for name in UNIQUE}
        self.locks: dict[tuple[str, Key], Session] = {}
        self.sessions: list[Session] = []
        self.is_up = True
        self.late_commits: list[Callable[[], None]] = []
        """Of clients that are gone, not done yet; each may happen at any moment, or has."""
        self.before_commit: list[Callable[[Session], None]] = []
        self._outgoing_seq = 0
        self._letter_seq = 0

    def connect(self, client: str) -> Session:
        """A new session; raises `OperationalError` while the server is away."""
        if not self.is_up:
            raise psycopg.OperationalError("the database system is shutting down")
        session = Session(self, client)
        self.sessions = [s for s in self.sessions if s.is_open or not s.is_dead]
        self.sessions.append(session)
        return session

    def restart(self, seconds: float) -> None:
        """End every session and accept none for a while."""
        self.is_up = False
        for session in self.sessions:
            if session.is_open:
                session.rollback()
            session.is_dead = True

        def start() -> None:
            self.is_up = True

        self.world.after(seconds, start)

    def end_stalled(self, session: Session) -> list[Session]:
        """End the sessions, other than this one, that stand still in a transaction."""
        stalled = [s for s in self.sessions if s is not session and s.stands_still()]
        for other in stalled:
            self.world.fault("ended for standing still in a pipeline", str(other))
            other.rollback()
            other.is_dead = True
        return stalled

    def apply(self, session: Session) -> None:
        """Commit what a session has written."""
        for observer in self.before_commit:
            observer(session)
        for (table, key), row in session.writes.items():
            if row is None:
                self.tables[table].pop(key, None)
                continue
            self.tables[table][key] = row
            if table in UNIQUE:
                self.unique[table][tuple(row[name] for name in UNIQUE[table])] = key

    def next_outgoing_seq(self) -> int:
        """Of the identity column; a rolled back transaction leaves a gap."""
        self._outgoing_seq += 1
        return self._outgoing_seq

    def next_letter_seq(self) -> int:
        """Of `outgoing_dead_letters`."""
        self._letter_seq += 1
        return self._letter_seq

    def rows(self, table: str) -> Iterator[Row]:
        """All committed rows, in no order that anybody may rely on."""
        return iter(self.tables[table].values())


def is_deadlock(waiting: Session) -> bool:
    """Whether a session waits, by way of others, for itself."""
    seen, holder = {id(waiting)}, waiting.waits_for
    while holder is not None:
        if id(holder) in seen:
            return True
        seen.add(id(holder))
        holder = holder.waits_for
    return False
