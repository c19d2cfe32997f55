"""An account at any (booked by, known at) is day totals plus the lines of the last day.

Books of two tenants over five days are made up in a ledger of their own; the read
edge's statements, as its role, are held against the sum of all lines.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.resources import files
from random import Random
from typing import Any, LiteralString, cast
from uuid import UUID, uuid4

import psycopg
import pytest

PARTITIONS = (3001, 3002, 3003)
FIRST_DAY = datetime(2026, 5, 1, tzinfo=UTC)
SQL = files("read_api") / "sql"
INSERT_PARTITION: LiteralString = (
    "INSERT INTO partitions (partition_id, topic_id, last_entry_seq) VALUES (%s, 'x', %s)"
)
INSERT_ENTRY: LiteralString = (
    "INSERT INTO journal_entries VALUES (%s, %s, %s, %s, 0, 'x', %s, %s, %s, %s, %s, NULL,"
    " NULL, 'x', NULL, '{}', 0, decode(repeat('00', 32), 'hex'))"
)
INSERT_LINE: LiteralString = (
    "INSERT INTO journal_lines VALUES (%s, %s, %s, %s, '1000', %s, %s, 'USD', 'SETTLED',"
    " NULL, NULL, NULL, %s)"
)
INSERT_DAY: LiteralString = (
    "INSERT INTO account_days VALUES (%s, %s, '1000', 'USD', 'SETTLED', %s, %s, %s, %s)"
)


@dataclass(frozen=True)
class Line:
    tenant_id: UUID
    partition_id: int
    entry_seq: int
    direction: str
    amount_minor: int
    booked_on: date
    posted_at: datetime


def made_up(seed: int, tenants: tuple[UUID, UUID]) -> list[Line]:
    """Entries of two lines; within a partition, times never go back and often stand still."""
    chance = Random(seed)
    lines = []
    for partition_id in PARTITIONS:
        posted_at = FIRST_DAY
        for entry_seq in range(1, chance.randrange(0, 90)):
            posted_at += chance.choice((timedelta(), timedelta(microseconds=1), timedelta(hours=2)))
            tenant_id, amount_minor = chance.choice(tenants), chance.randrange(1, 1_000)
            booked_on = posted_at.date() - timedelta(days=chance.randrange(0, 3))
            for direction in ("DR", "CR"):
                lines.append(
                    Line(
                        tenant_id,
                        partition_id,
                        entry_seq,
                        direction,
                        amount_minor * (2 if direction == "DR" else 1),
                        booked_on,
                        posted_at,
                    )
                )
    return lines


def write(admin: psycopg.Connection[Any], lines: list[Line]) -> None:
    last = dict.fromkeys(PARTITIONS, 0)
    days: dict[tuple[Any, ...], list[int]] = defaultdict(lambda: [0, 0])
    for line in lines:
        last[line.partition_id] = max(last[line.partition_id], line.entry_seq)
        day = (line.partition_id, line.tenant_id, line.booked_on, line.posted_at.date())
        days[day][line.direction == "CR"] += line.amount_minor
    with admin.cursor() as cursor:
        cursor.executemany(INSERT_PARTITION, list(last.items()))
        cursor.executemany(INSERT_ENTRY, [entry(one) for one in lines if one.direction == "DR"])
        cursor.executemany(INSERT_LINE, [columns(one) for one in lines])
        cursor.executemany(INSERT_DAY, [(*day, *sides) for day, sides in days.items()])


def entry(one: Line) -> tuple[Any, ...]:
    place = (one.partition_id, one.entry_seq, one.tenant_id)
    return (*place, uuid4(), uuid4(), one.booked_on, one.booked_on, one.posted_at, uuid4())


def columns(one: Line) -> tuple[Any, ...]:
    place = (one.partition_id, one.entry_seq, 1 if one.direction == "DR" else 2, one.tenant_id)
    return (*place, one.direction, one.amount_minor, one.booked_on)


@pytest.fixture
def admin(fresh_ledger: Callable[[], tuple[str, str]]) -> Iterator[psycopg.Connection[Any]]:
    admin_dsn, _ = fresh_ledger()
    with psycopg.connect(admin_dsn) as connection:
        connection.execute("SET search_path = hpts, hpts_edge")
        yield connection
        connection.rollback()


def sides(
    reader: psycopg.Connection[Any], tenant_id: UUID, as_of: date, known_at: datetime
) -> tuple[int, int]:
    """Both sides, as the read edge asks for them."""
    names = {
        "partition_ids": list(PARTITIONS),
        "tenant_id": tenant_id,
        "account_code": "1000",
        "currency": "USD",
        "layer": "SETTLED",
        "as_of": as_of,
        "posted_before": known_at.date(),
        "from_instant": datetime.combine(known_at.date(), time(), UTC),
        "to_instant": known_at + timedelta(microseconds=1),
    }
    totals = [0, 0]
    for name in ("sum_account", "sum_accounts_last_day"):
        statement = cast(LiteralString, (SQL / f"{name}.sql").read_text().rstrip().rstrip(";"))
        for _, _, _, *both in reader.execute(statement, names).fetchall():
            totals = [total + int(side or 0) for total, side in zip(totals, both, strict=True)]
    return totals[0], totals[1]


@pytest.mark.parametrize("seed", range(8))
def test_an_account_at_any_pair_is_the_sum_of_its_lines(
    admin: psycopg.Connection[Any], seed: int
) -> None:
    tenants = (uuid4(), uuid4())
    lines = made_up(seed, tenants)
    write(admin, lines)
    admin.execute("SET LOCAL ROLE hpts_reader")
    instants = {line.posted_at for line in lines} | {FIRST_DAY - timedelta(days=1)}
    chosen = Random(seed).sample(sorted(instants), min(12, len(instants)))
    for tenant_id in tenants:
        admin.execute("SELECT set_config('hpts.tenant_id', %s, true)", (str(tenant_id),))
        for known_at in (*chosen, FIRST_DAY + timedelta(days=30)):
            for as_of in (known_at.date() - timedelta(days=1), date.max):
                expected = [0, 0]
                for line in lines:
                    is_known = line.posted_at <= known_at and line.booked_on <= as_of
                    if line.tenant_id == tenant_id and is_known:
                        expected[line.direction == "CR"] += line.amount_minor
                assert sides(admin, tenant_id, as_of, known_at) == tuple(expected)
