"""Makes the topics, or refuses the ones there are by name, and pins the ledger to them.

Owns what a topic must be like for money to be safe in it. It never alters or removes a topic: a
setting that is too weak is an operator's to mend. Producers ask for acks=all themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from hpts.cluster import Cluster, NewTopicInCluster, TopicInCluster
from hpts.database import Administrator, administrator
from schemas.topics import COMMANDS, OUTCOMES, TOPICS, Topic

PARTITIONS: Final = 12
GROUP_ID: Final = "hpts-posting-engine"
_REPLICAS: Final = 3
_MIN_IN_SYNC: Final = 2
_FOR_EVER: Final = -1
_LASTING: Final = ("retention.ms", "retention.bytes")
_AT_LEAST: Final = ("min.insync.replicas",)
_AT_MOST: Final = ("flush.messages",)


class TopicsRefused(Exception):
    """Topics that are not what the ledger needs. The message has a line for each fault."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a topic must at least be like; `default_replicas`: the cluster chooses how many."""

    topic: Topic
    partitions: int
    replicas: int
    settings: Mapping[str, str]
    default_replicas: bool = False

    def to_make(self) -> NewTopicInCluster:
        """The topic as it is made where there is none."""
        replicas = None if self.default_replicas else self.replicas
        return NewTopicInCluster(self.topic.name, self.partitions, replicas, self.settings)


def provision(
    bootstrap: str,
    admin_dsn: str,
    *,
    profile: str = "local",
    durability: str | None = None,
    partition_count: int | None = None,
) -> None:
    """Make or check the topics, then pin them and give every partition its position.

    `profile` is `local` (one replica will do) or another; `durability` is `power` or None.
    `partition_count` None: as pinned, else 12. The database must be migrated. Raises
    `TopicsRefused`, `ClusterUnavailable` or `DatabaseRefused`; safe to run at any time.
    """
    cluster = Cluster(bootstrap)
    with administrator(admin_dsn) as database:
        pinned = database.ask("load_pinned")
        count, commands_topic_id = pinned[0] if pinned else (partition_count or PARTITIONS, None)
        if partition_count not in (None, count):
            raise TopicsRefused(
                f"the ledger is pinned to {count} partitions, which never change; "
                f"{partition_count} were asked for."
            )
        wanted = requirements(count, profile=profile, durability=durability)
        found = cluster.describe(w.topic.name for w in wanted)
        if commands_topic_id is not None:
            _refuse_another_log(commands_topic_id, found.get(COMMANDS))
        _refuse_weaker(wanted, found)
        missing = [w.to_make() for w in wanted if w.topic.name not in found]
        cluster.create(missing)
        found |= cluster.describe(topic.name for topic in missing)
        _refuse_weaker(wanted, found)
        _pin(database, count, found)


def requirements(partition_count: int, *, profile: str, durability: str | None) -> list[Wanted]:
    """What each topic must be like: three replicas, two in sync, unless the run is local or
    every record is flushed to disk (`durability` `power`).
    """
    is_flushed = durability == "power"
    is_replicated = profile != "local" and not is_flushed
    wanted = []
    for topic in TOPICS:
        settings = dict(topic.settings)
        settings["unclean.leader.election.enable"] = "false"
        if is_replicated:
            settings["min.insync.replicas"] = str(_MIN_IN_SYNC)
        if is_flushed and topic.name == COMMANDS:
            settings["flush.messages"] = "1"
        wanted.append(
            Wanted(
                topic,
                topic.partitions or partition_count,
                _REPLICAS if is_replicated else 1,
                settings,
                default_replicas=profile != "local" and is_flushed,
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
    for setting, needed in wanted.settings.items():
        actual = found.settings.get(setting, "unset")
        if not _is_enough(setting, actual=actual, needed=needed):
            faults.append(f"{name}: {setting} is {actual}, {needed} is needed")
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


def _refuse_weaker(wanted: list[Wanted], found: Mapping[str, TopicInCluster]) -> None:
    faults = [
        fault
        for requirement in wanted
        if requirement.topic.name in found
        for fault in weaker(requirement, found[requirement.topic.name])
    ]
    if faults:
        raise TopicsRefused(
            "topics are weaker than the ledger needs:\n  " + "\n  ".join(faults) + "\n"
            "Alter them (kafka-configs, kafka-reassign-partitions), then run the command again. "
            "A partition count cannot be altered: make a new topic before it is used."
        )


def _refuse_another_log(pinned_id: str, commands: TopicInCluster | None) -> None:
    """The books follow one log. Another in its place would be applied from its middle, or lost."""
    actual = "missing" if commands is None else f"{commands.topic_id}"
    if actual != pinned_id:
        raise TopicsRefused(
            f"{COMMANDS}: the books belong to the topic with id {pinned_id}; on this cluster it is "
            f"{actual}. Point at the cluster that has it, or restore it; nothing was made."
        )


def _pin(database: Administrator, count: int, found: Mapping[str, TopicInCluster]) -> None:
    commands_topic_id = found[COMMANDS].topic_id
    with database.whole():
        database.ask(
            "pin_ledger",
            partition_count=count,
            group_id=GROUP_ID,
            commands_topic_id=commands_topic_id,
            outcomes_topic_id=found[OUTCOMES].topic_id,
        )
        database.ask("insert_partitions", partition_count=count, topic_id=commands_topic_id)
