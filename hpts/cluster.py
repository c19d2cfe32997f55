"""The Kafka cluster as an administrator sees it: making topics, asking for them, reading them.

The only confluent_kafka of the command line. What topics should be like is
`schemas.topic_policy`'s, asking for them `schemas.cluster`'s.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from schemas import cluster
from schemas.cluster import TIMEOUT_S, ClusterUnavailable
from schemas.topic_policy import TopicInCluster

__all__ = ["Cluster", "ClusterUnavailable", "NewTopicInCluster", "TopicInCluster"]

_PAUSE_S: Final = 0.05
READING: Final = {
    "group.id": "hpts-command-line",  # never joined, and nothing is committed
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "error",
    "isolation.level": "read_committed",
    "check.crcs": True,
    "allow.auto.create.topics": False,
    "log_level": 3,
}


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


def messages(bootstrap: str, topic: str) -> Iterator[bytes]:
    """Every message of a topic's partition 0, up to where it ends now. Raises
    `ClusterUnavailable`.
    """
    consumer = Consumer({**READING, "bootstrap.servers": bootstrap})
    place = TopicPartition(topic, 0)
    try:
        first, end = consumer.get_watermark_offsets(place, timeout=TIMEOUT_S)
        consumer.assign([TopicPartition(topic, 0, first)])
        deadline = time.monotonic() + TIMEOUT_S
        while first < end and consumer.position([place])[0].offset < end:
            for message in consumer.consume(1_000, _PAUSE_S):
                if (error := message.error()) is not None:
                    raise ClusterUnavailable(f"{bootstrap}: cannot read {topic}: {error.str()}")
                deadline = time.monotonic() + TIMEOUT_S
                if (message.offset() or 0) < end and (value := message.value()) is not None:
                    yield value
            if time.monotonic() > deadline:
                raise ClusterUnavailable(f"{bootstrap}: {topic} cannot be read to its end")
    except KafkaException as error:
        raise ClusterUnavailable(f"{bootstrap}: cannot read {topic}: {error}") from error
    finally:
        consumer.close()
