"""The ledger's database as its administrator sees it: the only psycopg of the command line.

Owns connecting and passwords. What is asked is in `hpts/sql/`, why in the modules that ask.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from typing import Any, Final

import psycopg
from psycopg import sql

_CONNECT_TIMEOUT_S: Final = 10
_SQL: Final = files("hpts") / "sql"


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
