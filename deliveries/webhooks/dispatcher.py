"""Telling endpoints what is queued for them: one dispatcher at a time, many attempts at once.

Being the dispatcher is a hold of its session (`Store.hold`), so what is under way can be known in
memory alone: a queue is busy from the attempt until its result is recorded. Of a queue only the
first event is ever attempted, so a loan's events arrive in order; of an endpoint only a few queues
at a time, one while it fails, so that none takes what others need. What was attempted and not
recorded when a process is killed is attempted again, with the same id.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import structlog

from deliveries import metrics
from deliveries.store import Store, StoreUnavailable
from deliveries.webhooks.event import GONE, HEADERS, Attempt, Event
from deliveries.webhooks.network import Network, NotReached
from deliveries.webhooks.signatures import headers
from schemas.crash_points import crash_point

_log = structlog.get_logger()

KIND: Final = 0x576562
"""What the advisory lock of the dispatcher is about."""
LOOK_EVERY_S: Final = 0.1
SHARE_OF_TIME: Final = 4
"""A look that took long is followed by a pause this many times as long."""
PAUSE_AFTER_FAILURE_S: Final = 0.5
LAST_WITHIN_S: Final = 4.0

MOST_WOKEN: Final = 2_000
_FIRST: Final = UUID(int=0)

Queue = tuple[UUID, UUID]
"""Endpoint, queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How often, how long, and how many at once."""

    schedule: Sequence[float]
    timeout_s: float
    most_at_once: int
    most_per_endpoint: int


@dataclass(slots=True)
class Dispatcher:
    """What it works with. `works` is called each time Postgres has answered."""

    store: Store
    network: Network
    limits: Limits
    works: Callable[[], None]
    _busy: dict[Queue, "asyncio.Task[None]"] = field(default_factory=dict)
    _under_way: Counter[UUID] = field(default_factory=Counter)
    _failing: set[UUID] = field(default_factory=set)
    _made: list[Attempt] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _is_holder: bool = False
    _broken: BaseException | None = None
    _after: UUID = _FIRST

    async def run(self, is_stopping: Callable[[], bool]) -> None:
        """Until asked to stop; then what is under way has a moment."""
        while not is_stopping():
            begun_at = time.monotonic()
            try:
                await self._turn()
                self.works()
                pause_s = max(LOOK_EVERY_S, SHARE_OF_TIME * (time.monotonic() - begun_at))
            except StoreUnavailable as error:
                # What has been answered meanwhile is kept, and recorded once Postgres is back.
                self._is_holder = False
                _log.warning("webhooks wait for postgres", error=str(error))
                pause_s = PAUSE_AFTER_FAILURE_S
            await self._pause(pause_s)
        if self._busy:
            await asyncio.wait(self._busy.values(), timeout=LAST_WITHIN_S)
        await asyncio.to_thread(self._record)

    async def _turn(self) -> None:
        if self._broken is not None:
            raise self._broken
        await asyncio.to_thread(self._record)
        if not self._is_holder:
            self._is_holder = bool(await asyncio.to_thread(self.store.hold, KIND, [0]))
        if len(self._busy) >= self.limits.most_at_once:
            await asyncio.to_thread(self.store.rows, "load_settings")  # a session that is not idle
        elif self._is_holder:
            for event in await asyncio.to_thread(self._due):
                self._begin(event)

    def _due(self) -> list[Event]:
        """The first events of queues that are due, of endpoints that have something free."""
        self.store.rows("wake_queues", most=MOST_WOKEN)
        full = [e for e, count in self._under_way.items() if count >= self._most_of(e)]
        # What is under way is due still, so it is found, too, and passed over.
        most = self.limits.most_at_once + len(self._busy)
        rows = self.store.rows(
            "load_due",
            after=self._after,
            full_endpoints=full,
            most_each=2 * self.limits.most_per_endpoint,
            most=most,
        )
        # Round and round: where there is more than can be begun, each endpoint has its turn.
        self._after = rows[-1]["endpoint_id"] if len(rows) == most else _FIRST
        return [Event.of(row) for row in rows]

    def _most_of(self, endpoint_id: UUID) -> int:
        return 1 if endpoint_id in self._failing else self.limits.most_per_endpoint

    def _begin(self, event: Event) -> None:
        queue = (event.endpoint_id, event.queue_id)
        is_full = self._under_way[event.endpoint_id] >= self._most_of(event.endpoint_id)
        if queue in self._busy or is_full or len(self._busy) >= self.limits.most_at_once:
            return
        self._under_way[event.endpoint_id] += 1
        self._busy[queue] = task = asyncio.create_task(self._attempt(event))
        task.add_done_callback(self._judge)

    def _judge(self, task: "asyncio.Task[None]") -> None:
        """What breaks an attempt is a fault of ours, and must not be overlooked."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = error

    async def _attempt(self, event: Event) -> None:
        attempted_at, begun_at = datetime.now(UTC), time.monotonic()
        signed = headers(
            event.body,
            webhook_id=str(event.journal_entry_id),
            timestamp_s=int(attempted_at.timestamp()),
            secrets=event.secrets,
        )
        status_code, error = None, None
        try:
            status_code = await self.network.post(
                event.url, [*HEADERS, *signed], event.body, within_s=self.limits.timeout_s
            )
        except NotReached as reason:
            error = str(reason)
        attempt = Attempt(
            event=event,
            attempted_at=attempted_at,
            duration_ms=round(1000 * (time.monotonic() - begun_at)),
            status_code=status_code,
            error=error,
        )
        (self._failing.discard if attempt.is_acknowledged else self._failing.add)(event.endpoint_id)
        metrics.note_attempt(attempt)
        self._made.append(attempt)
        self._news.set()

    def _record(self) -> None:
        """Write what became of attempts, and free their queues."""
        made = list(self._made)
        if not made:
            return
        crash_point("delivery-attempts-made")
        schedule, now = self.limits.schedule, datetime.now(UTC)
        queues = {
            "endpoint_ids": [attempt.event.endpoint_id for attempt in made],
            "queue_ids": [attempt.event.queue_id for attempt in made],
        }
        rows = [attempt.row(schedule) for attempt in made]
        with self.store.transaction():
            self.store.rows("record_attempts", **_columns(rows))
            self.store.rows("lock_queues", **queues)
            self.store.rows("drop_queues", **queues)
            next_ats = [attempt.next_at(schedule, now) for attempt in made]
            self.store.rows("move_queues", **queues, next_attempt_ats=next_ats)
            for attempt in made:
                if attempt.status_code == GONE:
                    gone = {"endpoint_id": attempt.event.endpoint_id, "reason": "it answered 410"}
                    self.store.rows("disable_endpoint", **gone)
            crash_point("delivery-attempts-recorded")
        del self._made[: len(made)]
        for attempt in made:
            endpoint_id = attempt.event.endpoint_id
            del self._busy[endpoint_id, attempt.event.queue_id]
            self._under_way[endpoint_id] -= 1
            if not self._under_way[endpoint_id]:
                del self._under_way[endpoint_id]

    async def _pause(self, seconds: float) -> None:
        """Until then, or a little after something was answered."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
                await asyncio.sleep(LOOK_EVERY_S / 10)
        except TimeoutError:
            pass
        self._news.clear()


_NAMES: Final = {
    **{f"{name}s": name for name in ("endpoint_id", "journal_entry_id", "attempted_at")},
    "durations_ms": "duration_ms",
    "status_codes": "status_code",
    "errors": "error",
    "statuses": "status",
}


def _columns(rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    return {columns: [row[name] for row in rows] for columns, name in _NAMES.items()}
