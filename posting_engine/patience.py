"""Waiting for Postgres: without limit, longer each time, and not once asked to stop.

An infrastructure fault never costs a command: nothing is given up and nothing is thrown away.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import Final, TypeVar

import structlog

from posting_engine.positions import StoreUnavailable

_log = structlog.get_logger()

LEAST_SECONDS: Final = 0.05
MOST_SECONDS: Final = 0.5
"""Every second of it is a second of outage after Postgres is back."""

Result = TypeVar("Result")


@dataclass(slots=True)
class Patience:
    """The pause before the next try. `stopping`, once set, ends every wait."""

    stopping: Event = field(default_factory=Event)
    _seconds: float = LEAST_SECONDS

    def wait(self) -> None:
        """Pause, and longer the next time: reads may work where writes do not."""
        self.stopping.wait(self._seconds)
        self._seconds = min(2 * self._seconds, MOST_SECONDS)

    def renew(self) -> None:
        """A batch was recorded: the next fault is a new one."""
        self._seconds = LEAST_SECONDS

    def until_available(self, attempt: Callable[[], Result]) -> Result:
        """Try until it works; raises `StoreUnavailable` only once asked to stop."""
        while True:
            try:
                return attempt()
            except StoreUnavailable as error:
                if self.stopping.is_set():
                    raise
                _log.warning("waiting for postgres", error=str(error))
                self.wait()
