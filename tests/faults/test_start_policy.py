"""What is too weak for money is refused by name, by whoever would serve it."""

from typing import Any

import pytest
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
)

import ingress_api.settings
import posting_engine.settings
from hpts.cluster import Cluster
from hpts.provision import TopicsRefused, provision
from schemas.topic_policy import weaker_broker
from schemas.topics import COMMANDS, OUTCOMES
from tests.faults.own_ledger import OwnLedger, until

WEAK = [
    (COMMANDS, "retention.ms", "604800000"),
    (COMMANDS, "retention.bytes", "1073741824"),
    (COMMANDS, "cleanup.policy", "compact"),
    (COMMANDS, "message.timestamp.type", "CreateTime"),
    (COMMANDS, "unclean.leader.election.enable", "true"),
    (COMMANDS, "max.message.bytes", "100000"),
    (COMMANDS, "compression.type", "zstd"),
    (OUTCOMES, "retention.ms", "1000"),
]


def alter(own: OwnLedger, topic: str, setting: str, value: str) -> None:
    entry = ConfigEntry(
        setting,
        value,
        source=ConfigSource.DYNAMIC_TOPIC_CONFIG,
        incremental_operation=AlterConfigOpType.SET,
    )
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    [answer] = own.admin.incremental_alter_configs([resource]).values()
    answer.result(timeout=10)


def faults_of(own: OwnLedger, **policy: Any) -> str:
    return "\n".join(Cluster(own.bootstrap).faults(**policy))


def test_every_weak_setting_is_named_at_once(own: OwnLedger) -> None:
    for weak in WEAK:
        alter(own, *weak)

    engine = own.engine(is_ready=False)
    until(lambda: engine.has_ended, seconds=30, told=engine.said)
    api = own.api(is_ready=False)
    until(lambda: "weaker than the ledger needs" in str(own.health(api)), seconds=30)
    with pytest.raises(TopicsRefused) as refused:
        provision(own.bootstrap, own.admin_dsn)

    assert engine.process.returncode == 1
    for told in (engine.said(), str(own.health(api)), str(refused.value)):
        for topic, setting, value in WEAK:
            assert f"{topic}: {setting} is {value}, " in told
    assert own.held_by(engine) == 0
    # Mended, ingress goes on by itself.
    for topic, setting, _ in WEAK:
        alter(own, topic, setting, GOOD[setting])
    alter(own, OUTCOMES, "retention.ms", "3600000")
    own.engine()
    until(lambda: own.health(api)[0] == 200, seconds=30, told=lambda: str(own.health(api)))


GOOD = {
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "cleanup.policy": "delete",
    "message.timestamp.type": "LogAppendTime",
    "unclean.leader.election.enable": "false",
    "max.message.bytes": "1048588",
    "compression.type": "uncompressed",
}


@pytest.mark.parametrize("weak", WEAK, ids=lambda weak: f"{weak[0]} {weak[1]}")
def test_each_weak_setting_is_refused_alone(own: OwnLedger, weak: tuple[str, str, str]) -> None:
    assert faults_of(own, profile="local", durability=None) == ""
    alter(own, *weak)
    topic, setting, value = weak
    # The broker answers a change before everybody sees it.
    until(lambda: faults_of(own, profile="local", durability=None) != "", seconds=10)
    told = faults_of(own, profile="local", durability=None)
    assert told.startswith(f"{topic}: {setting} is {value}, ")
    assert "\n" not in told


def test_one_replica_is_for_local_runs_or_flushed_commands(own: OwnLedger) -> None:
    engine = own.engine(is_ready=False, HPTS_PROFILE="production")
    until(lambda: engine.has_ended, seconds=30)
    assert f"{COMMANDS}: 1 replicas, at least 3 are needed" in engine.said()
    assert f"{COMMANDS}: min.insync.replicas is 1, 2 is needed" in engine.said()

    flushed = {"HPTS_PROFILE": "production", "HPTS_DURABILITY": "power"}
    engine = own.engine(is_ready=False, **flushed)
    until(lambda: engine.has_ended, seconds=30)
    assert f"{COMMANDS}: flush.messages is 9223372036854775807, 1 is needed" in engine.said()

    alter(own, COMMANDS, "flush.messages", "1")
    assert own.held_by(own.engine(**flushed)) == 12


def test_who_did_not_choose_a_profile_is_not_local() -> None:
    for settings in (posting_engine.settings.Settings, ingress_api.settings.Settings):
        assert settings.model_fields["profile"].default == "production"
        assert settings.model_fields["durability"].default == ""


def test_a_durability_that_nobody_knows_is_none(own: OwnLedger) -> None:
    engine = own.engine(is_ready=False, HPTS_DURABILITY="power-cut")
    until(lambda: engine.has_ended, seconds=30)
    assert engine.process.returncode == 2
    assert "durability" in engine.said()


def test_a_topic_that_is_missing_is_named(own: OwnLedger) -> None:
    own.remove_topics(OUTCOMES)
    told = faults_of(own, profile="local", durability=None)
    assert told == f"{OUTCOMES}: there is no such topic; run `hpts migrate`"


def test_a_broker_that_makes_topics_is_refused_outside_local() -> None:
    careless = {"auto.create.topics.enable": "true"}
    assert weaker_broker(7, careless, profile="production") == [
        "broker 7: auto.create.topics.enable is true, false is needed"
    ]
    assert weaker_broker(7, careless, profile="local") == []


def test_our_own_broker_makes_no_topics(own: OwnLedger) -> None:
    assert Cluster(own.bootstrap).faults_of_brokers("production") == []
