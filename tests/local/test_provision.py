"""Topics are made as the ledger needs them, and weaker ones are refused by name."""

import re
from dataclasses import replace

import psycopg
import pytest

from hpts.cluster import Cluster, TopicInCluster
from hpts.provision import GROUP_ID, TopicsRefused, Wanted, provision, requirements, weaker
from schemas.cluster import TopicWatch
from schemas.topic_policy import TopicIdentity
from schemas.topics import COMMANDS, OUTCOMES


def wanted(profile: str = "local", durability: str | None = None) -> Wanted:
    """What the commands topic must be like."""
    return requirements(12, profile=profile, durability=durability)[0]


def good(needs: Wanted) -> TopicInCluster:
    """A topic that is just good enough."""
    return TopicInCluster("an id", needs.partitions, needs.replicas, needs.settings)


def test_the_ledger_is_pinned_to_its_topics(kafka: str, postgres: str) -> None:
    topics = Cluster(kafka).describe([COMMANDS, OUTCOMES])
    commands = topics[COMMANDS]

    with psycopg.connect(postgres) as connection:
        [pinned] = connection.execute(
            "SELECT partition_count, group_id, commands_topic_id, outcomes_topic_id, schema_version"
            " FROM hpts_edge.ledger_settings"
        ).fetchall()
        positions = connection.execute(
            "SELECT partition_id, topic_id, next_offset FROM hpts.partitions ORDER BY 1"
        ).fetchall()
    assert pinned[:4] == (12, GROUP_ID, commands.topic_id, topics[OUTCOMES].topic_id)
    assert pinned[4] >= 4
    assert positions == [(n, commands.topic_id, 0) for n in range(12)]
    assert commands.settings["message.timestamp.type"] == "LogAppendTime"
    assert commands.settings["retention.ms"] == commands.settings["retention.bytes"] == "-1"


def test_the_topic_that_was_pinned_is_found_again(kafka: str, postgres: str) -> None:
    topic_id = Cluster(kafka).describe([COMMANDS])[COMMANDS].topic_id
    right, another = TopicIdentity(topic_id, 12), TopicIdentity("another", 12)
    watches = [TopicWatch(kafka, pinned) for pinned in (right, another, TopicIdentity(topic_id, 6))]
    for watch in watches:
        watch.first()

    assert watches[0].turn() is None
    assert f"has id {topic_id} and these books belong to another" in (watches[1].turn() or "")
    assert "has 12 partitions and the ledger was made with 6" in (watches[2].turn() or "")


def test_provisioning_again_changes_nothing(kafka: str, postgres: str) -> None:
    before = Cluster(kafka).describe([COMMANDS, OUTCOMES])
    provision(kafka, postgres)
    assert Cluster(kafka).describe([COMMANDS, OUTCOMES]) == before


def test_one_replica_is_refused_outside_a_local_run(kafka: str, postgres: str) -> None:
    with pytest.raises(TopicsRefused) as refused:
        provision(kafka, postgres, profile="production")

    assert f"{COMMANDS}: 1 replicas, at least 3 are needed" in str(refused.value)
    assert f"{COMMANDS}: min.insync.replicas is 1, 2 is needed" in str(refused.value)


def test_durability_against_power_cuts_is_refused_on_a_topic_without_it(
    kafka: str, postgres: str
) -> None:
    with pytest.raises(TopicsRefused, match=f"{COMMANDS}: flush.messages is .+, 1 is needed"):
        provision(kafka, postgres, durability="power")


def test_the_partition_count_never_changes(kafka: str, postgres: str) -> None:
    with pytest.raises(TopicsRefused, match="pinned to 12 partitions, which never change"):
        provision(kafka, postgres, partition_count=24)


def test_books_of_another_log_are_refused(kafka: str, postgres: str) -> None:
    forge = "UPDATE hpts_edge.ledger_settings SET commands_topic_id = %s"
    own_id = Cluster(kafka).describe([COMMANDS])[COMMANDS].topic_id
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(forge, ["another"])
        try:
            with pytest.raises(
                TopicsRefused, match=f"topic with id another; .+ {re.escape(own_id)}"
            ):
                provision(kafka, postgres)
        finally:
            connection.execute(forge, [own_id])


@pytest.mark.parametrize("profile", ["local", "production"])
@pytest.mark.parametrize("durability", [None, "power"])
def test_what_is_made_is_good_enough(profile: str, durability: str | None) -> None:
    for needs in requirements(12, profile=profile, durability=durability):
        assert weaker(needs, good(needs)) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("cleanup.policy", "compact"),
        ("cleanup.policy", "compact,delete"),
        ("retention.ms", "604800000"),
        ("retention.bytes", "1073741824"),
        ("message.timestamp.type", "CreateTime"),
        ("unclean.leader.election.enable", "true"),
        ("min.insync.replicas", "1"),
    ],
)
def test_a_weaker_setting_is_refused_by_name(setting: str, value: str) -> None:
    needs = wanted("production")
    found = replace(good(needs), settings={**needs.settings, setting: value})

    faults = weaker(needs, found)
    assert len(faults) == 1
    assert faults[0].startswith(f"{COMMANDS}: {setting} is {value}, ")


def test_fewer_partitions_or_replicas_are_refused() -> None:
    needs = wanted("production")
    found = replace(good(needs), partitions=11, replicas=2)

    assert weaker(needs, found) == [
        f"{COMMANDS}: 11 partitions, not 12",
        f"{COMMANDS}: 2 replicas, at least 3 are needed",
    ]


def test_stronger_settings_are_welcome() -> None:
    needs = requirements(12, profile="production", durability=None)[1]
    found = replace(
        good(needs),
        replicas=5,
        settings={**needs.settings, "retention.ms": "-1", "min.insync.replicas": "3"},
    )

    assert weaker(needs, found) == []
