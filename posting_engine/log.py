"""The command log and the outcomes topic: the only module that imports confluent_kafka.

The consumer never commits offsets to steer by: on every assignment it is sent to the position
that Postgres has. What the clients are told of it is in `client_settings`.

Everything above speaks of logical offsets, which go on counting where a cut-over began a new topic:
a partition's base, where the log before ended, and Kafka's offset. Only here are they converted.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from confluent_kafka import (
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._listoffsets import OffsetSpec

from posting_engine.client_settings import BATCH_BYTES, CONSUMER_SETTINGS, PRODUCER_SETTINGS
from posting_engine.log_answers import Ends, LogUnavailable, LostPosition, headers_of
from posting_engine.records import Record
from schemas.kafka_security import PLAINTEXT, Security
from schemas.topics import CHECKPOINTS, COMMANDS, DEAD_LETTERS, OUTCOMES

_log = structlog.get_logger()

_DRAIN_AT_ONCE: Final = 64
LINGER_A_RECORD_S: Final = 0.000_2
MOST_LINGER_S: Final = 0.004
NO_BASES: Final[Mapping[int, int]] = {}


class CommandLog:
    """The consumer of this engine slot. The worker's thread owns it."""

    def __init__(
        self,
        *,
        bootstrap: str,
        group_id: str,
        instance_id: str,
        on_assign: Callable[[Sequence[int]], Mapping[int, int]],
        on_revoke: Callable[[Sequence[int]], None],
        max_poll_interval_ms: int = CONSUMER_SETTINGS["max.poll.interval.ms"],
        security: Security = PLAINTEXT,
        bases: Mapping[int, int] = NO_BASES,
    ) -> None:
        """`on_assign` takes leases and answers partition -> offset to read from."""
        self._bases = bases
        self._connection: dict[str, Any] = {"bootstrap.servers": bootstrap, **security}
        member: dict[str, Any] = {"group.id": group_id, "group.instance.id": instance_id}
        member["max.poll.interval.ms"] = max_poll_interval_ms
        self._consumer = Consumer({**CONSUMER_SETTINGS, **self._connection, **member})
        self._admin = AdminClient(self._connection)
        self._on_assign, self._on_revoke = on_assign, on_revoke
        self._ends: Any = None
        self._last_count = 0
        self._ends_asked_at = datetime.min.replace(tzinfo=UTC)
        self._consumer.subscribe([COMMANDS], on_assign=self._assigned, on_revoke=self._revoked)

    def take(self, most: int, timeout_seconds: float) -> list[Record | LostPosition]:
        """Wait for one record, then drain what is there: `consume` itself would wait for all.

        At most `most` records, and about `BATCH_BYTES` of them. Under load it waits a little for
        more, the longer the more there were the last time: a batch costs about the same for one
        record as for twenty. A record that comes alone never waits, nor does who has work left (no
        timeout).
        """
        try:
            first = self._consumer.poll(timeout_seconds)
            if first is None:
                self._last_count = 0
                return []
            if self._last_count > 1 and timeout_seconds > 0:
                time.sleep(min(MOST_LINGER_S, LINGER_A_RECORD_S * self._last_count))
            messages = [first]
            while len(messages) < most and sum(map(len, messages)) < BATCH_BYTES:
                wanted = min(_DRAIN_AT_ONCE, most - len(messages))
                more = self._consumer.consume(wanted, 0)
                messages += more
                if len(more) < wanted:
                    break
        except KafkaException as error:
            raise LogUnavailable(f"cannot read the log: {error}") from error
        self._last_count = len(messages)
        taken = (_taken(message, self._bases) for message in messages)
        return [one for one in taken if one is not None]

    def seek(self, offsets: Mapping[int, int]) -> None:
        """Read on from these offsets; what was fetched ahead is dropped."""
        try:
            for partition_id, offset in offsets.items():
                self._consumer.seek(self._place(partition_id, offset))
        except KafkaException as error:
            raise LogUnavailable(f"cannot seek: {error}") from error

    def hidden(self, partition_id: int, due: int, came: int) -> list[Record] | None:
        """What `read_committed` hides between two offsets; see `hidden_records`."""
        base = self._bases.get(partition_id, 0)
        return hidden_records(self._connection, partition_id, due, came, base)

    def pause(self, partition_id: int) -> None:
        """Take nothing more from a halted partition."""
        self._consumer.pause([TopicPartition(COMMANDS, partition_id)])

    def ask_ends(self, partition_ids: Iterable[int], asked_at: datetime) -> None:
        """Begin to ask the broker where the log ends; one question at a time. `asked_at` is now."""
        self._ends_asked_at = asked_at
        wanted = {
            TopicPartition(COMMANDS, p): OffsetSpec.latest()  # type: ignore[no-untyped-call]
            for p in partition_ids
        }
        levels = (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED)
        self._ends = [
            self._admin.list_offsets(wanted, isolation_level=level, request_timeout=5.0)
            for level in levels
        ]

    def ends(self) -> Ends | None:
        """Where they ended; None until all have been answered, and where an answer failed."""
        if self._ends is None or not all(f.done() for of in self._ends for f in of.values()):
            return None
        answers, self._ends = self._ends, None
        try:
            # A broker that has just come back may answer without an offset (-1001).
            stable, written = (
                {
                    p.partition: at + self._bases.get(p.partition, 0)
                    for p, f in of.items()
                    if (at := f.result().offset) >= 0
                }
                for of in answers
            )
        except KafkaException as error:
            _log.warning("log ends unknown", error=str(error))
            # After a broker's restart it goes by an old leader epoch, and is refused for good.
            self._admin = AdminClient(self._connection)
            return None
        return Ends(self._ends_asked_at, stable, written)

    @property
    def is_asking(self) -> bool:
        """Whether a question for the ends is under way."""
        return self._ends is not None

    def close(self) -> None:
        """Leave; as a static member the slot keeps its partitions for the session timeout."""
        self._consumer.close()

    def _assigned(self, consumer: Consumer, assigned: list[TopicPartition]) -> None:
        offsets = self._on_assign([place.partition for place in assigned])
        places = [self._place(p, offset) for p, offset in offsets.items()]
        consumer.assign(places)
        # A pause outlives the assignment it was made in.
        consumer.resume(places)

    def _place(self, partition_id: int, offset: int) -> TopicPartition:
        at = max(0, offset - self._bases.get(partition_id, 0))
        return TopicPartition(COMMANDS, partition_id, at)

    def _revoked(self, _consumer: Consumer, revoked: list[TopicPartition]) -> None:
        self._on_revoke([place.partition for place in revoked])


def hidden_records(
    connection: Mapping[str, Any], partition_id: int, due: int, came: int, base: int = 0
) -> list[Record] | None:
    """What `read_committed` hides between two offsets: records of aborted transactions (markers are
    no records). None when the log begins after `due`: something was removed.
    """
    own = {"isolation.level": "read_uncommitted", "enable.partition.eof": True}
    reader = Consumer({**CONSUMER_SETTINGS, **own, **connection, "group.id": "hpts-gap-reader"})
    place, found = TopicPartition(COMMANDS, partition_id, due - base), list[Record]()
    try:
        if int(reader.get_watermark_offsets(place, timeout=5.0)[0]) > due - base:
            return None
        reader.assign([place])
        while (message := reader.poll(10.0)) is not None:
            if (error := message.error()) is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    return found
                raise LogUnavailable(f"cannot read what is hidden: {error.str()}")
            taken = record_of(message, base)
            if taken.offset >= came:
                return found
            found.append(taken)
    except KafkaException as error:
        raise LogUnavailable(f"cannot read what is hidden: {error}") from error
    finally:
        reader.close()
    raise LogUnavailable("what is hidden in a gap could not be read in time")


def first_record(
    bootstrap: str, partition_id: int, base: int, *, security: Security
) -> Record | None:
    """What the topic begins with; None where it was removed, or nothing came yet."""
    connection = {"bootstrap.servers": bootstrap, **security}
    found = hidden_records(connection, partition_id, base, base + 1, base)
    return found[0] if found else None


def _is_fatal(error: KafkaError) -> bool:
    # The flag is not set on every error that says so by its code: a static member that was
    # fenced, after the broker stood still for longer than the session, comes without it.
    return bool(error.fatal()) or error.code() == KafkaError._FATAL


def _taken(message: Message, bases: Mapping[int, int] = NO_BASES) -> Record | LostPosition | None:
    error = message.error()
    if error is None:
        return record_of(message, bases.get(message.partition() or 0, 0))
    lost = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)
    if error.code() in lost and message.partition() is not None:
        return LostPosition(int(message.partition() or 0), error.str())
    if _is_fatal(error):
        raise LogUnavailable(error.str())
    _log.warning("consumer error", error=error.str(), code=error.name())
    return None


def record_of(message: Message, base: int = 0) -> Record:
    """A message as a record. Raises `LogUnavailable` where the broker did not stamp it."""
    kind, milliseconds = message.timestamp()
    if kind != TIMESTAMP_LOG_APPEND_TIME:
        raise LogUnavailable(f"topic {COMMANDS} does not stamp LogAppendTime")
    partition, offset = message.partition(), message.offset()
    if partition is None or offset is None:
        raise LogUnavailable("a record without a place")
    return Record(
        partition,
        base + offset,
        datetime.fromtimestamp(milliseconds // 1000, UTC).replace(
            microsecond=milliseconds % 1000 * 1000
        ),
        message.key(),
        message.value(),
        headers_of(message),
    )


class Sender:
    """The producer of commands and announcements. Raises `LogUnavailable` where there is none."""

    def __init__(
        self,
        bootstrap: str,
        *,
        security: Security = PLAINTEXT,
        bases: Mapping[int, int] = NO_BASES,
    ) -> None:
        self._fatal: str | None = None
        self._bases = bases
        own = {**security, "bootstrap.servers": bootstrap, "error_cb": self._error}
        try:
            self._producer = Producer({**PRODUCER_SETTINGS, **own})
        except KafkaException as error:  # no thread or memory for it
            raise LogUnavailable(f"no producer can be made: {error}") from error

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
            if error is not None:
                self._fatal = error.str()
            else:
                on_sent(self._bases.get(partition_id, 0) + int(message.offset() or 0))

        try:
            self._producer.produce(
                COMMANDS, value, key, partition_id, delivered, headers=list(headers)
            )
        except BufferError:
            return False
        return True

    def publish_dead_letter(
        self, key: bytes | None, value: bytes, on_done: Callable[[bool], None]
    ) -> bool:
        """Publish to the dead letters topic; `on_done` says whether it is written. It is not what
        money hangs on, so a failure is the caller's to repeat. False while the queue is full.
        """
        return self._publish(DEAD_LETTERS, key, value, on_done)

    def publish_checkpoint(self, value: bytes, on_done: Callable[[bool], None]) -> bool:
        """Publish to the checkpoints topic, as `publish_dead_letter`."""
        return self._publish(CHECKPOINTS, None, value, on_done)

    def _publish(
        self, topic: str, key: bytes | None, value: bytes, on_done: Callable[[bool], None]
    ) -> bool:
        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                _log.error("not published", topic=topic, error=error.str())
            on_done(error is None)

        try:
            self._producer.produce(topic, value, key, 0, delivered)
        except (BufferError, KafkaException) as error:
            _log.warning("not handed over", topic=topic, error=str(error))
            return False
        return True

    def announce(self, reply_partition: int, key: bytes, value: bytes) -> None:
        """Tell a waiting ingress. When the queue is full it is dropped: the waiter also asks
        Postgres, so a lost announcement costs latency, not truth.
        """
        try:
            self._producer.produce(OUTCOMES, value, key, reply_partition)
        except BufferError:
            _log.warning("announcement dropped", reply_partition=reply_partition)

    def serve(self) -> None:
        """Run delivery callbacks; raises `LogUnavailable` after a fatal producer error."""
        self._producer.poll(0)
        if self._fatal is not None:
            raise LogUnavailable(f"producer failed: {self._fatal}")

    def close(self) -> None:
        """Give announcements under way a moment; commands not acknowledged are sent again."""
        deadline = time.monotonic() + 2.0
        while len(self._producer) and time.monotonic() < deadline:
            self._producer.flush(0.1)

    def _error(self, error: KafkaError) -> None:
        if _is_fatal(error):
            self._fatal = error.str()
