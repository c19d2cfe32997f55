"""What is seen of the positions while faults are injected, and how long each recovery took.

Positions are read past the proxies, every few milliseconds. A recovery is over when the next
command is posted:

    engine            a partition of the killed engine moves under a new lease
    Kafka, Postgres   a command that was appended after the kill has been applied
    ingress           from the clients' logs: the first command accepted that was sent after it
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import psycopg

POLL_S: Final = 0.02
CONNECT_S: Final = 2
POSITIONS: Final = """
    SELECT partition_id, lease_epoch, coalesce(lease_owner, ''), next_offset, last_appended_at
    FROM hpts.partitions"""


@dataclass(frozen=True)
class Seen:
    """One partition as it stood."""

    lease_epoch: int
    owner: str
    next_offset: int
    last_appended_at: datetime

    @property
    def pid(self) -> int:
        """The process that took the lease last; 0 when it was released."""
        parts = self.owner.split("/")
        return int(parts[1]) if len(parts) == 3 else 0

    @property
    def slot(self) -> int:
        return int(self.owner.rpartition("-")[2])


Positions = dict[int, Seen]
IsOver = Callable[[Positions], bool]


@dataclass(eq=False)
class Fault:
    """Something that was done to the stack, and when it was over."""

    kind: str
    detail: str
    at: float
    until: float | None = None
    is_kill: bool = False
    is_pause: bool = False
    outlasts_session: bool = False
    is_fenced: bool = False

    @property
    def seconds(self) -> float | None:
        return None if self.until is None else self.until - self.at


@dataclass(eq=False)
class Watch:
    """The positions as last seen, and the recoveries that are awaited."""

    dsn: str
    positions: Positions = field(default_factory=dict)
    _awaited: list[tuple[Fault, IsOver, asyncio.Event]] = field(default_factory=list)

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            # Postgres is killed, too: then there is nothing to be seen.
            with suppress(psycopg.Error, OSError):
                await self._look()
            await asyncio.sleep(POLL_S)

    async def _look(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self.dsn, autocommit=True, connect_timeout=CONNECT_S
        )
        async with connection:
            while True:
                rows = await (await connection.execute(POSITIONS)).fetchall()
                self.positions = {row[0]: Seen(*row[1:]) for row in rows}
                self._settle()
                await asyncio.sleep(POLL_S)

    def _settle(self) -> None:
        for awaited in list(self._awaited):
            fault, is_over, event = awaited
            if is_over(self.positions):
                fault.until = time.time()
                self._awaited.remove(awaited)
                event.set()

    @property
    def applied(self) -> int:
        """How many records have been applied."""
        return sum(seen.next_offset for seen in self.positions.values())

    def owned_by(self, pid: int) -> Positions:
        """The partitions whose lease this process took last."""
        return {p: seen for p, seen in self.positions.items() if seen.pid == pid}

    async def recovery(self, fault: Fault, is_over: IsOver, *, seconds: float) -> bool:
        """Wait until a fault is over, at most so long; it is watched for even after that."""
        event = asyncio.Event()
        self._awaited.append((fault, is_over, event))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
        return event.is_set()


def posted_by_successor(of: Positions) -> IsOver:
    """A partition of a killed engine has been taken, and has moved since."""
    taken: dict[int, int] = {}

    def is_over(now: Positions) -> bool:
        anew = {
            p: now[p].next_offset for p, seen in of.items() if now[p].lease_epoch > seen.lease_epoch
        }
        # From where each stood when it was first seen taken: never too early.
        return any(offset > taken.setdefault(p, offset) for p, offset in anew.items())

    return is_over


def taken_over(of: Positions) -> IsOver:
    """All partitions of a stopped engine have been taken by another."""
    return lambda now: all(now[p].lease_epoch > seen.lease_epoch for p, seen in of.items())


def posted_since(at: float) -> IsOver:
    """A command that was appended after an instant has been applied."""
    instant = datetime.fromtimestamp(at, UTC)
    return lambda now: any(seen.last_appended_at > instant for seen in now.values())
