"""Makes the topics, or refuses the ones there are by name, and pins the ledger to them.

What a topic must be like for money to be safe in it is `schemas.topic_policy`'s. This module never
alters or removes a topic: a setting that is too weak is an operator's to mend.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from hpts.cluster import Cluster, NewTopicInCluster, TopicInCluster
from hpts.database import Administrator, administrator
from schemas.kafka_security import PLAINTEXT, Security
from schemas.topic_policy import Wanted, requirements, weaker
from schemas.topics import COMMANDS, OUTCOMES

PARTITIONS: Final = 12
GROUP_ID: Final = "hpts-posting-engine"


class TopicsRefused(Exception):
    """Topics that are not what the ledger needs. The message has a line for each fault."""


def provision(
    bootstrap: str,
    admin_dsn: str,
    *,
    profile: str = "local",
    durability: str | None = None,
    partition_count: int | None = None,
    security: Security = PLAINTEXT,
) -> None:
    """Make or check the topics, then pin them and give every partition its position.

    `profile` is `local` (one replica will do) or another; `durability` is `power` or None.
    `partition_count` None: as pinned, else 12. The database must be migrated. Raises
    `TopicsRefused`, `ClusterUnavailable` or `DatabaseRefused`; safe to run at any time.
    """
    cluster = Cluster(bootstrap, security=security)
    with administrator(admin_dsn) as database:
        pinned = database.ask("load_pinned")
        count, commands_topic_id = pinned[0] if pinned else (partition_count or PARTITIONS, None)
        if partition_count not in (None, count):
            raise TopicsRefused(
                f"the ledger is pinned to {count} partitions, which never change; "
                f"{partition_count} were asked for."
            )
        if commands_topic_id is not None:
            _refuse_another_log(commands_topic_id, cluster.describe([COMMANDS]).get(COMMANDS))
        wanted = requirements(count, profile=profile, durability=durability)
        _pin(database, count, made(cluster, wanted, profile=profile))


def made(
    cluster: Cluster, wanted: Sequence[Wanted], *, profile: str
) -> Mapping[str, TopicInCluster]:
    """The topics that are wanted, by name; made where they are missing. Raises `TopicsRefused`
    where they or the brokers are weaker, and `ClusterUnavailable`.
    """
    found = cluster.describe(w.topic.name for w in wanted)
    _refuse_weaker_brokers(cluster, profile)
    _refuse_weaker(wanted, found)
    missing = [to_make(w) for w in wanted if w.topic.name not in found]
    cluster.create(missing)
    found |= cluster.describe(topic.name for topic in missing)
    _refuse_weaker(wanted, found)
    return found


def to_make(wanted: Wanted) -> NewTopicInCluster:
    """The topic as it is made where there is none."""
    replicas = None if wanted.default_replicas else wanted.replicas
    return NewTopicInCluster(wanted.topic.name, wanted.partitions, replicas, wanted.settings)


def _refuse_weaker(wanted: Sequence[Wanted], found: Mapping[str, TopicInCluster]) -> None:
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


def _refuse_weaker_brokers(cluster: Cluster, profile: str) -> None:
    faults = cluster.faults_of_brokers(profile)
    if faults:
        raise TopicsRefused(
            "brokers are weaker than the ledger needs:\n  " + "\n  ".join(faults) + "\n"
            "Alter their configuration, restart them, then run the command again."
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
