"""Every client setting whose default would lose, repeat or skip money is spelled out."""

import ast
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest

from deliveries import topic
from hpts import cluster
from hpts_client import kafka as direct_producer
from ingress_api import broker
from posting_engine import client_settings
from posting_engine.session import OPTIONS
from reconciliation import topic as journal_again

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("ingress_api", "posting_engine", "read_api", "deliveries", "reconciliation")

ENGINE_CONSUMER = {
    "auto.offset.reset": "error",  # F25: a lost position halts, and is never guessed
    "enable.auto.commit": False,  # F18
    "enable.auto.offset.store": False,  # F18
    "isolation.level": "read_committed",  # F38
    "check.crcs": True,  # F34: off by default
    "allow.auto.create.topics": False,  # F15
    "group.protocol": "classic",  # F20: the new protocol lets a cut-off member go on
    "session.timeout.ms": 6_000,
}
PRODUCER = {
    "acks": "all",  # F14
    "enable.idempotence": True,  # F01
    "allow.auto.create.topics": False,  # F15: true by default on the producer
}
OUTCOME_READER = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "allow.auto.create.topics": False,
    "check.crcs": True,
}


def chosen(module: object, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Every dict of settings in a module's source that has `bootstrap.servers` or a name."""
    path = Path(str(getattr(module, "__file__", "")))
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Dict):
            settings = {
                key.value: value.value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant) and isinstance(value, ast.Constant)
            }
            if set(names) <= set(settings):
                found.append(settings)
    return found


def missing(wanted: dict[str, Any], actual: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if actual.get(name) != value}


def test_the_engine_reads_as_it_must() -> None:
    assert missing(ENGINE_CONSUMER, dict(client_settings.CONSUMER_SETTINGS)) == {}


def test_the_engine_s_memory_is_bounded_whatever_the_backlog() -> None:
    settings = client_settings.CONSUMER_SETTINGS
    assert settings["queued.max.messages.kbytes"] <= 65_536
    assert settings["fetch.max.bytes"] <= 16_777_216
    assert client_settings.PRODUCER_SETTINGS["queue.buffering.max.kbytes"] <= 65_536
    assert client_settings.BATCH_BYTES <= 8_388_608


def test_both_producers_wait_for_every_replica_and_make_no_topic() -> None:
    [ingress] = chosen(broker, ("acks", "delivery.timeout.ms")) or chosen(broker, ("acks",))
    assert missing(PRODUCER, ingress) == {}
    assert missing(PRODUCER, dict(client_settings.PRODUCER_SETTINGS)) == {}


def test_the_engine_s_producer_never_gives_a_command_up() -> None:
    assert client_settings.PRODUCER_SETTINGS["message.timeout.ms"] == 0


def test_the_client_writes_and_reads_as_ingress_and_engine_do() -> None:
    assert missing(PRODUCER, dict(direct_producer.PRODUCER_SETTINGS)) == {}
    assert missing(OUTCOME_READER, dict(direct_producer.CONSUMER_SETTINGS)) == {}
    assert direct_producer.PRODUCER_SETTINGS["message.timeout.ms"] == 0


def test_the_reader_of_outcomes_commits_nothing_and_makes_no_topic() -> None:
    [settings] = chosen(broker, ("group.id",))
    assert missing(OUTCOME_READER, settings) == {}


def test_the_command_line_reads_what_is_committed_and_makes_no_topic() -> None:
    wanted = {**OUTCOME_READER, "isolation.level": "read_committed", "auto.offset.reset": "error"}
    assert missing(wanted, dict(cluster.READING)) == {}


def test_the_publisher_of_the_journal_gives_no_entry_up_and_reads_what_is_committed() -> None:
    assert missing(PRODUCER, dict(topic.PRODUCER_SETTINGS)) == {}
    assert topic.PRODUCER_SETTINGS["message.timeout.ms"] == 0
    wanted = {**OUTCOME_READER, "isolation.level": "read_committed", "auto.offset.reset": "error"}
    assert missing(wanted, dict(topic.CONSUMER_SETTINGS)) == {}


def test_the_witness_reads_what_is_committed_and_makes_no_topic() -> None:
    wanted = {**OUTCOME_READER, "isolation.level": "read_committed", "auto.offset.reset": "error"}
    assert missing(wanted, dict(journal_again.CONSUMER_SETTINGS)) == {}


def test_every_client_of_the_services_is_made_with_these_settings() -> None:
    """A `Consumer(...)` or `Producer(...)` elsewhere would have librdkafka's defaults."""
    makers = {
        path.relative_to(ROOT).as_posix()
        for package in (*SERVICES, "schemas", "hpts", "clients")
        for path in (ROOT / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("Consumer", "Producer", "AIOProducer")
    }
    assert makers == {
        *("ingress_api/broker.py", "posting_engine/log.py"),
        *("clients/python/hpts_client/kafka.py", "hpts/cluster.py", "deliveries/topic.py"),
        "reconciliation/topic.py",
    }


def test_the_client_library_is_new_enough() -> None:
    """F27: below 2.13.2 batch consumption could move the position on errors."""
    version = tuple(int(part) for part in confluent_kafka.__version__.split(".")[:3])
    assert version >= (2, 13, 2)
    assert '"confluent-kafka>=2.13.2"' in (ROOT / "pyproject.toml").read_text("utf-8")


@pytest.mark.parametrize(
    "option",
    [
        "synchronous_commit=on",  # F41
        "idle_in_transaction_session_timeout=5s",  # F19: a stopped process keeps no lock
        "statement_timeout=0",  # F42: a commit is never cancelled by a clock
        "timezone=UTC",
    ],
)
def test_the_engine_s_session_commits_durably(option: str) -> None:
    assert option in OPTIONS
