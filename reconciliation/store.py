"""Reconciliation's sessions with Postgres. The only module here that imports psycopg.

Two kinds: a `Snapshot` reads the books at one instant and can change nothing; a `Notebook` writes
what was found, and nothing of the books (its role could not).
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from itertools import count
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.adapt import Buffer, Loader
from psycopg.rows import dict_row, tuple_row

from schemas.keepalive import KEEPALIVE

Row = dict[str, Any]

SQL: Final = {
    file.name.removesuffix(".sql"): file.read_bytes()
    for file in (files("reconciliation") / "sql").iterdir()
    if file.name.endswith(".sql")
}
"""Statement name -> its text."""

ROWS_AT_ONCE: Final = 2_000
_OPTIONS: Final = (
    "-c search_path=hpts,hpts_edge -c timezone=UTC -c datestyle=ISO -c jit=off "
    # It must not take the machine from payments: one process, and little memory.
    "-c max_parallel_workers_per_gather=0 -c work_mem=16MB"
)
_NUMBERS: Final = count()


_NO_ANSWER: Final = (
    *(psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError),
    # The books are being rebuilt, and will be put in place.
    *(psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName),
)


class StoreUnavailable(Exception):
    """Postgres did not answer, or holds no books just now: try again."""


class Snapshot:
    """The books at one instant. Ids are 16 bytes."""

    def __init__(self, connection: "psycopg.Connection[Row]") -> None:
        self._connection = connection

    def rows(self, statement: str, **parameters: Any) -> list[Row]:
        """All rows of `sql/STATEMENT.sql`."""
        return self._connection.execute(SQL[statement], parameters, binary=True).fetchall()

    def stream(self, statement: str, **parameters: Any) -> Iterator[tuple[Any, ...]]:
        """Its rows as tuples, never more than some thousands of them in memory."""
        name = f"rows_{next(_NUMBERS)}"
        with psycopg.ServerCursor(self._connection, name, row_factory=tuple_row) as cursor:
            cursor.execute(SQL[statement], parameters, binary=True)
            while found := cursor.fetchmany(ROWS_AT_ONCE):
                yield from found


class Notebook:
    """One session for what was found, made whenever there is none; its thread owns it."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.Connection[Row] | None = None

    def close(self) -> None:
        """End the session."""
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
            self._connection = None

    def rows(self, statement: str, **parameters: Any) -> list[Row]:
        """Run `sql/STATEMENT.sql` by itself; its rows. Raises `StoreUnavailable`."""
        try:
            if self._connection is None:
                self._connection = _connected(self._dsn, "hpts-reconciliation/notebook")
            cursor = self._connection.execute(SQL[statement], parameters or None, binary=True)
            return cursor.fetchall() if cursor.description is not None else []
        except _NO_ANSWER as error:
            self.close()
            raise StoreUnavailable(str(error)) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All that is run inside is one transaction. Raises `StoreUnavailable`."""
        try:
            if self._connection is None:
                self._connection = _connected(self._dsn, "hpts-reconciliation/notebook")
            with self._connection.transaction():
                yield
        except _NO_ANSWER as error:
            self.close()
            raise StoreUnavailable(str(error)) from error


@contextmanager
def snapshot(dsn: str) -> Iterator[Snapshot]:
    """The books as they are when the first statement is run. Raises `StoreUnavailable`."""
    try:
        connection = _connected(dsn, "hpts-reconciliation/snapshot", is_reading=True)
        with connection, connection.transaction():
            yield Snapshot(connection)
    except _NO_ANSWER as error:
        raise StoreUnavailable(str(error)) from error


def _connected(dsn: str, name: str, *, is_reading: bool = False) -> "psycopg.Connection[Row]":
    connection = psycopg.Connection[Row].connect(
        dsn,
        autocommit=True,
        row_factory=dict_row,
        options=_OPTIONS,
        application_name=name,
        **KEEPALIVE,
    )
    connection.adapters.register_loader("uuid", _RawUuid)
    if is_reading:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
    return connection


class _RawUuid(Loader):
    """An id as its 16 bytes: making a UUID of each costs more than comparing it."""

    format = pq.Format.BINARY

    def load(self, data: Buffer) -> bytes:
        return bytes(data)
