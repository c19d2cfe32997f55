"""The live topics as a source: commands, and what was published about those not applied."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from hpts.cluster import Cluster
from hpts.rebuilding.source import Breaking, Facts, Place, SourceDamaged
from posting_engine.client_settings import CONSUMER_SETTINGS
from posting_engine.log import hidden_records, record_of
from posting_engine.records import Record
from schemas import codec
from schemas.partitioning import NO_LOAN
from schemas.quarantine import QUARANTINE, DeadLetter
from schemas.topics import COMMANDS, DEAD_LETTERS

ANSWERS_WITHIN_S: Final = 30.0
_AT_ONCE: Final = 1_000


class LogUnreachable(Exception):
    """The cluster does not answer. Nothing is wrong with the log."""


class TopicSource:
    """The commands topic of a cluster. Methods raise `LogUnreachable`, `ClusterUnavailable`."""

    def __init__(self, bootstrap: str) -> None:
        """Raises `SourceDamaged` where there is no such topic."""
        self._connection = {"bootstrap.servers": bootstrap}
        found = Cluster(bootstrap).describe([COMMANDS]).get(COMMANDS)
        if found is None:
            raise SourceDamaged(f"{bootstrap} has no topic {COMMANDS}")
        self._topic_id, self.partition_count = found.topic_id, found.partitions

    @property
    def topic_id(self) -> str:
        """As the cluster gave it."""
        return self._topic_id

    def bounds(self) -> Mapping[int, Place]:
        """Where each partition begins, and ends for readers: nothing that is under way."""
        consumer = Consumer(self._settings())
        try:
            return {p: _bounds_of(consumer, COMMANDS, p) for p in range(self.partition_count)}
        finally:
            consumer.close()

    def read(self, partition_id: int, first: int, end: int) -> Iterator[Record]:
        """As `LogSource` has it; what is missing is told from what was never committed."""
        due = first
        for message in self._messages(COMMANDS, partition_id, first, end):
            record = record_of(message)
            if record.offset > due and self._hidden(partition_id, due, record.offset) is None:
                raise SourceDamaged(f"partition {partition_id}: offset {due} was removed")
            yield record
            due = record.offset + 1

    def facts(self) -> Facts:
        """All of `hpts.dead-letters.v1`; of what was said twice, what was said last."""
        letters: dict[Place, str] = {}
        quarantines: dict[Breaking, str] = {}
        for letter in self.published():
            place = (letter.partition_id, letter.command_offset)
            if letter.kind == QUARANTINE:
                decided = letter.decided_offset
                decided = letter.command_offset if decided is None else decided
                loan = letter.loan_id or NO_LOAN
                quarantines[place[0], decided, place[1], loan] = letter.reason
            else:
                letters[place] = letter.reason
        return Facts(letters, quarantines)

    def published(self) -> Iterator[DeadLetter]:
        """What stands in the dead letters topic."""
        for value in self.published_values():
            told = codec.decode(value)
            if isinstance(told, DeadLetter):
                yield told

    def published_values(self) -> Iterator[bytes]:
        """The same as bytes."""
        consumer = Consumer(self._settings())
        try:
            begin, end = _bounds_of(consumer, DEAD_LETTERS, 0)
        finally:
            consumer.close()
        for message in self._messages(DEAD_LETTERS, 0, begin, end):
            yield message.value() or b""

    def _messages(self, topic: str, partition: int, first: int, end: int) -> Iterator[Message]:
        if first >= end:
            return
        consumer = Consumer(self._settings())
        try:
            consumer.assign([TopicPartition(topic, partition, first)])
            while True:
                messages = consumer.consume(1, ANSWERS_WITHIN_S) + consumer.consume(_AT_ONCE, 0)
                if not messages:
                    raise LogUnreachable(f"{topic} {partition}: nothing in {ANSWERS_WITHIN_S:.0f}s")
                for message in messages:
                    if (error := message.error()) is None:
                        if (message.offset() or 0) >= end:
                            return
                        yield message
                        if (message.offset() or 0) + 1 == end:
                            return
                    elif error.code() == KafkaError._PARTITION_EOF:
                        # What is left, if anything, are markers; or the broker is still behind.
                        if (message.offset() or 0) >= end:
                            return
                    elif error.code() in (KafkaError._AUTO_OFFSET_RESET, *_OUT_OF_RANGE):
                        raise SourceDamaged(f"{topic} {partition}: offset {first} is gone")
                    elif not error.retriable():
                        raise LogUnreachable(f"{topic} {partition}: {error.str()}")
        except KafkaException as error:
            raise LogUnreachable(f"{topic} {partition}: {error}") from error
        finally:
            consumer.close()

    def _hidden(self, partition_id: int, due: int, came: int) -> list[Record] | None:
        return hidden_records(self._connection, partition_id, due, came)

    def _settings(self) -> dict[str, Any]:
        own = {"group.id": "hpts-rebuild", "enable.partition.eof": True, "log_level": 3}
        return {**CONSUMER_SETTINGS, **self._connection, **own}


_OUT_OF_RANGE: Final = (KafkaError.OFFSET_OUT_OF_RANGE,)


def _bounds_of(consumer: Consumer, topic: str, partition: int) -> Place:
    try:
        place = TopicPartition(topic, partition)
        begin, end = consumer.get_watermark_offsets(place, timeout=ANSWERS_WITHIN_S)
    except KafkaException as error:
        raise LogUnreachable(f"{topic} {partition}: {error}") from error
    return int(begin), int(end)
