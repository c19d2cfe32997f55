"""How a direct producer speaks to Kafka: the only module here that imports confluent_kafka.

    Link.send   a signed command to an explicit partition, in order, until the broker has it
    Link.news   what came back: outcomes on our reply partition, and what became a dead letter

The settings whose defaults would lose, repeat or skip money are all spelled out.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from schemas import codec
from schemas.codec import Outcome
from schemas.kafka_security import PLAINTEXT, Security
from schemas.quarantine import DeadLetter
from schemas.topics import COMMANDS, DEAD_LETTERS, OUTCOMES

_ENDS_WITHIN_S: Final = 10.0
_FLUSH_S: Final = 2.0
_MOST_AT_ONCE: Final = 500

PRODUCER_SETTINGS: Final[Mapping[str, Any]] = {
    "client.id": "hpts-direct-producer",
    "acks": "all",
    "enable.idempotence": True,
    "allow.auto.create.topics": False,
    # A chunk must not overtake one before it, so none is given up while this process lives.
    "message.timeout.ms": 0,
    "linger.ms": 0,
    "message.max.bytes": 1_000_000,
    "reconnect.backoff.max.ms": 1_000,
    "log_level": 3,
}
CONSUMER_SETTINGS: Final[Mapping[str, Any]] = {
    "client.id": "hpts-direct-producer",
    # librdkafka demands a name even where no group is joined and nothing is committed.
    "group.id": "hpts-direct-producer-ungrouped",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "latest",
    "allow.auto.create.topics": False,
    "check.crcs": True,
    "queued.max.messages.kbytes": 16_384,
    "fetch.wait.max.ms": 100,
    "reconnect.backoff.max.ms": 1_000,
    "log_level": 3,
}


class LinkLost(Exception):
    """The client cannot go on. What was sent may post yet; the same job again converges."""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """A record that no partition will apply: it became a dead letter, and why."""

    partition_id: int
    offset: int
    key: bytes | None
    reason: str


News = Outcome | NotTaken


class Link:
    """One producer, and one reader that stands at the end of what may tell of its commands.

    `is_wanted` says by command id whether an outcome is worth decoding.
    """

    def __init__(
        self,
        bootstrap: str,
        reply_partition: int,
        is_wanted: Callable[[bytes], bool],
        *,
        security: Security = PLAINTEXT,
    ) -> None:
        self._fatal: str | None = None
        self._is_wanted = is_wanted
        connection = {"bootstrap.servers": bootstrap, **security}
        self._consumer = Consumer({**CONSUMER_SETTINGS, **connection})
        self._stand_at_the_end((OUTCOMES, reply_partition), (DEAD_LETTERS, 0))
        # After the reader: what is sent from here on is certainly heard of.
        self._producer = Producer({**PRODUCER_SETTINGS, **connection, "error_cb": self._on_error})

    def send(
        self,
        *,
        partition_id: int,
        key: bytes,
        value: bytes,
        headers: Sequence[tuple[str, bytes]],
        on_sent: Callable[[int], None],
    ) -> bool:
        """Send a command; `on_sent(offset)` once acknowledged. False while the queue is full."""

        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is None:
                on_sent(int(message.offset() or 0))
            else:
                self._fatal = self._fatal or error.str()

        try:
            self._producer.produce(
                COMMANDS, value, key, partition_id, delivered, headers=list(headers)
            )
        except BufferError:
            return False
        except KafkaException as error:
            raise LinkLost(str(error)) from error
        return True

    def news(self, timeout_s: float) -> list[News]:
        """What came; waits `timeout_s` for the first of it. Raises `LinkLost`."""
        try:
            self._producer.poll(0)
            first = self._consumer.poll(timeout_s)
            more = [] if first is None else self._consumer.consume(_MOST_AT_ONCE, 0)
        except KafkaException as error:
            raise LinkLost(str(error)) from error
        if self._fatal is not None:
            raise LinkLost(self._fatal)
        messages = [] if first is None else [first, *more]
        return [one for message in messages if (one := self._told(message)) is not None]

    def close(self) -> None:
        """Leave; what the broker has not acknowledged may or may not be in the log."""
        self._consumer.close()
        self._producer.flush(_FLUSH_S)
        self._producer.close()

    def _stand_at_the_end(self, *places: tuple[str, int]) -> None:
        ends = []
        try:
            for topic, partition in places:
                place = TopicPartition(topic, partition)
                _, end = self._consumer.get_watermark_offsets(place, timeout=_ENDS_WITHIN_S)
                ends.append(TopicPartition(topic, partition, end))
            self._consumer.assign(ends)
        except KafkaException as error:
            self._consumer.close()
            raise LinkLost(f"cannot listen for outcomes: {error}") from error

    def _told(self, message: Message) -> News | None:
        value, key = message.value(), message.key()
        if message.error() is not None or not isinstance(value, bytes):
            return None
        is_outcome = message.topic() == OUTCOMES
        if is_outcome and not (isinstance(key, bytes) and self._is_wanted(key)):
            return None
        try:
            told = codec.decode(value)
        except codec.UndecodableRecord:
            return None
        if isinstance(told, DeadLetter):
            return NotTaken(told.partition_id, told.command_offset, told.key, told.reason)
        return told if isinstance(told, Outcome) else None

    def _on_error(self, error: KafkaError) -> None:
        # The flag is not set on every error that says so by its code.
        if error.fatal() or error.code() == KafkaError._FATAL:
            self._fatal = error.str()
