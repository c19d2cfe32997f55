"""Commands to the log: signed, sent to an explicit partition, acknowledged by all replicas.

One thread polls librdkafka; acknowledgements reach the event loop in batches. Errors:

    NotSent          certainly not in the log: the key may be given back
    DeliveryUnknown  may or may not be in the log: never to be called failed
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event
from typing import Final
from uuid import UUID

from ingress_api import broker
from ingress_api.lasting import OnFatal, lasting_thread
from schemas import signing, topics
from schemas.crash_points import crash_point
from schemas.kafka_security import PLAINTEXT, Security
from schemas.signing import SigningKey

POLL_S: Final = 0.1
TELL_EVERY_S: Final = 0.004
GATHER_MS: Final = 1
FLUSH_S: Final = 4.0


MAX_RECORD_BYTES: Final = 900_000
"""Below the broker's `message.max.bytes`, with room for headers and batch framing."""


class NotSent(Exception):
    """The record is certainly not in the log."""


class TooLarge(NotSent):
    """The broker would not take a record of this size."""


class DeliveryUnknown(Exception):
    """Nobody can say whether the record is in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRecord:
    """A command, ready to be signed and sent."""

    partition_id: int
    key: bytes
    value: bytes
    reply_partition: int
    traceparent: str


_Done = tuple["asyncio.Future[int]", broker.KafkaError | None, int]


class Publisher:
    """Sends commands. After a fatal error it takes nothing more; `on_fatal` is told once."""

    def __init__(
        self,
        bootstrap: str,
        key: SigningKey,
        *,
        delivery_timeout_ms: int,
        on_fatal: OnFatal,
        security: Security = PLAINTEXT,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._prompt, self._gathering = (
            broker.producer(
                bootstrap,
                security=security,
                delivery_timeout_ms=delivery_timeout_ms,
                linger_ms=linger_ms,
                on_error=self._on_error,
            )
            for linger_ms in (0, GATHER_MS)
        )
        self.key: SigningKey | None = key
        """None while the key ring does not let us sign: nothing may be accepted then."""
        self._on_fatal = on_fatal
        self._done: deque[_Done] = deque()
        self._under_way: set[asyncio.Future[int]] = set()
        self._stopping = Event()
        self._handed_over = Event()
        self._thread = lasting_thread(
            self._poll, name="poll for acknowledgements", on_fatal=on_fatal
        )
        self.fatal: str | None = None

    def start(self) -> None:
        """Begin to poll for acknowledgements."""
        self._thread.start()

    def may_write(self, tenant_id: UUID) -> bool:
        """Whether the engine will take this tenant's commands from our signing key now."""
        return self.key is not None and self.key.may_write(tenant_id, datetime.now(UTC))

    async def publish(self, record: CommandRecord) -> int:
        """Send one command; its offset, once the log has it for good.

        A cancelled caller does not take the record back: whoever asks finds its outcome.
        """
        return await self.hand_over(record)

    def hand_over(self, record: CommandRecord, *, is_alone: bool = True) -> "asyncio.Future[int]":
        """Hand one command to a producer; its offset or error to come. Never raises: who hands
        over many at once must not stop at one.

        One that is not alone waits for the others, GATHER_MS, and leaves with them in one request
        a partition; for one that is, the shortest linger there is would cost more than all else.
        """
        acknowledged: asyncio.Future[int] = self._loop.create_future()
        try:
            self._produce(record, acknowledged, self._prompt if is_alone else self._gathering)
        except NotSent as error:
            acknowledged.set_exception(error)
        else:
            crash_point("ingress-produced")
        return acknowledged

    def _produce(
        self,
        record: CommandRecord,
        acknowledged: "asyncio.Future[int]",
        producer: broker.Producer,
    ) -> None:
        if self.fatal is not None:
            raise NotSent(self.fatal)
        if self.key is None:
            raise NotSent("the signing key is not in force")
        if len(record.value) > MAX_RECORD_BYTES:
            raise TooLarge("the record is too large")
        headers: list[tuple[str, str | bytes | None]] = [
            (topics.SIGNATURE_HEADER, signing.sign(self.key, record.value)),
            (topics.REPLY_PARTITION_HEADER, str(record.reply_partition).encode()),
            (topics.TRACEPARENT_HEADER, record.traceparent.encode()),
        ]

        def on_delivery(error: broker.KafkaError | None, message: broker.Message) -> None:
            self._done.append((acknowledged, error, message.offset() or 0))
            if len(self._done) == 1:
                self._loop.call_soon_threadsafe(self._complete)

        try:
            producer.produce(
                topics.COMMANDS,
                value=record.value,
                key=record.key,
                partition=record.partition_id,
                headers=headers,
                on_delivery=on_delivery,
            )
        except BufferError as error:
            raise NotSent(str(error)) from error
        except broker.KafkaException as error:
            self._on_error(error.args[0])
            raise NotSent(str(error)) from error
        self._under_way.add(acknowledged)
        self._handed_over.set()
        acknowledged.add_done_callback(self._under_way.discard)

    async def fault(self) -> str | None:
        """None, or why the log cannot be reached."""
        return self.fatal or await asyncio.to_thread(broker.reach, self._prompt)

    async def close(self) -> None:
        """Stop polling, then wait for what is under way."""
        self._stopping.set()
        await asyncio.to_thread(self._thread.join)
        for producer in (self._prompt, self._gathering):
            try:
                await asyncio.to_thread(producer.flush, FLUSH_S / 2)
            except (broker.KafkaException, SystemError) as error:
                # A fatal error is raised here where polling has not met it: it is told, not raised,
                # so that the process ends as one that cannot go on.
                self._on_raised(error)

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._handed_over.wait(POLL_S)
            self._handed_over.clear()
            try:
                self._prompt.poll(0)
                self._gathering.poll(0)
            except (broker.KafkaException, SystemError) as error:
                # The binding raises a fatal error here, or first at the next produce.
                self._on_raised(error)
                if self.fatal is None:
                    raise
                return
            if self._under_way:
                # What comes meanwhile is told together: whenever this thread wakes, the event loop
                # stands still. An outcome implies the acknowledgement, so few wait for this.
                self._handed_over.set()
                time.sleep(TELL_EVERY_S)

    def _complete(self) -> None:
        while self._done:
            acknowledged, error, offset = self._done.popleft()
            if error is not None:
                self._on_error(error)
            if acknowledged.done():
                continue
            if error is None:
                crash_point("ingress-acknowledged")
                acknowledged.set_result(offset)
            elif broker.is_certainly_not_written(error):
                acknowledged.set_exception(NotSent(error.str()))
            else:
                acknowledged.set_exception(DeliveryUnknown(error.str()))

    def _on_raised(self, error: Exception) -> None:
        """The binding raised an error. Where it calls us back with a fatal one already raised, that
        is wrapped in a SystemError.
        """
        cause = error.__cause__ if isinstance(error, SystemError) else error
        if isinstance(cause, broker.KafkaException):
            self._on_error(cause.args[0])

    def _on_error(self, error: broker.KafkaError) -> None:
        if not broker.is_fatal(error):
            return
        reason = f"the producer cannot go on: {error.str()}"
        if self.fatal is None:
            self.fatal = reason
            self._loop.call_soon_threadsafe(self._give_up, reason)

    def _give_up(self, reason: str) -> None:
        """Nobody will hear any more what became of the records under way."""
        for acknowledged in tuple(self._under_way):
            if not acknowledged.done():
                acknowledged.set_exception(DeliveryUnknown(reason))
        self._on_fatal(reason)
