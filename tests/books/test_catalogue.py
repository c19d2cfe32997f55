"""What the database itself enforces, read from its catalogue and tried by every role."""

import psycopg
import pytest

WRITTEN_BY_THE_ENGINE = {
    "partitions",
    "loans",
    "journal_entries",
    "journal_lines",
    "account_days",
    "command_outcomes",
    "disbursements",
    "reversal_targets",
    "outgoing_commands",
    "closed_periods",
    "quarantined_commands",
    "quarantines",
    "outgoing_dead_letters",
    "period_closes",
    "disbursement_entries",
    "dead_letters",
    "log_ends",
    "fenced_writers",
    "checkpoints",
}
HISTORY = [
    "journal_entries",
    "journal_lines",
    "command_outcomes",
    "reversal_targets",
    "disbursement_entries",
    "period_closes",
    "quarantines",
    "dead_letters",
]
ROLES = ["hpts_ingress", "hpts_engine", "hpts_reader", "hpts_deliveries", "hpts_reconciliation"]


def test_every_key_that_the_engine_writes_begins_with_the_partition(migrated_dsn: str) -> None:
    with psycopg.connect(migrated_dsn) as connection:
        rows = connection.execute(
            "SELECT c.relname, i.indexrelid::regclass::text, a.attname "
            "FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid "
            "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] "
            "WHERE c.relkind = 'r' AND (n.nspname = 'hpts' "
            "  OR n.nspname = 'hpts_edge' AND has_table_privilege('hpts_engine', c.oid, 'INSERT'))"
        ).fetchall()
    assert {table for table, _, _ in rows} == WRITTEN_BY_THE_ENGINE
    assert [(index, column) for _, index, column in rows if column != "partition_id"] == []


def test_what_a_reader_or_ingress_can_see_of_tenants_has_a_policy(migrated_dsn: str) -> None:
    with psycopg.connect(migrated_dsn) as connection:
        rows = connection.execute(
            "SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "WHERE n.nspname = 'hpts' AND c.relkind = 'r' "
            "AND (has_table_privilege('hpts_reader', c.oid, 'SELECT') "
            "  OR has_any_column_privilege('hpts_reader', c.oid, 'SELECT') "
            "  OR has_table_privilege('hpts_ingress', c.oid, 'SELECT')) "
            "AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"
        ).fetchall()
        views = connection.execute(
            "SELECT c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "WHERE n.nspname = 'hpts' AND c.relkind = 'v' "
            "AND NOT coalesce('security_invoker=true' = ANY(c.reloptions), false)"
        ).fetchall()
    assert rows == []
    assert views == []


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("table", HISTORY)
@pytest.mark.parametrize("privilege", ["UPDATE", "DELETE", "TRUNCATE"])
def test_nobody_may_change_history(
    migrated_dsn: str, role: str, table: str, privilege: str
) -> None:
    with psycopg.connect(migrated_dsn) as connection:
        allowed = connection.execute(
            "SELECT has_table_privilege(%s, %s, %s)", (role, f"hpts.{table}", privilege)
        ).fetchone()
    assert allowed == (False,)


def test_a_reader_without_a_tenant_sees_nothing(migrated_dsn: str) -> None:
    with psycopg.connect(migrated_dsn) as connection:
        connection.execute("SET ROLE hpts_reader")
        connection.execute("SET search_path = hpts")
        for view in ("readable_loans", "readable_entries", "readable_lines"):
            assert connection.execute(f"SELECT count(*) FROM {view}").fetchone() == (0,)


def test_the_engine_knows_no_endpoints(migrated_dsn: str) -> None:
    """However many there are, no posting reads or writes a row of theirs."""
    with psycopg.connect(migrated_dsn) as connection:
        rows = connection.execute(
            "SELECT c.relname, has_table_privilege('hpts_engine', c.oid, p.privilege) "
            "FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace, "
            "unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p (privilege) "
            "WHERE n.nspname = 'hpts_edge' AND c.relkind = 'r' AND c.relname LIKE 'webhook%'"
        ).fetchall()
    assert len({table for table, _ in rows}) >= 7
    assert [table for table, is_allowed in rows if is_allowed] == []


def test_ingress_cannot_read_a_secret_of_a_webhook(migrated_dsn: str) -> None:
    with psycopg.connect(migrated_dsn) as connection:
        connection.execute("SET ROLE hpts_ingress")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT secret FROM hpts_edge.webhook_secrets")
