"""The engine's connection to Postgres: reads of one round trip, and transactions.

The only module that imports psycopg; which statements there are, and what they mean, is `books`'s.

    StoreUnavailable   connection lost, server going down, deadlock, or a commit with a warning (its
                       wait for a standby was cancelled): resync, then try again
    DataRefused        SQLSTATE 22 or 23: the rows themselves are at fault
    Fenced             another process holds a partition: drop everything, rejoin
"""

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.adapt import Dumper, PyFormat
from psycopg.rows import DictRow, dict_row
from psycopg.types.numeric import Int8BinaryDumper

from posting_engine.answers import check, check_fence, told_by
from posting_engine.arrays import Array, declared_arrays, encoded
from posting_engine.packed import PackedArray
from posting_engine.pages import Statement
from posting_engine.positions import DataRefused, StoreUnavailable
from posting_engine.session import APPLICATION, OPTIONS
from posting_engine.statements import STATEMENTS
from schemas.crash_points import crash_point
from schemas.keepalive import KEEPALIVE

_CANCEL_WITHIN_S: Final = 1.5
_IN_BYTES: Final = {"load_accruing_loans", "load_outgoing", "load_entry_hashes"}
"""What answers with so many bytes that they must not be sent as text."""
_ANSWERED: Final = ("load_", "read_", "take_", "end_", "move_", "update_loans")
"""How the names of statements begin that answer with rows."""
_ARRAYS_OF: Final = {text: declared_arrays(text) for text in STATEMENTS.values()}

Connect = Callable[[str], psycopg.Connection[DictRow]]
"""DSN -> a connection in autocommit mode whose rows are dicts."""
Meanwhile = Callable[[], None]


class Store:
    """One connection of the engine's role, made by `connect` whenever there is none.

    Not thread-safe, but for `interrupt`: the worker's thread owns it.
    """

    def __init__(self, dsn: str, connect: Connect | None = None) -> None:
        self._dsn = dsn
        self._connect = connect or connect_as_engine
        self._connection: psycopg.Connection[DictRow] | None = None
        self._warning: str | None = None

    def close(self) -> None:
        """Drop the connection; an open transaction is rolled back by the server."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def interrupt(self) -> None:
        """From another thread: end the statement that the owner waits for, if any answer comes."""
        connection = self._connection
        if connection is not None:
            with suppress(psycopg.Error):
                connection.cancel_safe(timeout=_CANCEL_WITHIN_S)

    def read(self, statements: Sequence[Statement]) -> list[list[dict[str, Any]]]:
        """Run statements in one round trip, each by itself; the rows of each."""
        with self._errors():
            connection = self._connected()
            with connection.pipeline():
                cursors = [
                    connection.execute(STATEMENTS[name], parameters, binary=name in _IN_BYTES)
                    for name, parameters in statements
                ]
            return [
                cursor.fetchall() if name.startswith(_ANSWERED) else []
                for (name, _), cursor in zip(statements, cursors, strict=True)
            ]

    def write(self, statements: Sequence[Statement], meanwhile: Meanwhile, *, keeps: bool) -> None:
        """Run statements in one transaction, the first of which moves the positions, and so fences;
        commit it where it `keeps`. While Postgres works, `meanwhile` is called.
        """
        cursors: list[psycopg.Cursor[DictRow]] = []
        self._warning = None
        with self._errors(), _transaction(connection := self._connected()):
            try:
                # Its end waits for the answers; `sync` may leave what is long unsent, and wait.
                with connection.pipeline():
                    connection.execute(STATEMENTS["begin"])
                    for name, parameters in statements:
                        cursors.append(connection.execute(STATEMENTS[name], parameters))
                    meanwhile()
            except (psycopg.DataError, psycopg.IntegrityError):
                # What was written before us collides with it: no fault of the data.
                check_fence(statements, cursors)
                raise
            check(statements, cursors)
            if not keeps:
                raise psycopg.Rollback
            crash_point("engine-before-commit")
        if self._warning is not None:
            # Committed here, and perhaps not on a standby: what became of it is to be asked.
            raise StoreUnavailable(f"a commit was not confirmed: {self._warning}")

    def _connected(self) -> psycopg.Connection[DictRow]:
        if self._connection is None:
            self._connection = self._connect(self._dsn)
            self._connection.add_notice_handler(self._note_warning)
        return self._connection

    def _note_warning(self, told: psycopg.errors.Diagnostic) -> None:
        if told.severity_nonlocalized == "WARNING":
            self._warning = told.message_primary

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            raise DataRefused(told_by(error)) from error
        except psycopg.Error as error:
            self.close()
            raise StoreUnavailable(str(error)) from error


@contextmanager
def _transaction(connection: psycopg.Connection[DictRow]) -> Iterator[None]:
    """A transaction in two round trips: BEGIN goes along with the statements, in their pipeline;
    COMMIT by itself, once their answers have been looked at.
    """
    try:
        yield
        connection.commit()
    except Exception as error:
        with suppress(psycopg.Error):  # a connection that is broken rolls back by itself
            connection.rollback()
        if not isinstance(error, psycopg.Rollback):
            raise


def connect_as_engine(
    dsn: str, *, options: str = OPTIONS, application: str = APPLICATION
) -> psycopg.Connection[DictRow]:
    """A connection with the settings that the engine's statements are made for."""
    connection = _Connection.connect(
        dsn,
        autocommit=True,
        row_factory=dict_row,
        options=options,
        application_name=application,
        prepare_threshold=0,
        **KEEPALIVE,
    )
    connection.adapters.register_dumper(Array, _ArrayDumper)
    # One width for every other integer: else each mix of widths is another statement to plan.
    connection.adapters.register_dumper(int, Int8BinaryDumper)
    connection.adapters.register_dumper(PackedArray, _PackedArrayDumper)
    return connection


class _PackedArrayDumper(Dumper):
    """Hands over what is packed already; the statement's cast says what it is."""

    format = pq.Format.BINARY

    def dump(self, obj: PackedArray) -> bytes:
        return obj.data


class _Connection(psycopg.Connection[DictRow]):
    """Encodes the arrays that a statement declares (see `arrays`)."""

    def execute(self, query: Any, params: Any = None, **more: Any) -> psycopg.Cursor[DictRow]:
        """Run a statement; numbers that are too large are data at fault, as Postgres would say."""
        try:
            told = params and encoded(params, _ARRAYS_OF.get(query, {}))
        except (struct.error, ValueError) as error:
            raise psycopg.DataError(str(error)) from error
        return super().execute(query, told, **more)


class _ArrayDumper(Dumper):
    format = pq.Format.BINARY

    def get_key(self, obj: Array, format: PyFormat) -> Any:  # noqa: A002, ARG002  # the base's
        return (Array, obj.type_oid)

    def upgrade(self, obj: Array, format: PyFormat) -> "Dumper":  # noqa: A002, ARG002
        dumper = type(self)(Array)
        dumper.oid = obj.type_oid
        return dumper

    def dump(self, obj: Array) -> bytes:
        return obj.encoded
