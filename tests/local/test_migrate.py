"""Migrations go forward, once each, and an edited one is refused by name."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from hpts.database import DatabaseRefused
from hpts.migrate import Migration, MigrationRefused, migrate, parse, pending, shipped

FIRST = parse("0001_first.sql", "-- schema: hpts\nCREATE TABLE first ();")
SECOND = parse("0002_second.sql", "-- schema: hpts_edge\nCREATE TABLE second ();")


@pytest.fixture
def new_database(postgres: str) -> Callable[[], str]:
    """Makes an empty database; its administrator's DSN."""

    def make() -> str:
        name = f"empty_{uuid4().hex}"
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return make_conninfo(postgres, dbname=name)

    return make


@pytest.fixture
def empty(new_database: Callable[[], str]) -> str:
    return new_database()


def asked(dsn: str, question: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(question.encode()).fetchall()


def test_every_migration_is_applied_once_in_order(empty: str) -> None:
    assert migrate(empty) == [migration.name for migration in shipped()]
    assert migrate(empty) == []
    assert asked(empty, "SELECT name, sha256 FROM hpts_edge.migrations ORDER BY name") == [
        (migration.name, migration.sha256) for migration in shipped()
    ]


def test_everything_made_belongs_to_an_owner_that_cannot_log_in(empty: str) -> None:
    migrate(empty)

    owners = asked(
        empty,
        """
        SELECT DISTINCT owner.rolname, owner.rolcanlogin, owner.rolsuper, owner.rolbypassrls
        FROM (SELECT nspname, nspowner AS owner FROM pg_namespace
              UNION ALL
              SELECT relnamespace::regnamespace::text, relowner FROM pg_class) AS made
        JOIN pg_roles AS owner ON owner.oid = made.owner
        WHERE nspname IN ('hpts', 'hpts_edge')
        """,
    )
    assert owners == [("hpts_owner", False, False, False)]


def test_the_order_of_application_does_not_show_in_the_result(
    new_database: Callable[[], str],
) -> None:
    at_once, step_by_step = new_database(), new_database()
    migrate(at_once)
    for count in range(1, len(shipped()) + 1):
        migrate(step_by_step, migrations=shipped()[:count])

    columns = """
        SELECT table_schema, table_name, column_name, data_type, is_nullable, column_default
        FROM information_schema.columns WHERE table_schema LIKE 'hpts%' ORDER BY 1, 2, 3
    """
    assert asked(at_once, columns) == asked(step_by_step, columns)
    assert len(asked(at_once, columns)) > 100


def test_two_at_once_apply_each_migration_once(empty: str) -> None:
    with ThreadPoolExecutor(4) as executor:
        applied = list(executor.map(lambda _: migrate(empty), range(4)))

    assert sorted(applied)[-1] == [migration.name for migration in shipped()]
    assert sum(len(names) for names in applied) == len(shipped())


def test_a_migration_changed_after_it_ran_is_refused_by_name(empty: str) -> None:
    migrate(empty)
    edited = [*shipped()]
    edited[1] = replace(edited[1], text=edited[1].text + "-- one word more\n")

    with pytest.raises(MigrationRefused, match=f"{edited[1].name} was changed after"):
        migrate(empty, migrations=edited)


def test_a_migration_that_fails_leaves_nothing_and_can_be_mended(empty: str) -> None:
    wrong = parse(SECOND.name, SECOND.text + "\nSELECT 1 / 0;")

    with pytest.raises(DatabaseRefused, match="division by zero"):
        migrate(empty, migrations=[FIRST, wrong])
    assert asked(empty, "SELECT to_regclass('hpts_edge.second')") == [(None,)]

    assert migrate(empty, migrations=[FIRST, SECOND]) == [SECOND.name]


@pytest.mark.parametrize(
    ("migrations", "applied", "reason"),
    [
        ([FIRST], [FIRST, SECOND], "0002_second.sql is applied and this build does not know it"),
        ([FIRST, SECOND], [SECOND], "0001_first.sql is not applied and a later one is"),
        ([FIRST, replace(FIRST, name="0001_other.sql")], [], "two migrations have one number"),
    ],
)
def test_files_and_database_that_do_not_belong_together_are_refused(
    migrations: list[Migration], applied: list[Migration], reason: str
) -> None:
    with pytest.raises(MigrationRefused, match=reason):
        pending(migrations, {migration.name: migration.sha256 for migration in applied})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("0001_first.sql", "CREATE TABLE first ();"),
        ("0001_first.sql", "-- schema: public\n"),
        ("1_first.sql", "-- schema: hpts\n"),
    ],
)
def test_a_file_that_is_no_migration_is_refused(name: str, text: str) -> None:
    with pytest.raises(MigrationRefused, match=name):
        parse(name, text)


def test_passwords_are_set_and_set_again(empty: str) -> None:
    for password in ("first '\"\\ ß", "second"):
        migrate(empty, {"hpts_reconciliation": password})
        dsn = make_conninfo(empty, user="hpts_reconciliation", password=password)
        assert asked(dsn, "SELECT current_user") == [("hpts_reconciliation",)]

    wrong = make_conninfo(empty, user="hpts_reconciliation", password="first")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(wrong)


def test_a_server_that_does_not_answer_is_named() -> None:
    with pytest.raises(DatabaseRefused, match=r"127\.0\.0\.1"):
        migrate("postgresql://postgres@127.0.0.1:1/hpts")
