"""The journal topic: writing to it, and what it ends in. The only confluent_kafka here."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from schemas.codec import UndecodableRecord, decode
from schemas.journal_topic import JournalEntry
from schemas.kafka_security import PLAINTEXT, Security
from schemas.topics import JOURNAL, MOST_ENTRY_BYTES

PRODUCER_SETTINGS: Final[Mapping[str, Any]] = {
    "acks": "all",
    "enable.idempotence": True,
    "allow.auto.create.topics": False,
    # Entries are read in runs; a moment's wait makes one request of a run.
    "linger.ms": 5,
    "compression.type": "lz4",
    "queue.buffering.max.kbytes": 65536,
    "message.max.bytes": MOST_ENTRY_BYTES,
    "reconnect.backoff.max.ms": 500,
    # An entry must not be overtaken by one behind it, so none is ever given up: it is sent until
    # the broker has it, or this process ends and its successor sends it.
    "message.timeout.ms": 0,
    "log_level": 3,
}
CONSUMER_SETTINGS: Final[Mapping[str, Any]] = {
    "group.id": "hpts-deliveries",  # never joined, and nothing is committed
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "allow.auto.create.topics": False,
    "check.crcs": True,
    "enable.partition.eof": True,
    "log_level": 3,
}
LOOKED_AT: Final = 20
"""How many messages before its end say what a partition of the topic ends in: a process that was
paused may have written what its successor had written before.
"""
_WITHIN_S: Final = 10.0


class TopicUnavailable(Exception):
    """The broker does not answer, or the producer can do nothing more: begin anew."""


class Ends:
    """What a partition of the topic begins and ends in. `last` None: it holds nothing of ours."""

    def __init__(self) -> None:
        self.is_bare = False
        """Nothing was ever written to it, as far as the broker still knows."""
        self.first_seq: int | None = None
        self.last: tuple[int, bytes] | None = None

    def note(self, entry: JournalEntry) -> None:
        """One of the entries near its end."""
        found = (entry.entry_seq, entry.entry_hash)
        self.last = max(found, self.last or found)


class Sender:
    """The producer. `unacknowledged_bytes` is what the broker has not confirmed."""

    def __init__(self, bootstrap: str, security: Security = PLAINTEXT) -> None:
        self.unacknowledged_bytes = 0
        self._fatal: str | None = None
        self._ends: dict[int, int] = {}
        own = {"bootstrap.servers": bootstrap, "error_cb": self._error}
        self._producer = Producer({**PRODUCER_SETTINGS, **own, **security})

    def send(
        self, partition_id: int, key: bytes, value: bytes, on_sent: Callable[[], None]
    ) -> bool:
        """Send an entry; `on_sent` is called once it is acknowledged, in the order of a partition.
        False while the queue is full.
        """

        def delivered(error: KafkaError | None, message: Message) -> None:
            self.unacknowledged_bytes -= len(value)
            offset = message.offset() or 0
            if error is not None:
                self._fatal = self._fatal or error.str()
            elif offset < self._ends.get(partition_id, 0):
                self._fatal = f"{JOURNAL} was made anew while it was written to"
            elif self._fatal is None:
                self._ends[partition_id] = offset
                on_sent()

        try:
            self._producer.produce(JOURNAL, value, key, partition_id, delivered)
        except BufferError:
            return False
        except KafkaException as error:
            raise TopicUnavailable(str(error)) from error
        self.unacknowledged_bytes += len(value)
        return True

    def serve(self, seconds: float) -> None:
        """Hear what was acknowledged, for at most so long; raises `TopicUnavailable`."""
        self._producer.poll(seconds)
        if self._fatal is not None:
            raise TopicUnavailable(self._fatal)

    def finish(self, seconds: float) -> None:
        """Give what is under way this long."""
        self._producer.flush(seconds)

    def _error(self, error: KafkaError) -> None:
        if error.fatal() or error.code() == KafkaError._FATAL:
            self._fatal = error.str()


def ends_of(
    bootstrap: str, partition_ids: Iterable[int], security: Security = PLAINTEXT
) -> dict[int, Ends]:
    """What these partitions of the topic begin and end in. Raises `TopicUnavailable`."""
    found = {partition_id: Ends() for partition_id in partition_ids}
    consumer = Consumer({**CONSUMER_SETTINGS, "bootstrap.servers": bootstrap, **security})
    with closing(consumer):
        try:
            places, firsts = [], []
            for partition_id in found:
                place = TopicPartition(JOURNAL, partition_id)
                low, high = consumer.get_watermark_offsets(place, timeout=_WITHIN_S)
                found[partition_id].is_bare = high == 0
                if low < high:
                    firsts.append(TopicPartition(JOURNAL, partition_id, low))
                    begin = max(low, high - LOOKED_AT)
                    places.append(TopicPartition(JOURNAL, partition_id, begin))
            for entry in _entries(consumer, firsts, only_first=True):
                found[entry.partition_id].first_seq = entry.entry_seq
            for entry in _entries(consumer, places, only_first=False):
                found[entry.partition_id].note(entry)
        except KafkaException as error:
            raise TopicUnavailable(str(error)) from error
    return found


def _entries(
    consumer: Consumer, places: list[TopicPartition], *, only_first: bool
) -> Iterable[JournalEntry]:
    """What stands from these places up to the ends, or the first of each."""
    waiting = {place.partition for place in places}
    consumer.assign(places)
    while waiting:
        message = consumer.poll(_WITHIN_S)
        if message is None:
            raise TopicUnavailable(f"{JOURNAL} could not be read in time")
        if (error := message.error()) is not None:
            if error.code() != KafkaError._PARTITION_EOF:
                raise TopicUnavailable(error.str())
            waiting.discard(message.partition() or 0)
        elif (partition := message.partition() or 0) in waiting:
            if only_first:
                waiting.discard(partition)
            entry = _entry_in(message)
            if entry is not None and entry.partition_id == partition:
                yield entry


def _entry_in(message: Message) -> JournalEntry | None:
    """What somebody else wrote there says nothing of how far the journal was published."""
    try:
        found = decode(message.value())
    except UndecodableRecord:
        return None
    return found if isinstance(found, JournalEntry) else None
