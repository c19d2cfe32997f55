"""One seeded world: virtual time, chance, processes that take turns, a trace, counts of faults.

Each process is a thread that holds the baton while it runs: exactly one runs at any instant, and
it hands the baton over only inside `pause`, to whoever is due next by virtual time. So a run is a
function of its seed: no clock, no kernel scheduling and no hash order can change it.
"""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from threading import Lock, Thread
from typing import Any, Final

BEGINNING: Final = datetime(2026, 3, 10, tzinfo=UTC)


class Killed(BaseException):
    """The process was killed: nothing in it may catch this."""


class Violation(BaseException):
    """Something that must never happen was seen. Ends the run."""


@dataclass(eq=False)
class Process:
    """A thread of the world and what the kernel knows of it."""

    name: str
    body: Callable[[], None]
    on_end: Callable[[BaseException | None], None]
    baton: Any = field(default_factory=Lock)
    killed: bool = False
    ended: bool = False
    stopped_until: float = 0.0
    wakes: int = -1

    def __post_init__(self) -> None:
        self.baton.acquire()


@dataclass(slots=True)
class Happened:
    """One line of the trace."""

    at: float
    who: str
    what: str
    members: dict[str, Any]

    def __str__(self) -> str:
        told = " ".join(f"{name}={value}" for name, value in self.members.items())
        return f"{self.at:10.4f}  {self.who:<12} {self.what}  {told}".rstrip()


class World:
    """See the module. `main` is the thread that calls `run`."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.chance = random.Random(seed)
        self.now = 0.0
        self.trace: list[Happened] = []
        self.faults: Counter[str] = Counter()
        self.failure: BaseException | None = None
        self.calm = False
        """No more faults: what is under way comes to rest."""
        self._main = Process("main", lambda: None, lambda _: None)
        self._running = self._main
        self._due: list[tuple[float, int, Process | Callable[[], None]]] = []
        self._count = 0
        self._is_done = False
        self._processes: list[Process] = []

    # What happens, and when.

    def happens(self, probability: float) -> bool:
        """Whether an event of this probability happens now; never in calm."""
        return not self.calm and self.chance.random() < probability

    def fault(self, kind: str, who: str = "", **members: Any) -> None:
        """Count a fault that is being injected, and tell it in the trace."""
        self.faults[kind] += 1
        self.tell(who, f"FAULT {kind}", **members)

    def tell(self, who: str, what: str, **members: Any) -> None:
        """A line of the trace."""
        self.trace.append(Happened(self.now, who or self._running.name, what, members))

    def wall_clock(self, skew: float = 0.0) -> datetime:
        """What a clock on the wall shows that is `skew` seconds ahead, to the millisecond."""
        return BEGINNING + timedelta(milliseconds=int(1000 * (self.now + skew)))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something later; it must not pause."""
        self._push(self.now + seconds, action)

    def violated(self, what: str) -> None:
        """Something that must never happen was seen."""
        self.failure = self.failure or Violation(what)
        self.tell("", f"VIOLATION {what}")

    # Processes.

    def spawn(
        self, name: str, body: Callable[[], None], on_end: Callable[[BaseException | None], None]
    ) -> Process:
        """Start a process; `on_end` is told the exception that ended it, None after a return."""
        process = Process(name, body, on_end)
        self._processes.append(process)
        Thread(target=self._live, args=(process,), daemon=True).start()
        self._wake(process, self.now)
        return process

    @property
    def running(self) -> Process:
        """Whose code is being executed."""
        return self._running

    def pause(self, seconds: float) -> None:
        """Let the running process's time pass; others run meanwhile."""
        me = self._running
        if not me.killed:
            self._wake(me, self.now + seconds)
            self._pass_the_baton(me)
        if me.killed:
            raise Killed

    def kill(self, process: Process) -> None:
        """kill -9."""
        if not process.ended:
            process.killed, process.stopped_until = True, 0.0
            self._wake(process, self.now)

    def stop(self, process: Process, seconds: float) -> None:
        """SIGSTOP, and SIGCONT later."""
        process.stopped_until = self.now + seconds

    def run(self, until_seconds: float) -> None:
        """Let everything happen until `finish` is called, nothing is due, or the time is up."""
        self._is_done = False
        self.after(until_seconds - self.now, self.finish)
        self._pass_the_baton(self._main)

    def finish(self) -> None:
        """End `run`."""
        self._is_done = True

    def close(self) -> None:
        """Kill every process, so that no thread is left behind."""
        self._due.clear()
        for process in self._processes:
            while not process.ended:
                process.killed = True
                self._running = process
                process.baton.release()
                self._main.baton.acquire()

    def _live(self, process: Process) -> None:
        process.baton.acquire()
        ending: BaseException | None = None
        try:
            if not process.killed:
                process.body()
        except BaseException as error:  # noqa: BLE001 -- whoever asked for the process is told
            ending = error
        process.ended = True
        try:
            process.on_end(ending)
        except BaseException as error:  # noqa: BLE001 -- it ends the run
            self.failure = self.failure or error
        self._pass_the_baton(process)

    def _pass_the_baton(self, me: Process) -> None:
        """Let what is due happen, in order, until it is this process's turn again."""
        turn = self._next_turn()
        if turn is me and not me.ended:
            self._running = me
            return
        self._running = turn
        turn.baton.release()
        if not me.ended:
            me.baton.acquire()
            self._running = me

    def _next_turn(self) -> Process:
        while self._due and not self._is_done and self.failure is None:
            at, number, what = heapq.heappop(self._due)
            if isinstance(what, Process):
                if what.ended or number != what.wakes:
                    continue
                if what.stopped_until > at:
                    self._wake(what, what.stopped_until)
                    continue
                self.now = max(self.now, at)
                return what
            self.now = max(self.now, at)
            try:
                what()
            except BaseException as error:  # noqa: BLE001 -- it ends the run
                self.failure = error
        return self._main

    def _wake(self, process: Process, at: float) -> None:
        process.wakes = self._count
        self._push(at, process)

    def _push(self, at: float, what: Process | Callable[[], None]) -> None:
        heapq.heappush(self._due, (at, self._count, what))
        self._count += 1
