"""On a broker with the security of `ops/kafka/` each service can do its work, and no other's."""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from confluent_kafka import KafkaError, Producer
from psycopg.conninfo import make_conninfo
from pydantic import ValidationError

from hpts.cluster import ClusterUnavailable, Reader
from hpts.local.pki import AUTHORITY, Pki
from hpts.migrate import migrate
from hpts.provision import provision
from ingress_api import broker
from ingress_api.publisher import CommandRecord, Publisher
from posting_engine.log import CommandLog
from schemas.cluster import Cluster, refuse_weaker
from schemas.kafka_security import KafkaSecurity, Security
from schemas.signing import SigningKey
from schemas.topics import CHECKPOINTS, COMMANDS, DEAD_LETTERS, OUTCOMES
from tests.local_servers import running
from tests.security.secured_kafka import SecuredKafka

KEY = SigningKey("ours", b"s" * 32, None, datetime(2020, 1, 1, tzinfo=UTC), None)
GROUP = "hpts-posting-engine"
TOLD_WITHIN_S = 30


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, postgres: str) -> Iterator[SecuredKafka]:
    """The broker, its topics made by the administrator and its ACLs by the script."""
    server = SecuredKafka(tmp_path_factory.mktemp("secured") / "data")
    name = f"secured_{uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    dsn = make_conninfo(postgres, dbname=name)
    migrate(dsn)
    with running(server):
        provision(server.bootstrap, dsn, security=server.security("hpts-admin"))
        server.allow()
        yield server


def written(secured: SecuredKafka, user: str, topic: str) -> int | None:
    """The error that a record of this user meets; None where it is taken."""
    told: list[KafkaError | None] = []
    settings = {"bootstrap.servers": secured.bootstrap, "message.timeout.ms": 10_000}
    producer = Producer(settings | {"log_level": 0} | dict(secured.security(user)))
    producer.produce(topic, b"x", partition=0, on_delivery=lambda error, _: told.append(error))
    producer.flush(20)
    [error] = told
    return None if error is None else error.code()


def test_each_writes_what_it_may_and_nothing_else(secured: SecuredKafka) -> None:
    may = {
        "hpts-ingress": {COMMANDS},
        "hpts-engine": {COMMANDS, OUTCOMES, DEAD_LETTERS, CHECKPOINTS},
        "hpts-accruals": {COMMANDS},
    }
    topics = (COMMANDS, OUTCOMES, DEAD_LETTERS, CHECKPOINTS)
    for user, own in may.items():
        taken = {topic for topic in topics if written(secured, user, topic) is None}
        assert taken == own, user


def test_each_sees_that_the_cluster_is_safe_and_the_engine_alone_reads_commands(
    secured: SecuredKafka,
) -> None:
    assert written(secured, "hpts-ingress", COMMANDS) is None
    for user in ("hpts-ingress", "hpts-engine", "hpts-accruals"):
        cluster = Cluster(secured.bootstrap, security=secured.security(user))
        refuse_weaker(cluster, profile="local", durability=None)
    for user in ("hpts-ingress", "hpts-accruals"):
        reader = Reader(secured.bootstrap, security=secured.security(user))
        with pytest.raises(ClusterUnavailable, match=r"[Aa]uthoriz"):
            list(reader.messages(COMMANDS, 0, 0, 1))
    assigned: list[int] = []
    log = CommandLog(
        bootstrap=secured.bootstrap,
        group_id=GROUP,
        instance_id=f"{GROUP}-0",
        on_assign=lambda ids: (assigned.extend(ids), dict.fromkeys(ids, 0))[1],
        on_revoke=lambda _: None,
        security=secured.security("hpts-engine"),
    )
    taken = []
    for _ in range(100):
        taken += log.take(10, 0.3)
        if taken:
            break
    log.close()
    assert assigned
    assert taken


def test_ingress_sends_and_listens_as_it_does_anywhere(secured: SecuredKafka) -> None:
    security = secured.security("hpts-ingress")
    broker.outcome_consumer(secured.bootstrap, 0, security).close()

    async def send() -> int:
        publisher = Publisher(
            secured.bootstrap,
            KEY,
            delivery_timeout_ms=20_000,
            on_fatal=pytest.fail,
            security=security,
        )
        publisher.start()
        record = CommandRecord(
            partition_id=0, key=b"k", value=b"v", reply_partition=0, traceparent=""
        )
        try:
            return await publisher.publish(record)
        finally:
            await publisher.close()

    assert asyncio.run(send()) >= 0


def first_error(secured: SecuredKafka, security: Security) -> int:
    """The code of what a client that connects so is told first."""
    told: list[int] = []
    settings = {"bootstrap.servers": secured.bootstrap, "log_level": 0}
    client = Producer({**settings, **security, "error_cb": lambda error: told.append(error.code())})
    deadline = time.monotonic() + TOLD_WITHIN_S
    while not told:
        assert time.monotonic() < deadline, "it is told nothing"
        client.poll(0.1)
    return told[0]


def test_nobody_gets_in_otherwise(secured: SecuredKafka, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong")
    other = Pki(tmp_path / "other")
    other.prepare()
    stranger = secured.security("hpts-engine", kafka_ca_file=other.certificate_file(AUTHORITY))
    guesser = secured.security("hpts-engine", kafka_sasl_password_file=tmp_path / "wrong")
    assert first_error(secured, {}) in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN)
    assert first_error(secured, stranger) == KafkaError._SSL
    assert first_error(secured, guesser) == KafkaError._AUTHENTICATION


@pytest.mark.parametrize(
    "wrong",
    [
        {"kafka_ca_file": "ca.crt"},
        {"kafka_sasl_username": "x"},
        {"kafka_security_protocol": "SSL"},
        {"kafka_security_protocol": "SASL_PLAINTEXT"},
        {"kafka_security_protocol": "SASL_SSL", "kafka_ca_file": "ca.crt"},
        {"kafka_security_protocol": "SSL", "kafka_ca_file": "a", "kafka_key_file": "b"},
        {"kafka_security_protocol": "SSL", "kafka_ca_file": "a", "kafka_sasl_username": "b"},
    ],
    ids=str,
)
def test_half_a_security_is_none(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        KafkaSecurity(**wrong)  # type: ignore[arg-type]
