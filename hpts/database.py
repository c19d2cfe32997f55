"""The ledger's database as its administrator sees it: the only psycopg of the command line.

Owns connecting and passwords. What is asked is in `hpts/sql/`, why in the modules that ask.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from itertools import count
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

_CONNECT_TIMEOUT_S: Final = 10
_SQL: Final = files("hpts") / "sql"
_NUMBERS: Final = count()


class DatabaseRefused(Exception):
    """The database cannot be reached, or refuses what an administrator may do."""


class Administrator:
    """A session of the administrator; each statement is its own transaction unless in `whole`."""

    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]]", dsn: str) -> None:
        self._connection = connection
        self._dsn = dsn

    def ask(self, name: str, /, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run `hpts/sql/NAME.sql`; its rows, empty for a statement without a result."""
        statement = (_SQL / f"{name}.sql").read_bytes()
        cursor = self._connection.execute(statement, parameters or None)
        return cursor.fetchall() if cursor.description is not None else []

    @contextmanager
    def whole(self) -> Iterator[None]:
        """All that is run inside is one transaction."""
        with self._connection.transaction():
            yield

    def run(self, script: str) -> None:
        """Run a script of any number of statements, without parameters."""
        self._connection.execute(script.encode())

    @contextmanager
    def within(self, schema: str) -> Iterator[None]:
        """All that is asked inside is of one schema, and one transaction (or a part of one)."""
        with self._connection.transaction():
            [[before]] = self._connection.execute("SHOW search_path").fetchall()
            self.run(f"SET LOCAL search_path = {schema}, hpts_edge")
            yield
            self.run(f"SET LOCAL search_path = {before}")

    def has_schema(self, name: str) -> bool:
        """Whether there is a schema of this name."""
        return bool(self.ask("find_schema", name=name))

    def comment_of(self, schema: str) -> str | None:
        """What a schema says of itself; None where it says nothing, or is not there."""
        found = self.ask("find_schema", name=schema)
        return found[0][0] if found else None

    def comment(self, schema: str, text: str | None) -> None:
        """Let a schema say something of itself, or nothing any more."""
        self._connection.execute(
            sql.SQL("COMMENT ON SCHEMA {} IS {}").format(sql.Identifier(schema), sql.Literal(text))
        )

    @contextmanager
    def snapshot(self, schema: str) -> Iterator[None]:
        """All that is asked inside sees the books of a schema at one instant, as the engine's role:
        it sees every tenant, and may change nothing of history.
        """
        with self._connection.transaction():
            self.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            self.run(f"SET LOCAL ROLE hpts_engine; SET LOCAL search_path = {schema}, hpts_edge")
            self.run("SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'")
            yield

    def copied(self, query: str) -> Iterator[bytes]:
        """The rows of a query as COPY writes them, a block at a time."""
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY ({query}) TO STDOUT".encode()) as rows,
        ):
            for block in rows:
                yield bytes(block)

    def names_of(self, query: str) -> list[str]:
        """The names of the columns that a query would answer with."""
        described = self._connection.execute(query.encode()).description or []
        return [column.name for column in described]

    @contextmanager
    def another(self) -> Iterator["Administrator"]:
        """One more session of the same administrator."""
        with administrator(self._dsn) as one:
            yield one

    def set_passwords(self, passwords: Mapping[str, str]) -> None:
        """Give each role its password. Only its verifier travels, and can stand in a log."""
        for role, password in passwords.items():
            verifier = self._connection.pgconn.encrypt_password(
                password.encode(), role.encode(), b"scram-sha-256"
            )
            self._connection.execute(
                sql.SQL("ALTER ROLE {} PASSWORD {}").format(
                    sql.Identifier(role), sql.Literal(verifier.decode())
                )
            )


@contextmanager
def administrator(dsn: str) -> Iterator[Administrator]:
    """A session of the administrator. Raises `DatabaseRefused` for what the database refuses."""
    try:
        with psycopg.connect(
            dsn,
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name="hpts",
            options="-c client_min_messages=warning",
        ) as connection:
            yield Administrator(connection, dsn)
    except psycopg.Error as error:
        raise DatabaseRefused(str(error)) from error


class Snapshot:
    """One read-only snapshot of the books, whose statements name no schema."""

    def __init__(self, connection: "psycopg.Connection[tuple[Any, ...]]") -> None:
        self._connection = connection

    @contextmanager
    def twin(self, dsn: str) -> Iterator["Snapshot"]:
        """Another session that sees the very same, for another thread. Raises `DatabaseRefused`."""
        statement = (_SQL / "export_snapshot.sql").read_bytes()
        [(name, path)] = self._connection.execute(statement).fetchall()
        with snapshot(dsn, path.replace(" ", ""), same_as=name) as other:
            yield other

    def rows(self, statement: bytes, *, most: int = 0, **parameters: Any) -> list[dict[str, Any]]:
        """The rows of a statement, by column; where `most` is given, no more than these."""
        name = f"rows_{next(_NUMBERS)}"
        with psycopg.ServerCursor(self._connection, name, row_factory=dict_row) as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchmany(most) if most else cursor.fetchall()

    def stream(
        self, statement: bytes, *, rows_at_once: int, **parameters: Any
    ) -> Iterator[tuple[Any, ...]]:
        """The rows of a statement, never more than some thousands of them in memory."""
        name = f"stream_{next(_NUMBERS)}"
        with psycopg.ServerCursor(self._connection, name) as cursor:
            cursor.execute(statement, parameters, binary=True)
            while found := cursor.fetchmany(rows_at_once):
                yield from found


@contextmanager
def snapshot(
    dsn: str, schemas: str = "hpts,hpts_edge", *, same_as: str | None = None
) -> Iterator[Snapshot]:
    """A read-only snapshot that sees `schemas`, or what an exported one does. Raises
    `DatabaseRefused`.
    """
    try:
        with psycopg.connect(
            dsn,
            connect_timeout=_CONNECT_TIMEOUT_S,
            application_name="hpts",
            options=f"-c search_path={schemas} -c timezone=UTC -c datestyle=ISO "
            "-c extra_float_digits=1 -c jit=off",
        ) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            if same_as is not None:
                connection.execute(
                    sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(same_as))
                )
            yield Snapshot(connection)
    except psycopg.Error as error:
        raise DatabaseRefused(str(error)) from error
