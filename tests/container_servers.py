"""The bare servers from containers, with HPTS_TEST_SERVERS=testcontainers and a Docker engine.

The local servers are the default, and what every run of CI takes. Tests that kill a server, fill
its disk or read its files need a local one and take it whatever this says.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, Literal

from hpts.local import ports

POSTGRES: Final = "postgres:18"
KAFKA: Final = "apache/kafka:4.3.1"
READY_WITHIN_S: Final = 120

Source = Literal["local", "testcontainers"]


def source(environment: Mapping[str, str] = os.environ) -> Source:
    """Where the bare servers come from; raises `ValueError` for a word that is neither."""
    match environment.get("HPTS_TEST_SERVERS", "") or "local":
        case "local":
            return "local"
        case "testcontainers":
            return "testcontainers"
        case other:
            raise ValueError(f"HPTS_TEST_SERVERS is local or testcontainers, not {other!r}")


@contextmanager
def container_postgres() -> Iterator[str]:
    """A database server; the administrator's DSN. Raises the Docker client's error without one."""
    from testcontainers.community.postgres import PostgresContainer

    with PostgresContainer(POSTGRES, username="postgres", dbname="hpts", driver=None) as running:
        yield str(running.get_connection_url())


@contextmanager
def container_kafka() -> Iterator[str]:
    """A broker of one; its bootstrap address. It tells clients the port that it has here."""
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy

    port = ports.free_port()
    broker = DockerContainer(KAFKA).with_bind_ports(9092, port)
    for name, value in kafka_settings(port).items():
        broker = broker.with_env(name, value)
    ready = LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(READY_WITHIN_S)
    with broker.waiting_for(ready):
        yield f"{ports.HOST}:{port}"


def kafka_settings(port: int) -> dict[str, str]:
    """The image's variables for one combined node that listens inside and is reached at `port`."""
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{ports.HOST}:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }
