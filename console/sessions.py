"""Who is signed in: sessions in this process's memory, named by a random cookie.

A restart signs everybody out; nothing of a session is ever written to a disk.
"""

import secrets
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from console.api import Api
from console.traffic import Traffic

IDLE_S: Final = 8 * 3600.0
_MOST: Final = 1_000


@dataclass(eq=False)
class Session:
    """One signed-in browser."""

    api: Api
    traffic: Traffic
    used_at: float = field(default_factory=time.monotonic)
    positions: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=90))
    """When how many entries had been posted: what the overview draws its rate from."""

    async def end(self) -> None:
        """Stop what runs for it."""
        self.traffic.stop()
        await self.api.close()


class Sessions:
    """All sessions, the one used longest ago first."""

    def __init__(self) -> None:
        self._open: dict[str, Session] = {}

    async def open(self, api: Api) -> str:
        """A new session's name; the least used one ends where there are too many."""
        await self._expire()
        name = secrets.token_urlsafe(32)
        self._open[name] = Session(api, Traffic(api))
        return name

    def find(self, name: str | None) -> Session | None:
        """The session, marked as used now; None where there is none, or it was idle too long."""
        session = self._open.get(name or "")
        if session is None or time.monotonic() - session.used_at > IDLE_S:
            return None
        session.used_at = time.monotonic()
        self._open[str(name)] = self._open.pop(str(name))
        return session

    async def end(self, name: str | None) -> None:
        """Sign out."""
        session = self._open.pop(name or "", None)
        if session is not None:
            await session.end()

    async def end_all(self) -> None:
        """At the end of the process."""
        for name in list(self._open):
            await self.end(name)

    async def _expire(self) -> None:
        now = time.monotonic()
        for name, session in list(self._open.items()):
            if len(self._open) >= _MOST or now - session.used_at > IDLE_S:
                await self.end(name)
