"""The Kafka cluster as an administrator sees it: the only confluent_kafka of the command line.

Owns asking for topics and making them. What they should be like is `hpts.provision`'s.
"""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
)

_TIMEOUT_S: Final = 30.0
_PAUSE_S: Final = 0.05


class ClusterUnavailable(Exception):
    """The cluster does not answer, or refuses. The message says what was asked."""


@dataclass(frozen=True, slots=True)
class TopicInCluster:
    """A topic as it is: `replicas` is the fewest of any partition, `settings` are effective."""

    topic_id: str
    partitions: int
    replicas: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NewTopicInCluster:
    """A topic to make. `replicas` None is the cluster's own default."""

    name: str
    partitions: int
    replicas: int | None
    settings: Mapping[str, str]


class Cluster:
    """One cluster. Every method raises `ClusterUnavailable`."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap})

    def describe(self, names: Iterable[str]) -> dict[str, TopicInCluster]:
        """Those of the named topics that exist."""
        described = self._admin.describe_topics(
            TopicCollection(list(names)), request_timeout=_TIMEOUT_S
        )
        found = {}
        for name, answer in described.items():
            topic = self._result(f"describe topic {name}", answer, _missing_is_none=True)
            if topic is not None:
                found[name] = TopicInCluster(
                    topic_id=str(topic.topic_id),
                    partitions=len(topic.partitions),
                    replicas=min(len(partition.replicas) for partition in topic.partitions),
                    settings=self._settings(name),
                )
        return found

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
            request_timeout=_TIMEOUT_S,
        )
        for name, answer in answers.items():
            self._result(f"create topic {name}", answer)
        deadline = time.monotonic() + _TIMEOUT_S
        while self.describe(wanted).keys() != wanted.keys():
            if time.monotonic() > deadline:
                raise ClusterUnavailable(f"topics made but not found: {', '.join(wanted)}")
            time.sleep(_PAUSE_S)

    def _settings(self, name: str) -> dict[str, str]:
        resource = ConfigResource(ConfigResource.Type.TOPIC, name)
        [answer] = self._admin.describe_configs([resource], request_timeout=_TIMEOUT_S).values()
        entries = self._result(f"describe the settings of topic {name}", answer)
        return {key: entry.value for key, entry in entries.items() if entry.value is not None}

    def _result(self, asked: str, answer: "Future[Any]", *, _missing_is_none: bool = False) -> Any:
        try:
            return answer.result(timeout=_TIMEOUT_S)
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.TOPIC_ALREADY_EXISTS:
                return None
            if _missing_is_none and code == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise ClusterUnavailable(f"{self._bootstrap}: cannot {asked}: {error}") from error
        except TimeoutError as error:
            raise ClusterUnavailable(f"{self._bootstrap}: no answer to: {asked}") from error
