"""What the read edge's store does when Postgres gives no answer."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from read_api import store
from read_api.store import Snapshot, Store, StoreUnavailable

NOBODY = UUID(int=0)


@pytest.fixture
def reader_dsn(migrated_dsn: str, reader_dsn_of: Callable[[str], str]) -> str:
    return reader_dsn_of(migrated_dsn)


async def read(dsn: str, work: Callable[[Snapshot], Any]) -> Any:
    books = Store(dsn, 1)
    await books.open()
    try:
        return await books.read(NOBODY, work)
    finally:
        await books.close()


def test_a_statement_that_takes_too_long_is_not_begun_again(
    reader_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_OPTIONS", "-c statement_timeout=100")
    monkeypatch.setitem(store.SQL, "wait", "SELECT pg_sleep(20)")
    begun = []

    async def wait(snapshot: Snapshot) -> None:
        begun.append(snapshot)
        await snapshot.rows("wait")

    with pytest.raises(StoreUnavailable):
        asyncio.run(read(reader_dsn, wait))
    assert len(begun) == 1


def test_a_broken_connection_is_replaced_once(
    reader_dsn: str, migrated_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(store.SQL, "backend", "SELECT pg_backend_pid() AS pid")
    begun = []

    async def break_first(snapshot: Snapshot) -> list[dict[str, Any]]:
        rows = await snapshot.rows("backend")
        begun.append(rows[0]["pid"])
        if len(begun) == 1:
            with psycopg.connect(migrated_dsn, autocommit=True) as admin:
                admin.execute("SELECT pg_terminate_backend(%s, 5000)", (begun[0],))
        return await snapshot.rows("backend")

    answer = asyncio.run(read(reader_dsn, break_first))
    assert len(begun) == 2
    assert answer == [{"pid": begun[1]}]
