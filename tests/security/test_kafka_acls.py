"""On a broker with the security of `ops/kafka/` each service can do its work, and no other's."""

import asyncio
import ssl
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import faust
import psycopg
import pytest
from confluent_kafka import KafkaError, Producer
from psycopg.conninfo import make_conninfo
from pydantic import ValidationError

from deliveries.topic import ends_of
from hpts.cluster import ClusterUnavailable, Reader
from hpts.local import ports
from hpts.local.ledger import as_role
from hpts.local.pki import AUTHORITY, SERVER, Pki
from hpts.migrate import migrate
from hpts.provision import provision
from ingress_api import broker
from ingress_api.publisher import CommandRecord, Publisher
from posting_engine.books import Books
from posting_engine.log import CommandLog
from reconciliation.witness import NotForFaust, credentials_of
from schemas.cluster import Cluster, refuse_weaker
from schemas.kafka_security import KafkaSecurity, Security
from schemas.signing import SigningKey
from schemas.topics import CHECKPOINTS, COMMANDS, DEAD_LETTERS, JOURNAL, OUTCOMES
from tests.books.ledger import PARTITIONS, LogOfCommands, apply, disbursement, loan_number
from tests.faults.own_ledger import spawn, until
from tests.local_servers import running
from tests.security.secured_kafka import SecuredKafka

KEY = SigningKey("ours", b"s" * 32, None, datetime(2020, 1, 1, tzinfo=UTC), None)
GROUP = "hpts-posting-engine"
TOLD_WITHIN_S = 30
ROLES = ("hpts_engine", "hpts_deliveries", "hpts_reconciliation")
PASSWORD = "of-a-test"


@pytest.fixture(scope="module")
def books(postgres: str) -> str:
    """The administrator's DSN of a database of this module's own."""
    name = f"secured_{uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    dsn = make_conninfo(postgres, dbname=name)
    migrate(dsn, dict.fromkeys(ROLES, PASSWORD))
    return dsn


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, books: str) -> Iterator[SecuredKafka]:
    """The broker, its topics made by the administrator and its ACLs by the script."""
    server = SecuredKafka(tmp_path_factory.mktemp("secured") / "data")
    with running(server):
        admin = server.security("hpts-admin")
        provision(server.bootstrap, books, security=admin, partition_count=PARTITIONS)
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
        "hpts-deliveries": set(),
        "hpts-reconciliation": set(),
    }
    topics = (COMMANDS, OUTCOMES, DEAD_LETTERS, CHECKPOINTS)
    for user, own in may.items():
        taken = {topic for topic in topics if written(secured, user, topic) is None}
        assert taken == own, user
    for user in {*may} - {"hpts-deliveries"}:
        assert written(secured, user, JOURNAL) == KafkaError.TOPIC_AUTHORIZATION_FAILED, user


def test_each_sees_that_the_cluster_is_safe_and_the_engine_alone_reads_commands(
    secured: SecuredKafka,
) -> None:
    assert written(secured, "hpts-ingress", COMMANDS) is None
    for user in ("hpts-ingress", "hpts-engine", "hpts-accruals"):
        cluster = Cluster(secured.bootstrap, security=secured.security(user))
        refuse_weaker(cluster, profile="local", durability=None)
    for user in ("hpts-ingress", "hpts-accruals", "hpts-deliveries", "hpts-reconciliation"):
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


def test_the_journal_is_published_and_witnessed_by_who_may_do_that_and_no_more(
    secured: SecuredKafka, books: str, tmp_path: Path
) -> None:
    log = LogOfCommands()
    for number in range(20):
        log.send(disbursement(f"loan-{number}", loan_number(number)))
    apply(Books(as_role(books, "hpts_engine", PASSWORD)), log, [7])
    shared = {
        "HPTS_HOST": ports.HOST,
        "HPTS_KAFKA_BOOTSTRAP": secured.bootstrap,
        "HPTS_PROFILE": "local",
        "HPTS_RECONCILIATION_INTERVAL_S": "1",
    }
    for name in ("deliveries", "reconciliation"):
        shared[f"HPTS_{name.upper()}_PORT"] = str(ports.free_port())
        shared[f"HPTS_{name.upper()}_POSTGRES_DSN"] = as_role(books, f"hpts_{name}", PASSWORD)
    services = [
        spawn(name, name, tmp_path / name, shared | secured.variables(f"hpts-{name}"))
        for name in ("deliveries", "reconciliation")
    ]
    try:
        until(
            lambda: witnessed(books) == ("ok", 20),
            seconds=60,
            told=lambda: "".join(service.said() for service in services),
        )
        # Begun anew, the publisher reads where the topic ends: that is allowed, too.
        assert services[0].stop() == 0
        found = ends_of(secured.bootstrap, range(PARTITIONS), secured.security("hpts-deliveries"))
        assert sum(ends.last[0] for ends in found.values() if ends.last) == 20
    finally:
        for service in services:
            if not service.has_ended:
                service.stop()

    said = [line for service in services for line in service.said().splitlines()]
    assert not [line for line in said if "uthorization" in line]


def witnessed(admin_dsn: str) -> tuple[str, int] | None:
    """What the last run that has ended came to, and at how many entries."""
    with psycopg.connect(admin_dsn) as connection:
        row = connection.execute(
            "SELECT status, positions FROM hpts_edge.reconciliation_runs"
            " WHERE finished_at IS NOT NULL ORDER BY run_id DESC LIMIT 1"
        ).fetchone()
    return None if row is None else (row[0], sum(row[1].values()))


def is_told(secured: SecuredKafka, security: Security, *codes: int) -> bool:
    """Whether a client that connects so is told one of these; a slow broker may cut it first."""
    told: list[int] = []
    settings = {"bootstrap.servers": secured.bootstrap, "log_level": 0}
    client = Producer({**settings, **security, "error_cb": lambda error: told.append(error.code())})
    deadline = time.monotonic() + TOLD_WITHIN_S
    while not set(codes) & set(told) and time.monotonic() < deadline:
        client.poll(0.1)
    return bool(set(codes) & set(told))


def test_nobody_gets_in_otherwise(secured: SecuredKafka, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("wrong")
    other = Pki(tmp_path / "other")
    other.prepare()
    stranger = secured.security("hpts-engine", kafka_ca_file=other.certificate_file(AUTHORITY))
    guesser = secured.security("hpts-engine", kafka_sasl_password_file=tmp_path / "wrong")
    assert is_told(secured, {}, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN)
    assert is_told(secured, stranger, KafkaError._SSL)
    assert is_told(secured, guesser, KafkaError._AUTHENTICATION)


def test_faust_checks_certificates_and_names_as_the_others_do(secured: SecuredKafka) -> None:
    login = credentials_of(secured.security("hpts-reconciliation"))
    assert isinstance(login, faust.SASLCredentials)
    assert (login.protocol.value, login.mechanism.value) == ("SASL_SSL", "SCRAM-SHA-512")
    own = secured.pki.certificate_file(SERVER), secured.pki.key_file(SERVER)
    with_certificate = KafkaSecurity(
        kafka_security_protocol="SSL",
        kafka_ca_file=secured.pki.certificate_file(AUTHORITY),
        kafka_certificate_file=own[0],
        kafka_key_file=own[1],
    )
    certified = credentials_of(with_certificate.kafka_security)
    assert isinstance(certified, faust.SSLCredentials)
    for context in (login.ssl_context, certified.context):
        assert context is not None
        assert context.check_hostname
        assert context.verify_mode == ssl.CERT_REQUIRED
    assert credentials_of({}) is None


def test_what_faust_cannot_do_is_refused_before_it_starts(
    secured: SecuredKafka, tmp_path: Path
) -> None:
    wanted = secured.security("hpts-reconciliation")
    never = {"enable.ssl.certificate.verification": "false"}
    for changed in (never, {"sasl.mechanism": "X"}, {"ssl.crl.location": "x"}):
        with pytest.raises(NotForFaust):
            credentials_of({**wanted, **changed})
    locked = tmp_path / "locked.key"
    subprocess.run(
        [
            *("openssl", "pkey", "-in", secured.pki.key_file(SERVER), "-out", locked),
            *("-aes256", "-passout", "pass:secret"),
        ],
        check=True,
    )
    settings = {
        "HPTS_KAFKA_BOOTSTRAP": secured.bootstrap,
        "HPTS_RECONCILIATION_POSTGRES_DSN": "postgresql://nowhere",
        "HPTS_KAFKA_CERTIFICATE_FILE": str(secured.pki.certificate_file(SERVER)),
        "HPTS_KAFKA_KEY_FILE": str(locked),
        **secured.variables("hpts-reconciliation"),
    }
    service = spawn("reconciliation", "reconciliation", tmp_path / "log", settings)
    assert service.process.wait(30) == 2
    assert "HPTS_KAFKA_KEY_FILE has a passphrase" in service.said()


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
