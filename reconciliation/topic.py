"""Single messages of the journal topic, read again to name what differs. The only confluent_kafka
here: the stream itself is `witness`'s.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

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
