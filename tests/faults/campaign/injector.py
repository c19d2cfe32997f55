"""Does to the stack what happens to stacks: five lanes side by side, each at its own pace.

    engines   kill -9, at a labelled point or wherever it is
    ingress   the same
    servers   kill -9 of Postgres and of Kafka
    pauses    STOP at a labelled point until another engine has taken over, then CONT; and short
              ones of anything
    network   the proxies cut, hold back, delay, lose requests and answers

Whatever is done is kept in `faults`, with the instant at which the stack had recovered.
"""

import asyncio
import itertools
import random
import signal
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from schemas import crash_points
from tests.faults.campaign.stack import Stack, send
from tests.faults.campaign.watch import (
    Fault,
    Watch,
    posted_by_successor,
    posted_since,
    taken_over,
)

LANES: Final = ("engines", "ingress", "servers", "pauses", "network")
POINTS_WITHIN_S: Final = 120.0
HITS_WITHIN_S: Final = 1.5
RECOVERS_WITHIN_S: Final = 30.0
TAKEN_OVER_WITHIN_S: Final = 20.0
FENCED_WITHIN_S: Final = 15.0
FENCED: Final = '"event": "fenced: rejoining"'
STOP_POINTS: Final = (
    *("engine-polled", "engine-pages-open", "engine-decided"),
    *("engine-before-commit", "engine-committed"),
)


@dataclass(eq=False)
class Injector:
    """The lanes over one stack."""

    stack: Stack
    watch: Watch
    chance: random.Random
    commands_per_fault: int
    faults: list[Fault] = field(default_factory=list)
    points_hit: dict[str, int] = field(default_factory=dict)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _spent: int = 0
    _ordered: dict[str, str] = field(default_factory=dict)
    _stopped: set[int] = field(default_factory=set)
    _stops: "asyncio.Queue[int]" = field(default_factory=asyncio.Queue)
    _recovering: "set[asyncio.Task[None]]" = field(default_factory=set)

    async def run(self, seconds: float, lanes: Sequence[str]) -> None:
        """Inject for so long, with every lane also until every labelled point has been hit (for
        two minutes more at most); then everything goes on undisturbed.
        """
        chosen = [getattr(self, f"_{name}")() for name in lanes]
        tasks = [asyncio.create_task(lane) for lane in (self._orders(), *chosen)]
        try:
            begun = time.monotonic()
            while (passed := time.monotonic() - begun) < seconds + POINTS_WITHIN_S:
                if passed > seconds and (lanes != LANES or self._has_hit_all_points()):
                    break
                done, _ = await asyncio.wait(tasks, timeout=1.0)
                for task in done:
                    task.result()  # a lane ends only by an error of its own
        finally:
            tasks += self._recovering
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._heal()

    def _has_hit_all_points(self) -> bool:
        return self.points_hit.keys() == crash_points.SERVICE_POINTS.keys()

    def _heal(self) -> None:
        for order in self.stack.orders.iterdir():
            with suppress(ValueError):  # taken at this very moment: by a process that stopped
                self._stopped.add(int(order.read_text(encoding="ascii")))
            order.unlink(missing_ok=True)
        for proxy in (self.stack.kafka, self.stack.postgres):
            proxy.delay_s, proxy.lose = 0.0, None
        for pid in self._stopped:
            send(pid, signal.SIGCONT)

    async def _engines(self) -> None:
        while True:
            await self._earned(self.chance.uniform(0, 1))
            hit = False
            if point := self._next_point(crash_points.ENGINE_POINTS):
                hit = await self._order(point, "KILL")
            running = [pid for pid in self.stack.pids("engine") if pid not in self._stopped]
            if not hit and running:
                pid = self.chance.choice(running)
                if send(pid, signal.SIGKILL):
                    await self._killed_engine(pid, "anywhere")
            if self._recovering:
                await asyncio.wait(self._recovering)

    async def _killed_engine(self, pid: int, where: str) -> None:
        fault = self._note("engine", where, is_kill=True)
        if owned := self.watch.owned_by(pid):
            await self.watch.recovery(fault, posted_by_successor(owned), seconds=RECOVERS_WITHIN_S)

    async def _ingress(self) -> None:
        while True:
            await self._earned(self.chance.uniform(3, 6))
            point = self._next_point(crash_points.INGRESS_POINTS)
            if point and await self._order(point, "KILL"):
                continue
            for pid in self.stack.pids("ingress"):
                if send(pid, signal.SIGKILL):
                    self._note("ingress", "anywhere", is_kill=True)

    async def _servers(self) -> None:
        for name in itertools.cycle(("postgres", "kafka", "postgres", "postgres")):
            await self._earned(self.chance.uniform(8, 18))
            for pid in self.stack.pids(name):
                at = time.time()
                if send(pid, signal.SIGKILL):
                    fault = self._note(name, "anywhere", is_kill=True)
                    await self.watch.recovery(
                        fault, posted_since(at), seconds=2 * RECOVERS_WITHIN_S
                    )

    async def _pauses(self) -> None:
        while True:
            await self._earned(self.chance.uniform(0, 1))
            if self.chance.random() < 0.75:
                await self._pause_beyond_session(self.chance.choice(STOP_POINTS))
            else:
                await self._pause_shortly()

    async def _pause_beyond_session(self, point: str) -> None:
        """Stop an engine in the middle of its work, until another one does it."""
        order = self.stack.orders / point
        if order.exists():
            return  # a kill is ordered there
        if not await self._order(point, "STOP"):
            with suppress(FileNotFoundError):  # it was taken after all
                order.unlink()
                return
        pid = await self._stops.get()
        owned = self.watch.owned_by(pid)
        fault = self._note("engine", point, is_pause=True)
        try:
            if not owned:
                return
            slot = next(iter(owned.values())).slot
            before = self._fenced(slot)
            fault.outlasts_session = await self.watch.recovery(
                fault, taken_over(owned), seconds=TAKEN_OVER_WITHIN_S
            )
        finally:
            send(pid, signal.SIGCONT)
            self._stopped.discard(pid)
            fault.until = time.time()
        with suppress(TimeoutError):
            async with asyncio.timeout(FENCED_WITHIN_S):
                while self._fenced(slot) == before:
                    await asyncio.sleep(0.05)
                fault.is_fenced = True

    def _fenced(self, slot: int) -> int:
        """How often an engine slot has found itself replaced."""
        return self.stack.engine_log(slot).read_text(encoding="utf-8").count(FENCED)

    async def _pause_shortly(self) -> None:
        kind = self.chance.choice(("engine", "engine", "ingress", "kafka"))
        free = [pid for pid in self.stack.pids(kind) if pid not in self._stopped]
        if not free or not send(pid := self.chance.choice(free), signal.SIGSTOP):
            return
        fault = self._note(kind, "anywhere", is_pause=True)
        self._stopped.add(pid)
        try:
            await asyncio.sleep(self.chance.uniform(0.05, 3))
        finally:
            send(pid, signal.SIGCONT)
            self._stopped.discard(pid)
            fault.until = time.time()

    async def _network(self) -> None:
        while True:
            await self._earned(self.chance.uniform(1, 4))
            proxy = self.chance.choice((self.stack.kafka, self.stack.postgres))
            what = self.chance.choice(("cut", "hold", "delay", "answer", "answer", "request"))
            fault = self._note(f"network to {proxy.name}", what)
            if what == "cut":
                proxy.cut()
            elif what == "hold":
                await proxy.blackhole(self.chance.choice((0.3, 1.0, 3.0, 8.0)))
            elif what == "delay":
                proxy.delay_s = self.chance.uniform(0.005, 0.05)
                await asyncio.sleep(self.chance.uniform(1, 3))
                proxy.delay_s = 0.0
            else:
                proxy.lose = what
            fault.until = time.time()

    async def _earned(self, seconds: float) -> None:
        """Let it be for a while, and until it has applied enough since the last fault: what lies
        on the ground learns nothing from more kicks, and a slow machine gets fewer of them.
        """
        await asyncio.sleep(seconds)
        async with self._turn:  # one lane after another
            while self.watch.applied < self._spent + self.commands_per_fault:
                await asyncio.sleep(0.02)
            self._spent = self.watch.applied

    async def _order(self, point: str, signal_name: str) -> bool:
        """Order a crash; whether a process has soon obeyed. If not, the order stands."""
        order = self.stack.orders / point
        if not order.exists():
            self._ordered[point] = signal_name
            partial = self.stack.orders / f".{point}"
            partial.write_text(signal_name, encoding="ascii")
            partial.rename(order)
        hits = self.points_hit.get(point, 0)
        with suppress(TimeoutError):
            async with asyncio.timeout(HITS_WITHIN_S):
                while self.points_hit.get(point, 0) == hits:
                    await asyncio.sleep(0.01)
        return self.points_hit.get(point, 0) > hits

    async def _orders(self) -> None:
        """See which orders were taken."""
        while True:
            await asyncio.sleep(0.01)
            for taken in self.stack.orders.glob(f"*{crash_points.TAKEN}"):
                text = taken.read_text(encoding="ascii")
                if not text.isdigit():
                    continue  # it is just being taken
                taken.unlink()
                self._obeyed(taken.name.removesuffix(crash_points.TAKEN), int(text))

    def _obeyed(self, point: str, pid: int) -> None:
        self.points_hit[point] = self.points_hit.get(point, 0) + 1
        if self._ordered[point] == "STOP":
            self._stopped.add(pid)
            self._stops.put_nowait(pid)
        elif point in crash_points.INGRESS_POINTS:
            self._note("ingress", point, is_kill=True)
        else:
            task = asyncio.create_task(self._killed_engine(pid, point))
            self._recovering.add(task)
            task.add_done_callback(self._recovering.discard)

    def _next_point(self, points: Iterable[str]) -> str | None:
        """A point that was not hit yet, if there is one that is not ordered; else any or none."""
        free = [point for point in points if not (self.stack.orders / point).exists()]
        missed = [point for point in free if point not in self.points_hit]
        if missed:
            return self.chance.choice(missed)
        return self.chance.choice(free) if free and self.chance.random() < 0.5 else None

    def _note(
        self, kind: str, detail: str, *, is_kill: bool = False, is_pause: bool = False
    ) -> Fault:
        fault = Fault(kind, detail, time.time(), is_kill=is_kill, is_pause=is_pause)
        self.faults.append(fault)
        return fault
