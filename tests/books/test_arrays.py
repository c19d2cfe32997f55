"""Arrays as we encode them are what Postgres reads, and every declared array is of a known type."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, LiteralString, cast
from uuid import UUID

import pytest

from posting_engine.arrays import array_of, declared_arrays, encoded
from posting_engine.books import Books
from posting_engine.positions import DataRefused
from posting_engine.statements import STATEMENTS
from posting_engine.store import connect_as_engine
from tests.books import ledger

INSTANT = datetime(2026, 11, 26, 5, 4, 3, 123456, tzinfo=UTC)
VALUES: dict[str, list[Any]] = {
    "boolean": [True, False],
    "smallint": [0, -1, 2**15 - 1, -(2**15)],
    "integer": [0, 7, 2**31 - 1, -(2**31)],
    "bigint": [0, -5, 2**63 - 1, -(2**63)],
    "numeric": [0, 10**18],
    "date": [date(1999, 12, 31), date(2000, 1, 1), date(1, 1, 1), date(9999, 12, 31)],
    "timestamptz": [INSTANT, datetime(1970, 1, 1, tzinfo=UTC), INSTANT - timedelta(days=20_000)],
    "uuid": [UUID(int=0), UUID(int=2**128 - 1), UUID("7d3ffb8e-6d2b-4f37-8fd2-6d33b6b2a0c1")],
    "text": ["", "NULL", '{"a", b\\}', "Zoë 借 🏦", " \t\n"],
    "bytea": [b"", b"\0\xff\\", bytes(range(256))],
}


@pytest.mark.parametrize("kind", sorted(VALUES))
@pytest.mark.parametrize("with_nulls", [False, True])
def test_what_is_sent_comes_back(migrated_dsn: str, kind: str, with_nulls: bool) -> None:
    values = [*VALUES[kind], None] * 3 if with_nulls else VALUES[kind] * 3
    query = cast(LiteralString, f"SELECT %(them)b::{kind}[] AS them")
    with connect_as_engine(migrated_dsn) as connection:
        for sent in (values, [], [None, None], values[:1]):
            answer = connection.execute(query, {"them": array_of(kind, sent)}).fetchone()
            assert answer is not None
            assert answer["them"] == sent


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    elsewhere = INSTANT.astimezone(timezone(timedelta(hours=-7)))
    assert array_of("timestamptz", [elsewhere]) == array_of("timestamptz", [INSTANT])


def test_every_array_that_a_statement_declares_can_be_encoded() -> None:
    kinds = {kind for text in STATEMENTS.values() for kind in declared_arrays(text).values()}
    # Row ids are packed always (`packed.row_ids`): they come from arrays, not from Python.
    assert kinds - {"tid"} <= VALUES.keys()


def test_what_is_no_array_stays_as_it_is() -> None:
    declared = {"ids": "uuid"}
    told = encoded({"ids": [UUID(int=1)], "owner": "somebody"}, declared)
    assert told == {"ids": array_of("uuid", [UUID(int=1)]), "owner": "somebody"}


@pytest.mark.parametrize(("partition_id", "key"), [(2**15, "a key"), (0, "a\0key")])
def test_what_no_column_can_hold_is_refused_as_data(
    migrated_dsn: str, partition_id: int, key: str
) -> None:
    wanted = {"partition_ids": [partition_id], "tenant_ids": [UUID(int=1)]}
    books = Books(migrated_dsn)
    with pytest.raises(DataRefused):
        books.store.read([("load_outcomes", wanted | {"idempotency_keys": [key]})])
    assert len(books.positions(range(ledger.PARTITIONS))) == ledger.PARTITIONS
    books.close()
