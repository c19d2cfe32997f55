"""Two walls between tenants: the query's own filter, and row-level security behind it."""

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import Any, LiteralString, cast
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from tests.http import Client

Stack = dict[str, Any]
STATEMENTS = {
    file.name: file.read_text(encoding="utf-8")
    for file in (files("read_api") / "sql").iterdir()
    if file.name.endswith(".sql")
}
FOR_OPERATORS = {"set_operator.sql", "load_operations.sql"}
DEAD_LETTERS = {"list_dead_letters.sql", "count_dead_letters.sql"}
OF_DELIVERIES = {"load_deliveries.sql"}
"""What they read belongs to no tenant; row-level security shows it to operators only."""
OF_THE_WITNESS = {"load_last_reconciliation.sql", "load_last_run.sql"}
"""When it compared the books: those of all tenants, at once."""
WITHOUT_A_TENANT = {
    *("set_tenant.sql", "load_positions.sql"),
    *(FOR_OPERATORS | DEAD_LETTERS | OF_DELIVERIES | OF_THE_WITNESS),
}
BELONGS_TO_NO_TENANT = {"readable_partitions", "readable_dead_letters"}


@pytest.fixture(scope="module")
def reader(stack: Stack) -> Iterator[psycopg.Connection[Any]]:
    """A connection with the rights of the read edge, on books that hold two tenants."""
    for number in (0, 1):
        tenant = Client.of(stack, number)
        tenant.pay(tenant.open_loan(amount_minor="500"), amount_minor="100")
    with psycopg.connect(stack["postgres_dsn"], autocommit=True) as connection:
        connection.execute("SET ROLE hpts_reader")
        connection.execute("SET search_path = hpts, hpts_edge")
        yield connection


def views(reader: psycopg.Connection[Any]) -> list[str]:
    """The views that the reader may see."""
    found = reader.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'v'"
        " AND relnamespace = 'hpts'::regnamespace AND has_table_privilege(oid, 'SELECT')"
    )
    return [name for (name,) in found]


def tenants_in(reader: psycopg.Connection[Any], view: str) -> set[UUID]:
    query = sql.SQL("SELECT DISTINCT tenant_id FROM {}").format(sql.Identifier(view))
    return {tenant for (tenant,) in reader.execute(query)}


def set_tenant(reader: psycopg.Connection[Any], tenant_id: str) -> None:
    statement = cast(LiteralString, STATEMENTS["set_tenant.sql"].rstrip().rstrip(";"))
    reader.execute(statement, {"tenant_id": tenant_id})


def test_every_view_has_the_rights_of_who_asks(reader: psycopg.Connection[Any]) -> None:
    found = reader.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'v' AND relnamespace = 'hpts'::regnamespace"
        " AND NOT coalesce('security_invoker=true' = ANY (reloptions), false)"
    )
    assert found.fetchall() == []
    assert len(views(reader)) >= 6


def test_every_table_that_the_reader_may_see_is_walled(reader: psycopg.Connection[Any]) -> None:
    found = reader.execute(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')"
        " AND relnamespace = 'hpts'::regnamespace"
        " AND (has_table_privilege(oid, 'SELECT') OR has_any_column_privilege(oid, 'SELECT'))"
        " AND NOT (relrowsecurity AND relforcerowsecurity)"
    )
    assert found.fetchall() == []


def test_nothing_is_seen_before_a_tenant_is_named(reader: psycopg.Connection[Any]) -> None:
    for view in set(views(reader)) - BELONGS_TO_NO_TENANT:
        assert tenants_in(reader, view) == set(), view
        with reader.transaction():
            set_tenant(reader, "")
            assert tenants_in(reader, view) == set(), view


def test_only_the_named_tenant_is_seen(reader: psycopg.Connection[Any], stack: Stack) -> None:
    for number in (0, 1):
        tenant_id = stack["clients"][number]["tenant_id"]
        with reader.transaction():
            set_tenant(reader, tenant_id)
            for view in ("readable_loans", "readable_lines", "readable_account_days"):
                assert tenants_in(reader, view) == {UUID(tenant_id)}, view


def test_dead_letters_are_seen_by_operators_only(
    reader: psycopg.Connection[Any], stack: Stack
) -> None:
    count = cast(LiteralString, STATEMENTS["count_dead_letters.sql"].rstrip().rstrip(";"))
    as_operator = cast(LiteralString, STATEMENTS["set_operator.sql"].rstrip().rstrip(";"))
    with psycopg.connect(stack["postgres_dsn"]) as administrator:
        administrator.execute(
            "INSERT INTO hpts.dead_letters VALUES (0, -1, now(), 'a test', NULL, NULL, '[]')"
        )
    with reader.transaction():
        set_tenant(reader, stack["clients"][0]["tenant_id"])
        assert reader.execute(count).fetchone() == (0,)
    with reader.transaction():
        reader.execute(as_operator)
        seen = reader.execute(count).fetchone()
    assert seen is not None
    assert seen[0] > 0
    assert reader.execute(count).fetchone() == (0,)
    with psycopg.connect(stack["postgres_dsn"]) as administrator:
        administrator.execute("DELETE FROM hpts.dead_letters WHERE command_offset = -1")


def test_a_tenant_is_named_for_one_transaction_only(
    reader: psycopg.Connection[Any], stack: Stack
) -> None:
    with reader.transaction():
        set_tenant(reader, stack["clients"][0]["tenant_id"])
        assert tenants_in(reader, "readable_loans")
    assert tenants_in(reader, "readable_loans") == set()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO hpts.closed_periods VALUES (0, gen_random_uuid(), now())",
        "UPDATE hpts.loans SET principal_minor = 0",
        "DELETE FROM hpts.journal_lines",
        "TRUNCATE hpts.journal_entries",
        "SELECT secret_reference FROM hpts_edge.signing_keys",
        "SELECT * FROM hpts_edge.idempotency_reservations",
        "SELECT lease_owner FROM hpts.partitions",
        "ALTER TABLE hpts.loans DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE hpts.mine (a int)",
    ],
)
def test_the_reader_can_write_nothing_and_see_no_secret(
    reader: psycopg.Connection[Any], statement: LiteralString
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(statement)


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_a_statement_of_the_read_edge_sees_views_only(name: str) -> None:
    code = re.sub(r"--.*", "", STATEMENTS[name])
    defined = set(re.findall(r"(?:WITH(?: RECURSIVE)?|,)\s+(\w+)(?: \([\w, ]+\))? AS", code))
    read = set(re.findall(r"\b(?:FROM|JOIN)\s+([a-z_]\w*)(?! *\()\b(?!\()", code))
    assert {one for one in read if not one.startswith("readable_")} <= defined | {"clock_timestamp"}


@pytest.mark.parametrize("name", sorted(set(STATEMENTS) - WITHOUT_A_TENANT))
def test_a_statement_of_the_read_edge_filters_by_tenant_itself(name: str) -> None:
    code = re.sub(r"--.*", "", STATEMENTS[name])
    views_read = len(re.findall(r"\b(?:FROM|JOIN)\s+readable_(?!partitions)", code))
    filters = len(re.findall(r"\btenant_id\b", code))
    assert "%(tenant_id)s" in code
    assert filters >= views_read, "each view is narrowed to the tenant"


INGRESS = {
    file.name: file.read_text(encoding="utf-8")
    for file in (files("ingress_api") / "sql").iterdir()
    if file.name.endswith(".sql")
}
OF_NO_TENANT = {"load_ledger.sql", "load_ends.sql", "load_signing_key.sql", "set_tenant.sql"}
OF_MANY = {"reserve.sql", "copy_outgoing.sql", "insert_batch.sql"}
"""What they write says itself whose it is."""
OF_AN_ENDPOINT = {"list_webhook_deliveries.sql", "list_webhook_deliveries_reversed.sql"}
"""Queues and attempts are those of the endpoint of a delivery, which is narrowed to the tenant."""


@pytest.mark.parametrize("name", sorted(set(INGRESS) - OF_NO_TENANT - OF_MANY - OF_AN_ENDPOINT))
def test_a_statement_of_the_write_edge_filters_by_tenant_itself(name: str) -> None:
    code = re.sub(r"--.*", "", INGRESS[name])
    tables_read = len(re.findall(r"\b(?:FROM|JOIN|UPDATE) (?:[a-z]+_[a-z_]+)\b(?! *\()", code))
    filters = len(re.findall(r"\btenant_id = %\(tenant_id\)s", code))
    assert "%(tenant_id)s" in code, "what is written is the tenant's"
    assert filters >= tables_read, "each table is narrowed to the tenant"
