"""Single messages of the journal topic, read again to name what differs or is missing. The only
confluent_kafka here: the stream itself is `witness`'s.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Any, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition

from reconciliation.gate import Gap
from schemas.codec import UndecodableRecord, decode
from schemas.journal_topic import JournalEntry
from schemas.kafka_security import Security
from schemas.topics import JOURNAL

CONSUMER_SETTINGS: Final[Mapping[str, Any]] = {
    "group.id": "hpts-reconciliation",  # never joined, and nothing is committed
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "allow.auto.create.topics": False,
    "check.crcs": True,
    "log_level": 3,
}
_WITHIN_S: Final = 5.0


def recall(
    bootstrap: str, security: Security, partition_id: int, offset: int
) -> JournalEntry | None:
    """The entry at a place of the topic; None where it cannot be had just now."""
    consumer = Consumer({**CONSUMER_SETTINGS, "bootstrap.servers": bootstrap, **security})
    with closing(consumer):
        try:
            consumer.assign([TopicPartition(JOURNAL, partition_id, offset)])
            message = consumer.poll(_WITHIN_S)
            if message is None or message.error() is not None or message.offset() != offset:
                return None
            entry = decode(message.value())
        except (KafkaException, UndecodableRecord):
            return None
    return entry if isinstance(entry, JournalEntry) else None


def has_entry(bootstrap: str, security: Security, gap: Gap) -> bool:
    """Whether the topic has the entry that did not come, where it is due. Raises `KafkaException`
    or `TimeoutError` where that cannot be known just now.
    """
    begin = OFFSET_BEGINNING if gap.after_offset < 0 else gap.after_offset + 1
    settings = {**CONSUMER_SETTINGS, "bootstrap.servers": bootstrap, **security}
    with closing(Consumer(settings)) as consumer:
        consumer.assign([TopicPartition(JOURNAL, gap.partition_id, begin)])
        while True:
            message = consumer.poll(_WITHIN_S)
            if message is None:
                raise TimeoutError(f"{JOURNAL} could not be read in time")
            if (error := message.error()) is not None:
                raise KafkaException(error)
            if (message.offset() or 0) >= gap.offset:
                return False
            try:
                entry = decode(message.value())
            except UndecodableRecord:
                continue
            if isinstance(entry, JournalEntry) and entry.entry_seq == gap.due_seq:
                return True
