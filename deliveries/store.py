"""The deliveries' sessions with Postgres: statements, transactions, and what a session holds.

The only module here that imports psycopg. A `Store` is one session, owned by one thread; being the
only one to do a kind of work is an advisory lock of that very session (`hold`): it ends with the
session, however that ends, and nothing that the session wrote for the work can be committed
afterwards (docs/decisions/0045).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.adapt import Buffer, Loader
from psycopg.rows import dict_row

from schemas.keepalive import KEEPALIVE

Row = dict[str, Any]

SQL: Final = {
    file.name.removesuffix(".sql"): file.read_bytes()
    for file in (files("deliveries") / "sql").iterdir()
    if file.name.endswith(".sql")
}
"""Statement name -> its text."""

_OPTIONS: Final = (
    # Look-ups by key, in the books' order, are always right here.
    "-c search_path=hpts,hpts_edge -c timezone=UTC -c plan_cache_mode=force_generic_plan "
    "-c enable_hashjoin=off -c enable_mergejoin=off -c jit=off "
    # A process that stands still must not hold anything: whoever works says something each second.
    "-c idle_session_timeout=10s -c idle_in_transaction_session_timeout=5s "
    "-c statement_timeout=60s -c lock_timeout=10s"
)


class StoreUnavailable(Exception):
    """Postgres did not answer, or holds no books: what the session held is lost; try again."""


class Store:
    """One session of the deliveries' role, made whenever there is none; its thread owns it.

    Every method raises `StoreUnavailable`.
    """

    def __init__(self, dsn: str, *, application: str, has_raw_ids: bool = False) -> None:
        """`has_raw_ids`: ids in rows are 16 bytes, as Avro has them; making UUIDs costs more than
        all else where rows are many.
        """
        self._dsn = dsn
        self._has_raw_ids = has_raw_ids
        self._application = application
        self._connection: psycopg.Connection[Row] | None = None

    def close(self) -> None:
        """End the session: what it held is free at once."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def rows(self, statement: str, **parameters: Any) -> list[Row]:
        """Run `sql/STATEMENT.sql` by itself; its rows."""
        with self._errors():
            return self._run(self._connected(), statement, parameters)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is run inside is one transaction."""
        with self._errors(), self._connected().transaction():
            yield

    def hold(self, kind: int, ids: Iterable[int]) -> list[int]:
        """Of these, what nobody else holds: now this session does, until it ends."""
        return [row["id"] for row in self.rows("try_hold", kind=kind, ids=list(ids))]

    def _run(
        self, connection: psycopg.Connection[Row], statement: str, parameters: dict[str, Any]
    ) -> list[Row]:
        cursor = connection.execute(SQL[statement], parameters or None, binary=True, prepare=True)
        return cursor.fetchall() if cursor.description is not None else []

    def _connected(self) -> psycopg.Connection[Row]:
        if self._connection is None:
            self._connection = psycopg.Connection[Row].connect(
                self._dsn,
                autocommit=True,
                row_factory=dict_row,
                options=_OPTIONS,
                application_name=self._application,
                **KEEPALIVE,
            )
            if self._has_raw_ids:
                self._connection.adapters.register_loader("uuid", _RawUuid)
        return self._connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            self.close()
            raise StoreUnavailable(str(error)) from error


class _RawUuid(Loader):
    format = pq.Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def partition_count_in(store: Store) -> int:
    """What the ledger was pinned to. Raises `StoreUnavailable`."""
    for row in store.rows("load_settings"):
        return int(row["partition_count"])
    raise StoreUnavailable("the database has no ledger yet: run `hpts migrate`")
