"""Ways around row-level security, tried in SQL with the rights of the read edge (F78): none shows a
row of another tenant. And what each role may do is what `grants.txt` lists, to the column.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, LiteralString
from uuid import UUID

import psycopg
import pytest

from hpts.local.credentials import Credentials
from hpts.local.ledger import as_role
from tests.http import Client

Stack = dict[str, Any]
GRANTS: Final = Path(__file__).with_name("grants.txt")
ROLES: Final = (
    "hpts_ingress",
    "hpts_reader",
    "hpts_engine",
    "hpts_deliveries",
    "hpts_reconciliation",
)
WITHOUT_POLICY: Final = {
    # Of no tenant.
    *("migrations", "ledger_settings", "signing_keys", "log_ends", "fenced_writers", "checkpoints"),
    "reconciliation_runs",
    # Of many tenants at once, for ingress alone (decision 0041).
    *("idempotency_reservations", "accrual_batches", "tenant_settings", "outgoing_commands"),
    # For the engine alone.
    "outgoing_dead_letters",
    # For deliveries alone.
    *("delivery_cursors", "webhook_queues", "webhook_awaited"),
}


@pytest.fixture(scope="module")
def reader(stack: Stack, stack_dir: Path) -> Iterator[psycopg.Connection[Any]]:
    """The read edge's rights, the first tenant named, on books that hold two tenants."""
    for number in (0, 1):
        tenant = Client.of(stack, number)
        tenant.pay(tenant.open_loan(amount_minor="500"), amount_minor="100")
    password = Credentials(stack_dir / "secrets").passwords()["hpts_reader"]
    dsn = as_role(stack["postgres_dsn"], "hpts_reader", password)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SET search_path = hpts, hpts_edge")
        connection.execute(
            "SELECT set_config('hpts.tenant_id', %s, false)", (stack["clients"][0]["tenant_id"],)
        )
        yield connection


SHOWN: Final[list[LiteralString]] = [
    "SELECT tenant_id FROM hpts.loans",
    "SELECT tenant_id FROM hpts.journal_lines",
    "SELECT tenant_id FROM readable_loans WHERE true OR tenant_id IS NULL",
    "SELECT (l).tenant_id FROM (SELECT l FROM readable_loans AS l) AS x",
    "SELECT l.tenant_id FROM readable_lines AS l FULL JOIN readable_entries AS e ON false",
    "SELECT tenant_id FROM hpts.loans TABLESAMPLE SYSTEM (100)",
    "WITH RECURSIVE w AS (SELECT tenant_id FROM hpts.loans) SELECT tenant_id FROM w",
    "SELECT tenant_id FROM hpts.loans FOR KEY SHARE",
    "SELECT unnest(most_common_vals::text::uuid[]) FROM pg_stats WHERE attname = 'tenant_id'",
]
"""Each gives tenant ids, and only the named one's; or is not allowed."""


@pytest.mark.parametrize("statement", SHOWN)
def test_no_statement_shows_another_tenant(
    reader: psycopg.Connection[Any], stack: Stack, statement: LiteralString
) -> None:
    try:
        seen = {row[0] for row in reader.execute(statement).fetchall()}
    except psycopg.errors.InsufficientPrivilege:
        return
    assert seen <= {UUID(stack["clients"][0]["tenant_id"]), None}


def test_a_function_that_tells_what_it_is_given_is_given_no_other_row(
    reader: psycopg.Connection[Any], stack: Stack
) -> None:
    """A cheap function is not evaluated before the policy."""
    told: list[str] = []
    reader.add_notice_handler(lambda notice: told.append(str(notice.message_primary)))
    with reader.transaction(force_rollback=True):
        reader.execute(
            "CREATE FUNCTION pg_temp.tells(one uuid) RETURNS boolean COST 0.0000001"
            " LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '%', one; RETURN true; END $$"
        )
        reader.execute("SELECT count(*) FROM readable_loans WHERE pg_temp.tells(tenant_id)")
        reader.execute("SELECT count(*) FROM hpts.loans WHERE pg_temp.tells(tenant_id)")
    assert set(told) == {stack["clients"][0]["tenant_id"]}


REFUSED: Final[list[LiteralString]] = [
    "SET ROLE hpts_owner",
    "SET ROLE hpts_engine",
    "SET SESSION AUTHORIZATION postgres",
    "SET session_replication_role = replica",
    "ALTER TABLE hpts.loans DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE hpts.loans NO FORCE ROW LEVEL SECURITY",
    "DROP POLICY one_tenant ON hpts.loans",
    "CREATE POLICY all_tenants ON hpts.loans USING (true)",
    "ALTER VIEW hpts.readable_loans SET (security_invoker = false)",
    "CREATE VIEW hpts.mine AS SELECT * FROM hpts.loans",
    "CREATE FUNCTION hpts.mine() RETURNS void SECURITY DEFINER LANGUAGE sql AS ''",
    "COPY hpts.loans TO PROGRAM 'cat'",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT * FROM pg_statistic",
    "SELECT * FROM pg_authid",
    "SELECT lo_import('/etc/hostname')",
]


@pytest.mark.parametrize("statement", REFUSED)
def test_nothing_that_would_open_the_wall_is_allowed(
    reader: psycopg.Connection[Any], statement: LiteralString
) -> None:
    with pytest.raises(
        (psycopg.errors.InsufficientPrivilege, psycopg.errors.InvalidParameterValue)
    ):
        reader.execute(statement)


def test_row_security_cannot_be_switched_off(reader: psycopg.Connection[Any]) -> None:
    with reader.transaction(force_rollback=True):
        reader.execute("SET row_security = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT count(*) FROM hpts.loans")


def rows(stack: Stack, query: LiteralString, *parameters: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        return connection.execute(query, parameters).fetchall()


def test_every_table_has_a_policy_or_is_listed_as_having_none(stack: Stack) -> None:
    found = rows(
        stack,
        "SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity AND EXISTS"
        " (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid)"
        " FROM pg_class AS c WHERE c.relkind IN ('r', 'p')"
        " AND c.relnamespace IN ('hpts'::regnamespace, 'hpts_edge'::regnamespace)",
    )
    assert {table for table, is_walled in found if not is_walled} == WITHOUT_POLICY


def test_no_view_has_its_owner_s_rights_and_no_function_its_definer_s(stack: Stack) -> None:
    views = rows(
        stack,
        "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('v', 'm')"
        " AND relnamespace IN ('hpts'::regnamespace, 'hpts_edge'::regnamespace)"
        " AND NOT coalesce('security_invoker=true' = ANY (reloptions), false)",
    )
    functions = rows(
        stack,
        "SELECT oid::regproc::text FROM pg_proc WHERE prosecdef"
        " AND pronamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)",
    )
    assert (views, functions) == ([], [])


def test_no_role_is_more_than_it_must_be(stack: Stack) -> None:
    found = rows(
        stack,
        "SELECT rolname, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolcanlogin,"
        " rolbypassrls FROM pg_roles WHERE rolname = ANY (%s) OR rolname = 'hpts_owner'",
        [*ROLES],
    )
    assert {row[0]: row[5:] for row in found} == {
        "hpts_owner": (False, False),
        "hpts_ingress": (True, False),
        "hpts_reader": (True, False),
        "hpts_engine": (True, True),
        "hpts_deliveries": (True, True),
        "hpts_reconciliation": (True, True),
    }
    assert {row[1:5] for row in found} == {(False,) * 4}
    members = rows(
        stack,
        "SELECT m.rolname, r.rolname FROM pg_auth_members AS a"
        " JOIN pg_roles AS m ON m.oid = a.member JOIN pg_roles AS r ON r.oid = a.roleid"
        " WHERE m.rolname = ANY (%s) OR r.rolname = ANY (%s) AND m.rolname NOT LIKE '%%wall'",
        [*ROLES],
        ["hpts_owner", *ROLES],
    )
    assert members == []


def granted(stack: Stack) -> list[str]:
    """One line for each role, table or view, and privilege; with the columns, where not on all."""
    whole = rows(
        stack,
        "SELECT g.grantee, g.privilege_type, g.table_schema || '.' || g.table_name"
        " FROM information_schema.table_privileges AS g WHERE g.table_schema IN ('hpts',"
        " 'hpts_edge') AND g.grantee IN (SELECT unnest(%s::text[]) UNION SELECT 'PUBLIC')",
        [*ROLES],
    )
    columns = rows(
        stack,
        "SELECT g.grantee, g.privilege_type, g.table_schema || '.' || g.table_name,"
        " string_agg(g.column_name, ', ' ORDER BY g.column_name)"
        " FROM information_schema.column_privileges AS g WHERE g.table_schema IN ('hpts',"
        " 'hpts_edge') AND g.grantee IN (SELECT unnest(%s::text[]) UNION SELECT 'PUBLIC')"
        " GROUP BY 1, 2, 3",
        [*ROLES],
    )
    lines = {f"{role} {privilege} {table}" for role, privilege, table in whole}
    lines |= {
        f"{role} {privilege} {table} ({names})"
        for role, privilege, table, names in columns
        if (role, privilege, table) not in whole
    }
    return sorted(lines)


def test_every_role_has_the_grants_that_are_listed_and_no_other(stack: Stack) -> None:
    listed = GRANTS.read_text("utf-8").splitlines()
    found = granted(stack)
    assert sorted(set(found) - set(listed)) == [], "granted, and not listed"
    assert sorted(set(listed) - set(found)) == [], "listed, and not granted"
