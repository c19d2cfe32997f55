"""The Kafka cluster as every process sees it before it serves, and while it does.

Owns asking; what the answer should be is `schemas.topic_policy`'s. The only module of `schemas`
that imports confluent_kafka: ingress, engine and command line must not differ in what they check.
"""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import replace
from threading import Event
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]

from schemas.kafka_security import PLAINTEXT, Security
from schemas.topic_policy import (
    TopicIdentity,
    TopicInCluster,
    another_log,
    requirements,
    weaker,
    weaker_broker,
)
from schemas.topics import COMMANDS

TIMEOUT_S: Final = 30.0
_ASK_EVERY_S: Final = 1.0
_ANSWER_WITHIN_S: Final = 5.0
_FRESH_S: Final = 0.1
_LOOK_EVERY_S: Final = 0.05
_MISSING_FOR_S: Final = 2.0


class ClusterUnavailable(Exception):
    """The cluster does not answer, or refuses. The message says what was asked."""


class ClusterRefused(Exception):
    """The cluster is not safe for money. The message has a line for each fault."""


class Cluster:
    """One cluster. Every method raises `ClusterUnavailable`."""

    def __init__(
        self, bootstrap: str, *, security: Security = PLAINTEXT, timeout_s: float = TIMEOUT_S
    ) -> None:
        self._bootstrap = bootstrap
        self._timeout_s = timeout_s
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3, **security})

    def describe(self, names: Iterable[str]) -> dict[str, TopicInCluster]:
        """The topics that exist among these, by name."""
        wanted = list(names)
        if not wanted:
            return {}
        answers = self._admin.describe_topics(
            TopicCollection(wanted), request_timeout=self._timeout_s
        )
        found = {}
        for name, answer in answers.items():
            topic = self._result(f"describe topic {name}", answer, _missing_is_none=True)
            if topic is not None:
                found[name] = TopicInCluster(
                    topic_id=str(topic.topic_id),
                    partitions=len(topic.partitions),
                    replicas=min(len(partition.replicas) for partition in topic.partitions),
                    settings=self._settings(ConfigResource.Type.TOPIC, name),
                )
        return found

    def brokers(self) -> dict[int, Mapping[str, str]]:
        """Each broker's effective settings."""
        try:
            known = self._admin.list_topics(COMMANDS, timeout=self._timeout_s).brokers
        except KafkaException as error:
            raise ClusterUnavailable(f"{self._bootstrap}: cannot list brokers: {error}") from error
        return {one: self._settings(ConfigResource.Type.BROKER, str(one)) for one in known}

    def faults(self, *, profile: str, durability: str | None) -> list[str]:
        """Everything that makes this cluster unsafe, a line each, naming what is too weak.

        But for the commands topic's id and partition count: see `TopicWatch`.
        """
        wanted = requirements(1, profile=profile, durability=durability)
        found = self.describe(one.topic.name for one in wanted)
        faults = []
        for one in wanted:
            topic = found.get(one.topic.name)
            if topic is None:
                faults.append(f"{one.topic.name}: there is no such topic; run `hpts migrate`")
            else:
                count = topic.partitions if one.topic.partitions is None else one.partitions
                faults += weaker(replace(one, partitions=count), topic)
        return faults + self.faults_of_brokers(profile)

    def faults_of_brokers(self, profile: str) -> list[str]:
        """How brokers' own settings fall short."""
        return [
            fault
            for broker_id, settings in self.brokers().items()
            for fault in weaker_broker(broker_id, settings, profile=profile)
        ]

    def _settings(self, kind: Any, name: str) -> dict[str, str]:
        resource = ConfigResource(kind, name)
        asked = self._admin.describe_configs([resource], request_timeout=self._timeout_s)
        [answer] = asked.values()
        entries = self._result(f"describe the settings of {kind.name.lower()} {name}", answer)
        return {key: entry.value for key, entry in entries.items() if entry.value is not None}

    def _result(self, asked: str, answer: "Future[Any]", *, _missing_is_none: bool = False) -> Any:
        try:
            return answer.result(timeout=self._timeout_s)
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.TOPIC_ALREADY_EXISTS:
                return None
            if _missing_is_none and code == KafkaError.UNKNOWN_TOPIC_OR_PART:
                return None
            raise ClusterUnavailable(f"{self._bootstrap}: cannot {asked}: {error}") from error
        except TimeoutError as error:
            raise ClusterUnavailable(f"{self._bootstrap}: no answer to: {asked}") from error


def refuse_weaker(cluster: Cluster, *, profile: str, durability: str | None) -> None:
    """What a process checks before it serves; raises `ClusterRefused` with every fault, or
    `ClusterUnavailable`.
    """
    faults = cluster.faults(profile=profile, durability=durability)
    if faults:
        raise ClusterRefused(
            "the cluster is weaker than the ledger needs "
            f"(HPTS_PROFILE={profile}, HPTS_DURABILITY={durability or ''}):\n  "
            + "\n  ".join(faults)
        )


class TopicWatch:
    """Whether the commands topic is still the one that the books follow; asked once a second.

    Once it is another log it stays so: a topic that was made anew does not become the old one
    again.
    """

    def __init__(
        self, bootstrap: str, pinned: TopicIdentity, *, security: Security = PLAINTEXT
    ) -> None:
        self.fault: str | None = None
        self._pinned = pinned
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 3, **security})
        self._asked: Future[Any] | None = None
        self._asked_at = 0.0
        self._confirmed_at = 0.0
        self._due_at = 0.0
        self._missing_since: float | None = None

    def first(self) -> None:
        """Wait for the first answer; raises `ClusterUnavailable` when there is none in time."""
        deadline = time.monotonic() + TIMEOUT_S
        while self.fault is None and not self._confirmed_at:
            if time.monotonic() > deadline:
                raise ClusterUnavailable(f"cannot describe {COMMANDS}: no answer in time")
            self.turn()
            time.sleep(_LOOK_EVERY_S)

    def turn(self) -> str | None:
        """Why the log is another one, as far as is known by now; None while it is the right one.

        Never blocks.
        """
        if self._asked is not None:
            if not self._asked.done():
                return self.fault
            self._judge(self._asked)
            self._asked = None
        if self.fault is None and time.monotonic() >= self._due_at:
            self._ask()
        return self.fault

    def confirm(self, stopping: Event) -> str | None:
        """As `turn`, but None only when the broker said so within the last `_FRESH_S`.

        Blocks while it says nothing: what cannot be confirmed must not be applied. Where it ends
        because `stopping` is set, nothing is confirmed.
        """
        while self.fault is None and time.monotonic() > self._confirmed_at + _FRESH_S:
            if stopping.is_set():
                return None
            if self._asked is None:
                self._ask()
            if self._asked is not None:
                wait([self._asked], timeout=_LOOK_EVERY_S)
            if self._asked is not None and self._asked.done():
                is_answered = self._asked.exception() is None
                self.turn()
                if not is_answered:
                    stopping.wait(_LOOK_EVERY_S)
        return self.fault

    def _ask(self) -> None:
        self._asked_at = time.monotonic()
        self._due_at = self._asked_at + _ASK_EVERY_S
        asked = self._admin.describe_topics(
            TopicCollection([COMMANDS]), request_timeout=_ANSWER_WITHIN_S
        )
        self._asked = asked[COMMANDS]

    def _judge(self, asked: "Future[Any]") -> None:
        error = asked.exception()
        if error is None:
            topic = asked.result()
            self._missing_since = None
            found = TopicIdentity(str(topic.topic_id), len(topic.partitions))
            self.fault = another_log(self._pinned, found)
            self._confirmed_at = self._asked_at if self.fault is None else 0.0
        elif _is_missing(error):
            # A broker that has just come back may not know its topics yet; one that goes on
            # saying so means it.
            self._missing_since = self._missing_since or time.monotonic()
            if time.monotonic() >= self._missing_since + _MISSING_FOR_S:
                self.fault = another_log(self._pinned, None)


def _is_missing(error: BaseException) -> bool:
    return (
        isinstance(error, KafkaException)
        and error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    )
