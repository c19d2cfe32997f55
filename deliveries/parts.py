"""The parts of the process, each a thread that is begun anew when what it needs was away.

A part gets the word to stop, works in turns, and raises what it cannot go on without. Anything
else that it raises is a fault of ours and ends the process, which its supervisor starts again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Final

import structlog

from deliveries.store import StoreUnavailable
from deliveries.topic import TopicUnavailable
from schemas.cluster import ClusterRefused, ClusterUnavailable

_log = structlog.get_logger()

PASSING: Final = (StoreUnavailable, TopicUnavailable, ClusterRefused, ClusterUnavailable)
LEAST_PAUSE_S: Final = 0.1
MOST_PAUSE_S: Final = 2.0
STOPS_WITHIN_S: Final = 8.0
_WAS_WELL_AFTER_S: Final = 10.0


@dataclass(slots=True)
class Part:
    """One of them. `fault`: why it does not work just now."""

    name: str
    work: Callable[["Part"], None]
    stopping: Event
    fault: str | None = "it is being started"
    is_broken: bool = False
    _thread: Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def works(self) -> None:
        """For the part itself to say, each turn."""
        self.fault = None

    def join(self, deadline: float) -> bool:
        """Wait for its end until then; whether it has ended."""
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - time.monotonic()))
            return not self._thread.is_alive()
        return True

    def _run(self) -> None:
        try:
            self._keep()
        except BaseException:
            self.is_broken = True
            self.stopping.set()
            _log.critical("part broke", part=self.name, exc_info=True)
            raise

    def _keep(self) -> None:
        pause_s = LEAST_PAUSE_S
        while not self.stopping.is_set():
            begun_at = time.monotonic()
            try:
                self.work(self)
            except PASSING as error:
                self.fault = str(error)
                _log.warning("part waits", part=self.name, error=str(error))
                if time.monotonic() - begun_at > _WAS_WELL_AFTER_S:
                    pause_s = LEAST_PAUSE_S
                self.stopping.wait(pause_s)
                pause_s = min(2 * pause_s, MOST_PAUSE_S)


@dataclass(slots=True)
class Parts:
    """All of them."""

    stopping: Event = field(default_factory=Event)
    parts: list[Part] = field(default_factory=list)

    def add(self, name: str, work: Callable[[Part], None]) -> None:
        """One more, to be started by `run`."""
        self.parts.append(Part(name, work, self.stopping))

    def run(self) -> bool:
        """Run all until asked to stop; False where one broke, or does not end in time."""
        for part in self.parts:
            part.start()
        self.stopping.wait()
        deadline = time.monotonic() + STOPS_WITHIN_S
        has_ended = [part.join(deadline) for part in self.parts]
        return all(has_ended) and not any(part.is_broken for part in self.parts)

    def faults(self) -> dict[str, str]:
        """Why parts do not work, by name."""
        return {part.name: part.fault for part in self.parts if part.fault is not None}
