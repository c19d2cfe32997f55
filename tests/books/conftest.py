"""Ledgers on a real Postgres: one cluster a session, a database of its own for each test."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import psycopg
import pytest

from hpts.local.postgres import PostgresServer
from hpts.migrate import migrate
from tests.books import ledger
from tests.books.breaking import Case
from tests.books.filled_ledger import filled_ledger
from tests.local_servers import folder_of_servers, running

__all__ = ["filled_ledger"]

ENGINE_PASSWORD = "engine-of-a-test"
READER_PASSWORD = "reader-of-a-test"


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """The administrator's DSN of a running, empty cluster."""
    with folder_of_servers() as data_dir:
        server = PostgresServer(data_dir)
        with running(server):
            yield server.admin_dsn


@pytest.fixture(scope="session")
def fresh_ledger(cluster: str) -> Callable[[], tuple[str, str]]:
    """Makes an empty ledger; its administrator's and its engine's DSN."""

    def make() -> tuple[str, str]:
        name = f"ledger_{uuid4().hex}"
        with psycopg.connect(cluster, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        admin_dsn = psycopg.conninfo.make_conninfo(cluster, dbname=name)
        migrate(admin_dsn, {"hpts_engine": ENGINE_PASSWORD, "hpts_reader": READER_PASSWORD})
        with psycopg.connect(admin_dsn) as connection:
            connection.execute(
                (ledger.HERE / "make_partitions.sql").read_text(), [ledger.PARTITIONS - 1]
            )
        engine = {"dbname": name, "user": "hpts_engine", "password": ENGINE_PASSWORD}
        return admin_dsn, psycopg.conninfo.make_conninfo(cluster, **engine)

    return make


@pytest.fixture
def migrated_dsn(fresh_ledger: Callable[[], tuple[str, str]]) -> str:
    """The administrator's DSN of a ledger without a single command."""
    return fresh_ledger()[0]


@pytest.fixture(scope="session")
def reader_dsn_of() -> Callable[[str], str]:
    """From a ledger's administrator's DSN to that of its read edge."""

    def reader_dsn(admin_dsn: str) -> str:
        login = {"user": "hpts_reader", "password": READER_PASSWORD}
        return psycopg.conninfo.make_conninfo(admin_dsn, **login)

    return reader_dsn


@pytest.fixture
def case(fresh_ledger: Callable[[], tuple[str, str]]) -> Iterator[Case]:
    """A ledger to break; sound at the end, whatever was held."""
    made = Case(fresh_ledger())
    yield made
    made.end()
