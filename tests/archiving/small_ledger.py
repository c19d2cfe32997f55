"""A ledger of four partitions on a Kafka and a Postgres of the session; the test is its engine."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from psycopg.conninfo import make_conninfo

from hpts.archiving.archive import Limits, Report, archive
from hpts.archiving.files import Files
from hpts.cluster import Cluster
from hpts.database import administrator
from hpts.migrate import migrate
from hpts.provision import provision
from hpts.rebuilding.source import Facts, LogSource
from hpts.rebuilding.topic import TopicSource
from posting_engine.posting.decide import decide as decide_by_the_rules
from posting_engine.quarantine import Decide
from schemas import codec, signing
from schemas.commands import AnyCommand
from schemas.placement import place_of
from schemas.quarantine import Resolution
from schemas.signing import SigningKey
from schemas.topics import COMMANDS, SIGNATURE_HEADER, TOPICS
from tests.faults.gone_topics import are_gone
from tests.faults.own_ledger import until
from tests.golden.applying import apply_log

PARTITIONS = 4
ENGINE_PASSWORD = "engine-of-a-test"
KEY_VARIABLE = "HPTS_KEY_OF_A_TEST"
KEY = SigningKey(
    "of-a-test", b"a key that only tests know, 32 bytes", None, datetime.now(UTC), None
)


def empty_books(cluster_dsn: str) -> tuple[str, str]:
    """A migrated database with the test's key in the ring; its administrator's and engine's DSN."""
    name = f"ledger_{uuid4().hex}"
    with psycopg.connect(cluster_dsn, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    admin_dsn = make_conninfo(cluster_dsn, dbname=name)
    migrate(admin_dsn, {"hpts_engine": ENGINE_PASSWORD})
    with psycopg.connect(admin_dsn) as connection:
        connection.execute(
            "INSERT INTO hpts_edge.signing_keys (key_id, secret_reference, valid_from)"
            " VALUES (%s, %s, '2020-01-01')",
            [KEY.key_id, f"env:{KEY_VARIABLE}"],
        )
    login = {"dbname": name, "user": "hpts_engine", "password": ENGINE_PASSWORD}
    return admin_dsn, make_conninfo(cluster_dsn, **login)


def begin_partitions(admin_dsn: str, topic_id: str) -> None:
    """Positions at the beginning of a topic's partitions."""
    with psycopg.connect(admin_dsn) as connection:
        connection.execute(
            "INSERT INTO hpts.partitions (partition_id, topic_id)"
            " SELECT number, %s FROM generate_series(0, %s) AS number",
            [topic_id, PARTITIONS - 1],
        )


def remove_topics(bootstrap: str) -> None:
    """Remove ours and wait until they are gone."""
    names = [topic.name for topic in TOPICS]
    admin, cluster = AdminClient({"bootstrap.servers": bootstrap}), Cluster(bootstrap)
    for answer in admin.delete_topics(names).values():
        with suppress(KafkaException):  # there was none
            answer.result(timeout=20)
    until(lambda: are_gone(cluster, names), seconds=20)


@dataclass
class SmallLedger:
    """Topics and a database made anew."""

    bootstrap: str
    cluster_dsn: str
    admin_dsn: str = ""
    decide: Decide = decide_by_the_rules
    keeps_topics: bool = False
    _transactions: int = field(default=0)

    def __post_init__(self) -> None:
        self.admin_dsn, _ = empty_books(self.cluster_dsn)
        if not self.keeps_topics:
            remove_topics(self.bootstrap)
        provision(self.bootstrap, self.admin_dsn, partition_count=PARTITIONS)

    @classmethod
    def beside(cls, other: "SmallLedger") -> "SmallLedger":
        """An empty database for the same log."""
        return cls(other.bootstrap, other.cluster_dsn, keeps_topics=True)

    @property
    def topic(self) -> TopicSource:
        return TopicSource(self.bootstrap)

    def send(self, *commands: AnyCommand | Resolution) -> None:
        """Append commands, signed, each where it belongs."""
        producer = Producer({"bootstrap.servers": self.bootstrap})
        for command in commands:
            partition_id, key = place_of(command, PARTITIONS)
            value = codec.encode(command)
            headers = [(SIGNATURE_HEADER, signing.sign(KEY, value)), ("traceparent", b"\xff")]
            producer.produce(COMMANDS, value, key, partition_id, headers=headers)
        assert producer.flush(20) == 0

    def send_raw(self, partition_id: int, values: Iterable[bytes | None]) -> None:
        """Append what is no command."""
        producer = Producer({"bootstrap.servers": self.bootstrap})
        for value in values:
            producer.produce(COMMANDS, value, None, partition_id, headers=[("x", None)])
        assert producer.flush(20) == 0

    def abort(self, partition_id: int, records: int) -> None:
        """Leave an aborted transaction: records that nobody may read, and a marker."""
        self._transactions += 1
        name = f"aborted {self._transactions} {uuid4()}"
        producer = Producer({"bootstrap.servers": self.bootstrap, "transactional.id": name})
        producer.init_transactions(20)
        producer.begin_transaction()
        for number in range(records):
            producer.produce(COMMANDS, str(number).encode(), None, partition_id)
        producer.flush(20)
        producer.abort_transaction(20)

    def apply(self) -> None:
        """Apply what is in the log."""
        apply_log(self.topic, self.admin_dsn, facts=Facts(), decide=self.decide)

    def archive(
        self, files: Files, limits: Limits | None = None, *, topic: LogSource | None = None
    ) -> Report:
        with administrator(self.admin_dsn) as database:
            return archive(topic or self.topic, database, files, limits=limits)

    def trim(self, ends: Mapping[int, int]) -> None:
        """Remove the log's records before these offsets."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        wanted = [TopicPartition(COMMANDS, p, offset) for p, offset in ends.items()]
        for answer in admin.delete_records(wanted).values():
            answer.result(timeout=20)

    def run(self, statement: str) -> None:
        """As somebody who may do everything."""
        with psycopg.connect(self.admin_dsn) as connection:
            connection.execute(statement.encode())
