"""The Kafka cluster as an administrator sees it: making topics, beside asking for them, and reading
a partition from one offset to another.

The only confluent_kafka of the command line. What topics should be like is
`schemas.topic_policy`'s, asking for them `schemas.cluster`'s.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from posting_engine.client_settings import CONSUMER_SETTINGS
from schemas import cluster
from schemas.cluster import TIMEOUT_S, ClusterUnavailable
from schemas.kafka_security import PLAINTEXT, Security
from schemas.topic_policy import TopicInCluster

__all__ = ["Cluster", "ClusterUnavailable", "NewTopicInCluster", "Reader", "TopicInCluster"]

_PAUSE_S: Final = 0.05
READING: Final[Mapping[str, Any]] = {
    **CONSUMER_SETTINGS,
    "group.id": "hpts-reader",  # never joined, and nothing is committed
    "enable.partition.eof": True,
    "log_level": 3,
}
_READ_WITHIN_S: Final = 30.0
_AT_ONCE: Final = 1_000
_GONE: Final = (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE)


class OffsetGone(Exception):
    """A partition does not hold, or never held, the offset to read from."""


@dataclass(frozen=True, slots=True)
class NewTopicInCluster:
    """A topic to make. `replicas` None is the cluster's own default."""

    name: str
    partitions: int
    replicas: int | None
    settings: Mapping[str, str]


class Cluster(cluster.Cluster):
    """One cluster that topics can be made on. Every method raises `ClusterUnavailable`."""

    def create(self, topics: Iterable[NewTopicInCluster]) -> None:
        """Make them and wait until each can be described; one that exists by now is no error."""
        wanted = {topic.name: topic for topic in topics}
        if not wanted:
            return
        answers = self._admin.create_topics(
            [
                NewTopic(t.name, t.partitions, t.replicas or -1, config=dict(t.settings))
                for t in wanted.values()
            ],
            request_timeout=TIMEOUT_S,
        )
        for name, answer in answers.items():
            self._result(f"create topic {name}", answer)
        deadline = time.monotonic() + TIMEOUT_S
        while self.describe(wanted).keys() != wanted.keys():
            if time.monotonic() > deadline:
                raise ClusterUnavailable(f"topics made but not found: {', '.join(wanted)}")
            time.sleep(_PAUSE_S)


class Reader:
    """Partitions read once from here to there, as no member of any group. Ahead of who takes, a
    thread of the client fetches. Every method raises `ClusterUnavailable`.
    """

    def __init__(self, bootstrap: str, *, security: Security = PLAINTEXT) -> None:
        self._settings: dict[str, Any] = {**READING, "bootstrap.servers": bootstrap, **security}

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset held, and the one after the last that can be read."""
        with _closing(Consumer(self._settings)) as consumer:
            place = TopicPartition(topic, partition)
            begin, end = consumer.get_watermark_offsets(place, timeout=_READ_WITHIN_S)
            return int(begin), int(end)

    def messages(self, topic: str, partition: int, first: int, end: int) -> Iterator[Message]:
        """What was committed in [first, end), in order. Raises `OffsetGone`."""
        if first >= end:
            return
        with _closing(Consumer(self._settings)) as consumer:
            consumer.assign([TopicPartition(topic, partition, first)])
            while True:
                taken = consumer.consume(1, _READ_WITHIN_S) + consumer.consume(_AT_ONCE, 0)
                if not taken:
                    raise ClusterUnavailable(f"{topic} {partition}: nothing came in time")
                for message in taken:
                    offset = message.offset() or 0
                    if (error := message.error()) is not None:
                        _judge(error, f"{topic} {partition}")
                        # What is left before an end that was reached are markers; else the broker
                        # is still behind, and there will be more.
                        if error.code() == KafkaError._PARTITION_EOF and offset >= end:
                            return
                    elif offset >= end:
                        return
                    else:
                        yield message
                        if offset + 1 == end:
                            return


def _judge(error: KafkaError, where: str) -> None:
    if error.code() in _GONE:
        raise OffsetGone(f"{where}: {error.str()}")
    if error.code() != KafkaError._PARTITION_EOF and not error.retriable():
        raise ClusterUnavailable(f"{where}: {error.str()}")


@contextmanager
def _closing(consumer: Consumer) -> Iterator[Consumer]:
    try:
        yield consumer
    except KafkaException as error:
        raise ClusterUnavailable(str(error)) from error
    finally:
        consumer.close()


def messages(bootstrap: str, topic: str, *, security: Security = PLAINTEXT) -> Iterator[bytes]:
    """The values of all messages of a topic's partition 0, up to where it ends now. Raises
    `ClusterUnavailable`.
    """
    reader = Reader(bootstrap, security=security)
    begin, end = reader.bounds(topic, 0)
    for message in reader.messages(topic, 0, begin, end):
        if (value := message.value()) is not None:
            yield value
