"""Waiting for what becomes of a command: by announcement, and by asking where none comes.

One thread reads this process's partition of the outcomes topic. A waiter older than 250 ms also
asks Postgres, many waiters in one question, so a lost announcement costs time, not truth. A
waiter lives in a `with` block: a cancelled request leaves nothing behind.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from threading import Event, Thread
from typing import Final
from uuid import UUID

from ingress_api import broker
from ingress_api.answers import QUARANTINED, without_rejections
from ingress_api.lasting import OnFatal, lasting_task, lasting_thread
from ingress_api.steps import Steps
from ingress_api.store import Store, StoreUnavailable
from schemas import codec, ids
from schemas.codec import Outcome
from schemas.kafka_security import PLAINTEXT, Security

POLL_S: Final = 0.2
DRAIN: Final = 500
ASK_AFTER_S: Final = 0.25
ASK_AT_MOST_EVERY_S: Final = 2.0
MOST_ASKED: Final = 1_000


@dataclass(slots=True, eq=False)
class Waiter:
    """Waits for one outcome, or for those of a request in `steps`.

    `partition_id` is where the (first) command is; 4095 where the steps are queued together.
    `dry_run_of` is the fingerprint of a dry run: nothing reserves its command id for it alone.
    """

    tenant_id: UUID
    command_id: UUID
    partition_id: int
    idempotency_key: str
    steps: Steps | None
    dry_run_of: bytes | None
    all_known: "asyncio.Future[None]"
    ask_at: float
    pause_s: float = ASK_AFTER_S
    is_held: bool = False
    is_stopped: bool = False
    found: dict[str, Outcome] = field(default_factory=dict)

    def take(self, outcome: Outcome) -> None:
        """Keep an outcome; announcements may come twice, those of a dry run only to its own."""
        if outcome.dry_run != (self.dry_run_of is not None):
            return
        if outcome.dry_run and outcome.fingerprint != self.dry_run_of:
            return
        if outcome.status == QUARANTINED:
            self.hold()
            return
        self.found[outcome.idempotency_key] = outcome
        if self._is_enough() and not self.all_known.done():
            self.all_known.set_result(None)

    def hold(self) -> None:
        """End the wait: an operator must decide first, which may take for ever."""
        self.is_held = True
        if not self.all_known.done():
            self.all_known.set_result(None)

    def _is_enough(self) -> bool:
        if self.steps is None:
            return bool(self.found)
        return self.steps.are_known(self.found.values())

    def take_another_s(self, outcome: Outcome) -> None:
        """End the wait: the key was used by a command that is not this request's."""
        if outcome.correlation_id != self.command_id and not self.all_known.done():
            self.found = {outcome.idempotency_key: outcome}
            self.all_known.set_result(None)

    def stop(self) -> None:
        """End the wait without an outcome."""
        if not self.all_known.done():
            self.is_stopped = True
            self.all_known.set_result(None)

    def hear(self, acknowledged: "asyncio.Future[int]") -> None:
        """The log has the command, or an error says that it may not: then there is no point in
        waiting longer.
        """
        if not acknowledged.cancelled() and acknowledged.exception() is not None:
            self.stop()

    async def wait(self, deadline: float) -> list[Outcome] | None:
        """What is enough, in order of partition and offset; None at the deadline (loop time), and
        when a command is held or certainly not sent.
        """
        late = self.all_known.get_loop().call_at(deadline, self.stop)
        try:
            await self.all_known
        finally:
            late.cancel()
        if self.is_stopped or (self.is_held and not self._is_enough()):
            return None
        return sorted(self.found.values(), key=lambda one: (one.partition_id, one.command_offset))


class Outcomes:
    """The waiters of this process, its reader, and the task that asks Postgres."""

    def __init__(
        self,
        bootstrap: str,
        partition: int,
        store: Store,
        on_fatal: OnFatal,
        *,
        security: Security = PLAINTEXT,
    ) -> None:
        self.partition = partition
        self._on_fatal = on_fatal
        self._bootstrap = bootstrap
        self._security = security
        self._store = store
        self._loop = asyncio.get_running_loop()
        self._waiters: dict[UUID, list[Waiter]] = {}
        self._in_steps: dict[UUID, list[Waiter]] = {}
        self._stopping = Event()
        self._thread: Thread | None = None
        self._asking: asyncio.Task[None] | None = None
        self.fault: str | None = None

    def awaited(self) -> int:
        """How many commands somebody waits for."""
        return len(self._waiters)

    async def start(self) -> str | None:
        """Stand at the partition's end; only then may a command be sent. Or why it cannot."""
        try:
            consumer = await asyncio.to_thread(
                broker.outcome_consumer, self._bootstrap, self.partition, self._security
            )
        except broker.KafkaException as error:
            return str(error)
        self._thread = lasting_thread(
            lambda: self._read(consumer), name="read outcomes", on_fatal=self._on_fatal
        )
        self._thread.start()
        self._asking = lasting_task(
            self._ask_forever(), name="ask for outcomes", on_fatal=self._on_fatal
        )
        return None

    async def close(self) -> None:
        """Stop reading and asking."""
        self._stopping.set()
        if self._asking is not None:
            self._asking.cancel()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)

    @contextmanager
    def expect(
        self,
        *,
        tenant_id: UUID,
        command_id: UUID,
        partition_id: int,
        idempotency_key: str,
        steps: Steps | None = None,
        dry_run_of: bytes | None = None,
    ) -> Iterator[Waiter]:
        """A waiter for a command about to be sent, or for the steps of a request."""
        waiter = Waiter(
            tenant_id,
            command_id,
            partition_id,
            idempotency_key,
            steps,
            dry_run_of,
            self._loop.create_future(),
            self._loop.time() + ASK_AFTER_S,
        )
        register = self._waiters if steps is None else self._in_steps
        # A list: after a takeover two requests may wait for the same command.
        register.setdefault(command_id, []).append(waiter)
        try:
            yield waiter
        finally:
            register[command_id].remove(waiter)
            if not register[command_id]:
                del register[command_id]

    def _read(self, consumer: broker.Consumer) -> None:
        try:
            while not self._stopping.is_set():
                first = consumer.poll(POLL_S)
                if first is None:
                    continue
                wanted = [
                    outcome
                    for message in (first, *consumer.consume(DRAIN, 0))
                    if (outcome := self._wanted(message)) is not None
                ]
                if wanted:
                    self._loop.call_soon_threadsafe(self._deliver, wanted)
        finally:
            consumer.close()

    def _wanted(self, message: broker.Message) -> Outcome | None:
        """The outcome in a message if somebody waits for it. Runs in the reading thread."""
        if message.error() is not None:
            return None
        key = message.key()
        is_known = isinstance(key, bytes) and len(key) == 16 and UUID(bytes=key) in self._waiters
        if not is_known and not self._in_steps:
            return None
        value = message.value()
        try:
            outcome = codec.decode(value if isinstance(value, bytes) else None)
        except codec.UndecodableRecord:
            return None
        return without_rejections(outcome) if isinstance(outcome, Outcome) else None

    def _deliver(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            for waiter in self._waiters.get(outcome.command_id, ()):
                waiter.take(outcome)
            for waiter in self._in_steps.get(outcome.correlation_id, ()):
                waiter.take(outcome)

    async def _ask_forever(self) -> None:
        while True:
            await asyncio.sleep(ASK_AFTER_S / 5)
            try:
                await self._ask(self._loop.time())
                self.fault = None
            except StoreUnavailable as error:
                self.fault = str(error)

    async def _ask(self, now: float) -> None:
        by_tenant: dict[UUID, list[Waiter]] = {}
        due = (w for w in chain.from_iterable(self._waiters.values()) if self._is_due(w, now))
        for waiter in islice(due, MOST_ASKED):
            by_tenant.setdefault(waiter.tenant_id, []).append(waiter)
        for tenant_id, waiters in by_tenant.items():
            places = {(one.partition_id, one.idempotency_key): one for one in waiters}
            for outcome in await self._store.outcomes(tenant_id, list(places)):
                places[outcome.partition_id, outcome.idempotency_key].take(outcome)
        for waiter in list(chain.from_iterable(self._in_steps.values())):
            if self._is_due(waiter, now):
                await self._ask_for_steps(waiter)

    async def _ask_for_steps(self, waiter: Waiter) -> None:
        steps = []
        if await self._may_be_known(waiter):
            steps = await self._store.steps(waiter.tenant_id, waiter.command_id)
            self._deliver([step.outcome for step in steps])
        if await self._store.is_held(waiter.tenant_id, waiter.command_id):
            waiter.hold()
        if steps or waiter.partition_id == ids.IN_PARTS:
            return
        place = (waiter.partition_id, waiter.idempotency_key)
        for outcome in await self._store.outcomes(waiter.tenant_id, [place]):
            waiter.take_another_s(outcome)

    async def _may_be_known(self, waiter: Waiter) -> bool:
        """Whether to read the steps: those of a batch only once they are all there."""
        if waiter.steps is None or waiter.steps.kind.is_one_decision:
            return True
        known = await self._store.steps_known(waiter.tenant_id, waiter.command_id)
        return known >= waiter.steps.total

    @staticmethod
    def _is_due(waiter: Waiter, now: float) -> bool:
        # Of a dry run there is nothing in Postgres; what has its key there is another command.
        if now < waiter.ask_at or waiter.dry_run_of is not None or waiter.all_known.done():
            return False
        waiter.pause_s = min(2 * waiter.pause_s, ASK_AT_MOST_EVERY_S)
        waiter.ask_at = now + waiter.pause_s
        return True
