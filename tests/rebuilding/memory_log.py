"""Logs in memory and what they come to, on a real Postgres: rebuilding without Kafka."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import psycopg

from hpts.database import administrator
from hpts.rebuilding import schema
from hpts.rebuilding.diff import Comparison, compare
from hpts.rebuilding.digest import digest
from hpts.rebuilding.promoting import Promotion, promote
from hpts.rebuilding.replay import Share, replay_partition
from hpts.rebuilding.source import Facts
from posting_engine.records import Record
from schemas import codec, signing
from schemas.commands import AnyCommand
from schemas.placement import place_of
from schemas.signing import SigningKey
from schemas.topics import SIGNATURE_HEADER
from tests.books import ledger

KEY = SigningKey("ours-1", b"s" * 64, None, datetime(2020, 1, 1, tzinfo=UTC), None)
LEDGER = schema.Ledger(ledger.PARTITIONS, "a topic")
LOAN = ledger.loan_number(1)
HOME = ledger.owner_of(LOAN)


@dataclass
class Log:
    """A log in memory, as a source."""

    records: dict[int, list[Record]] = field(default_factory=dict)
    topic_id: str = "a topic"

    def append(self, command: AnyCommand) -> Record:
        value, (partition_id, key) = codec.encode(command), place_of(command, ledger.PARTITIONS)
        records = self.records.setdefault(partition_id, [])
        headers = ((SIGNATURE_HEADER, signing.sign(KEY, value)),)
        at = ledger.BEGINNING + timedelta(seconds=len(records))
        records.append(Record(partition_id, len(records), at, key, value, headers))
        return records[-1]

    def bases(self) -> Mapping[int, int]:
        return {}

    def bounds(self) -> Mapping[int, tuple[int, int]]:
        return {p: (0, len(self.records.get(p, ()))) for p in range(ledger.PARTITIONS)}

    def read(self, partition_id: int, first: int, end: int) -> Iterator[Record]:
        yield from self.records.get(partition_id, [])[first:end]

    def facts(self) -> Facts:
        return Facts()


@dataclass
class Rebuilt:
    """A ledger without Kafka, and what logs in memory come to on it."""

    admin_dsn: str

    def replay(self, name: str, log: Log, facts: Facts | None = None, *, batch: int = 50) -> str:
        with administrator(self.admin_dsn) as database:
            schema.make(database, name, LEDGER, goes_on=True)
            share = Share(
                source=lambda: log,
                dsn=self.admin_dsn,
                schema=name,
                partition_count=ledger.PARTITIONS,
                ends={p: end for p, (_, end) in log.bounds().items()},
                facts=facts or Facts(),
                batch_records=batch,
            )
            for partition_id in share.ends:
                replay_partition(share, partition_id)
            schema.finish(database, name)
            return digest(database, name).sha256

    def compare(self, one: str, other: str) -> Comparison:
        with administrator(self.admin_dsn) as database:
            return compare(database, one, other)

    def promote(
        self, name: str, *, second: int = 0, despite_differences: bool = False
    ) -> Promotion:
        """Put a rebuild in the place of the live books; each in a `second` of its own."""
        now = ledger.BEGINNING + timedelta(seconds=second)
        with administrator(self.admin_dsn) as database:
            return promote(database, name, (), now=now, despite_differences=despite_differences)

    def ask(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.admin_dsn) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description is not None else []


def paid(amounts: Sequence[int]) -> Log:
    log = Log()
    log.append(ledger.disbursement("open", LOAN))
    for number, amount_minor in enumerate(amounts):
        log.append(ledger.payment(f"pay:{number}", LOAN, amount_minor))
    return log
