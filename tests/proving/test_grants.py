"""Ways around append-only (F55), tried by every role: each is refused. What a superuser does is
`test_tampering`'s.
"""

from collections.abc import Callable

import psycopg
import pytest

ROLES = ["hpts_ingress", "hpts_engine", "hpts_reader", "hpts_deliveries", "hpts_reconciliation"]
HISTORY = ["journal_entries", "journal_lines", "command_outcomes", "reversal_targets"]
WAYS = [
    "UPDATE hpts.{} SET tenant_id = tenant_id",
    "DELETE FROM hpts.{}",
    "TRUNCATE hpts.{}",
    "DROP TABLE hpts.{}",
    "ALTER TABLE hpts.{} DISABLE TRIGGER ALL",
    "ALTER TABLE hpts.{} DISABLE ROW LEVEL SECURITY",
    "ALTER TABLE hpts.{} OWNER TO CURRENT_USER",
    "ALTER TABLE hpts.{} RENAME TO other",
    "CREATE RULE other AS ON INSERT TO hpts.{} DO INSTEAD NOTHING",
    "LOCK TABLE hpts.{} IN ACCESS EXCLUSIVE MODE",
]
OF_THE_SESSION = [
    "SET session_replication_role = replica",
    "SET ROLE hpts_owner",
    "GRANT UPDATE ON hpts.journal_entries TO CURRENT_USER",
    "CREATE TABLE hpts.other (number integer)",
    "DROP SCHEMA hpts CASCADE",
    "DELETE FROM hpts.partitions",
]


@pytest.fixture(scope="module")
def dsn(fresh_ledger: Callable[[], tuple[str, str]]) -> str:
    return fresh_ledger()[0]


@pytest.mark.parametrize("role", ROLES)
def test_no_role_gets_around_append_only(dsn: str, role: str) -> None:
    statements = [way.format(table) for way in WAYS for table in HISTORY] + OF_THE_SESSION
    if role != "hpts_engine":  # who alone adds to history
        statements += [f"INSERT INTO hpts.{table} DEFAULT VALUES" for table in HISTORY]
    passed = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"SET SESSION AUTHORIZATION {role}")
        for statement in statements:
            try:
                with connection.transaction(force_rollback=True):
                    connection.execute(statement)
                passed.append(statement)
            except psycopg.errors.InsufficientPrivilege:
                continue
    # GRANT by who may not grant is a warning, and grants nothing.
    assert [one for one in passed if not one.startswith("GRANT")] == []
    with psycopg.connect(dsn) as connection:
        allowed = connection.execute(
            "SELECT has_table_privilege(%s, 'hpts.journal_entries', 'UPDATE')", (role,)
        ).fetchone()
    assert allowed == (False,)
