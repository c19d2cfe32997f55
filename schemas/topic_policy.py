"""What topics and brokers must be like for money to be safe in them, and how the found fall short.

Pure: `schemas.cluster` asks, this module judges, and every process that reads or writes the log
judges alike: `hpts migrate` before anything is made, ingress and engine before they serve.
Producers ask for acks=all themselves; the clients' own settings are held by a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from schemas.topics import COMMANDS, TOPICS, Topic

LOCAL: Final = "local"
"""The profile in which one replica will do: it survives killed processes, not a power cut."""
POWER: Final = "power"
"""The durability that flushes every command to the disk before it is acknowledged."""

BROKER_SETTINGS: Final[Mapping[str, str]] = {
    # A topic that a client's word can make has the wrong partitions and forgets after a week.
    "auto.create.topics.enable": "false",
}
_REPLICAS: Final = 3
_MIN_IN_SYNC: Final = 2
_RECORD_BYTES: Final = 1_000_000
_FOR_EVER: Final = -1
_LASTING: Final = ("retention.ms", "retention.bytes")
_AT_LEAST: Final = ("min.insync.replicas", "max.message.bytes")
_AT_MOST: Final = ("flush.messages",)


@dataclass(frozen=True, slots=True)
class TopicInCluster:
    """A topic as it is: `replicas` is the fewest of any partition, `settings` are effective."""

    topic_id: str
    partitions: int
    replicas: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TopicIdentity:
    """Which log it is: the books follow one topic, cut into a number of partitions for life."""

    topic_id: str
    partition_count: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a topic must at least be like; `default_replicas`: the cluster chooses how many."""

    topic: Topic
    partitions: int
    replicas: int
    settings: Mapping[str, str]
    default_replicas: bool = False


def requirements(partition_count: int, *, profile: str, durability: str | None) -> list[Wanted]:
    """What each topic must be like: three replicas, two in sync, unless the run is local or
    every record is flushed to disk (`durability` `power`).
    """
    is_flushed = durability == POWER
    is_replicated = profile != LOCAL and not is_flushed
    wanted = []
    for topic in TOPICS:
        settings = dict(topic.settings)
        settings["unclean.leader.election.enable"] = "false"
        if is_replicated:
            settings["min.insync.replicas"] = str(_MIN_IN_SYNC)
        if topic.name == COMMANDS:
            settings["max.message.bytes"] = str(_RECORD_BYTES)
            # Else a record counts as long as it is compressed, and 100 MB of zeros are 3 kB: no
            # engine could read past it, signed or not.
            settings["compression.type"] = "uncompressed"
        if is_flushed and topic.name == COMMANDS:
            settings["flush.messages"] = "1"
        wanted.append(
            Wanted(
                topic,
                topic.partitions or partition_count,
                _REPLICAS if is_replicated else 1,
                settings,
                default_replicas=profile != LOCAL and is_flushed,
            )
        )
    return wanted


def weaker(wanted: Wanted, found: TopicInCluster) -> list[str]:
    """How `found` falls short, one line each, naming the setting."""
    name = wanted.topic.name
    faults = []
    if found.partitions != wanted.partitions:
        faults.append(f"{name}: {found.partitions} partitions, not {wanted.partitions}")
    if found.replicas < wanted.replicas:
        faults.append(f"{name}: {found.replicas} replicas, at least {wanted.replicas} are needed")
    return faults + _weaker_settings(name, wanted.settings, found.settings)


def weaker_broker(broker_id: int, settings: Mapping[str, str], *, profile: str) -> list[str]:
    """How a broker's own settings fall short, one line each, naming the setting.

    Our own clients never let a broker make a topic, so a local run takes any broker.
    """
    if profile == LOCAL:
        return []
    return _weaker_settings(f"broker {broker_id}", BROKER_SETTINGS, settings)


def another_log(pinned: TopicIdentity, found: TopicIdentity | None) -> str | None:
    """Why the commands topic is not the one that the books follow, and what to do; None: it is."""
    if found is None:
        return (
            f"the topic {COMMANDS} is gone from this cluster, and these books follow it "
            f"(id {pinned.topic_id}). Restore it, or point at the cluster that has it; then "
            "restart. Never make a topic of that name by hand."
        )
    if found.topic_id != pinned.topic_id:
        return (
            f"the topic has id {found.topic_id} and these books belong to {pinned.topic_id}: it "
            "was made anew, or this is another cluster. Restore the log, or point at the cluster "
            "that has it, and restart; or cut over to a new one."
        )
    if found.partition_count != pinned.partition_count:
        return (
            f"the topic has {found.partition_count} partitions and the ledger was made with "
            f"{pinned.partition_count}, for life: other writers may now choose another partition "
            "for a loan. Restore the topic, or cut over to a new one, and restart."
        )
    return None


def _weaker_settings(name: str, needed: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    faults = []
    for setting, least in needed.items():
        actual = found.get(setting, "unset")
        if not _is_enough(setting, actual=actual, needed=least):
            faults.append(f"{name}: {setting} is {actual}, {least} is needed")
    return faults


def _is_enough(setting: str, *, actual: str, needed: str) -> bool:
    if actual == "unset":
        return False
    if setting in _LASTING:
        lasts_for_ever = int(actual) == _FOR_EVER
        return lasts_for_ever or (int(needed) != _FOR_EVER and int(actual) >= int(needed))
    if setting in _AT_LEAST:
        return int(actual) >= int(needed)
    if setting in _AT_MOST:
        return int(actual) <= int(needed)
    return actual == needed
