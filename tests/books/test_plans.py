"""The engine's statements find rows by an index, and in tables with rows by its whole key."""

import re
from typing import Any

import psycopg
import pytest

from posting_engine.session import OPTIONS
from posting_engine.statements import STATEMENTS

KEYED = sorted(
    name
    for name in STATEMENTS
    if name.startswith(("load_", "update_", "accrue_", "move_", "check_", "delete_"))
    # Tables of a few rows each, read whole: settings, keys, positions.
    and name not in ("load_settings", "load_signing_keys", "load_checkpoint_states")
)

LOANS_KEY = {"loans": ("loans_pkey", {"partition_id", "tenant_id", "loan_id"})}
KEYS_OF = {
    "load_outcomes": {
        "command_outcomes": (
            "command_outcomes_pkey",
            {"partition_id", "tenant_id", "idempotency_key"},
        )
    },
    "load_loans": LOANS_KEY,
    "load_entries": {
        "journal_entries": ("journal_entries_id", {"partition_id", "part"}),
        "disbursement_entries": (
            "disbursement_entries_pkey",
            {"partition_id", "journal_entry_id"},
        ),
        "journal_lines": ("journal_lines_pkey", {"partition_id", "entry_seq"}),
        "disbursements": ("disbursements_pkey", {"partition_id", "tenant_id", "event_id"}),
        "reversal_targets": (
            "reversal_targets_pkey",
            {"partition_id", "reverses_entry_id", "part", "loan_id"},
        ),
    },
    "load_disbursements": {
        "disbursements": ("disbursements_pkey", {"partition_id", "tenant_id", "event_id"}),
        "reversal_targets": (
            "reversal_targets_pkey",
            {"partition_id", "reverses_entry_id", "part", "loan_id"},
        ),
    },
    "load_outgoing": {"outgoing_commands": ("outgoing_commands_order", {"partition_id", "kind"})},
    "load_closed_periods": {
        "closed_periods": ("closed_periods_pkey", {"partition_id", "tenant_id"})
    },
    "load_quarantined_keys": {
        "quarantined_commands": (
            "quarantined_commands_key",
            {"partition_id", "tenant_id", "idempotency_key"},
        )
    },
    "load_quarantined_loans": {
        "quarantined_commands": (
            "quarantined_commands_pkey",
            {"partition_id", "tenant_id", "loan_id"},
        )
    },
    "update_loans": LOANS_KEY,
    "load_accruing_loans": LOANS_KEY,
    "accrue_loans": {"loans": ("none", {"ctid"})},
}
"""Statement -> table -> the index that it is read by and the columns looked up in it."""

# One tenant in four partitions, so that less than the whole key finds a quarter of a table.
FILL = """
    CREATE TEMPORARY TABLE numbered AS
        SELECT n, (n % 4)::smallint AS p, '7d3ffb8e-6d2b-4f37-8fd2-6d33b6b2a0c1'::uuid AS tenant,
            md5('loan' || n)::uuid AS loan, md5('entry' || n)::uuid AS entry, now() AS instant,
            md5('event' || n)::uuid AS event, date '2026-01-05' AS day,
            decode(repeat('00', 32), 'hex') AS hash
        FROM generate_series(1, 4000) AS n;
    INSERT INTO loans SELECT p, tenant, loan, loan, 'USD', 'active', day, 100, 0, 0, 0, 0, 0, 0, 0,
        0, 1, 0, 0, 0, NULL, NULL, 1, 0, false, NULL, 1, instant, 0, 0, 0 FROM numbered;
    INSERT INTO journal_entries SELECT p, n, tenant, entry, 0, 'disbursement', event, day, day,
        instant, entry, NULL, NULL, 'a test', NULL, '{}', n, hash FROM numbered;
    INSERT INTO journal_lines SELECT p, n, side.number, tenant, '1100', side.direction, 100, 'USD',
        'SETTLED', loan, loan, NULL, day
        FROM numbered, (VALUES (1, 'DR'), (2, 'CR')) AS side (number, direction);
    INSERT INTO command_outcomes SELECT p, tenant, 'key:' || n, entry, entry, 'Disbursement', hash,
        'posted', '{}', NULL, NULL, n, instant FROM numbered;
    INSERT INTO disbursements SELECT p, tenant, event, loan, entry, 100, 0, false, n, day
        FROM numbered;
    INSERT INTO disbursement_entries SELECT p, entry, tenant, event FROM numbered;
    INSERT INTO outgoing_commands (partition_id, tenant_id, idempotency_key, kind, to_partition,
        record_key, record_value)
        SELECT p, tenant, 'key:' || n, CASE WHEN n % 8 < 4 THEN 'chunk' ELSE 'follow_up' END, p,
            hash, hash FROM numbered;
    INSERT INTO reversal_targets SELECT p, entry, 0, uuid_nil, tenant, event
        FROM numbered, (VALUES ('00000000-0000-0000-0000-000000000000'::uuid)) AS nil (uuid_nil);
    INSERT INTO closed_periods SELECT p, event, day FROM numbered;
    INSERT INTO quarantined_commands SELECT p, tenant, loan, n, 'key:' || n, entry, entry,
        'Payment', hash, false, 'a test', instant, instant, NULL, hash, '[]' FROM numbered;
    DROP TABLE numbered;
"""


@pytest.mark.parametrize("name", KEYED)
def test_no_table_is_read_without_a_condition_on_an_index(migrated_dsn: str, name: str) -> None:
    with psycopg.connect(migrated_dsn, options=OPTIONS) as connection:
        scans = scans_of(connection, name)
    assert scans
    conditions = {"Index Cond", "Recheck Cond", "TID Cond"}
    assert [scan for scan in scans if not conditions & scan.keys()] == []


@pytest.mark.parametrize("name", KEYS_OF)
def test_rows_of_filled_tables_are_found_by_their_whole_key(migrated_dsn: str, name: str) -> None:
    with psycopg.connect(migrated_dsn, options=OPTIONS) as connection:
        connection.execute(FILL)
        assert looked_up(scans_of(connection, name)) == KEYS_OF[name], "not yet analysed"
        connection.execute("ANALYZE")
        connection.execute("DEALLOCATE looked_at")
        assert looked_up(scans_of(connection, name)) == KEYS_OF[name], "analysed"


def looked_up(scans: list[dict[str, Any]]) -> dict[str, tuple[str, set[str]]]:
    """Table -> the index it is read by and the columns that must be equal."""
    return {
        scan["Relation Name"]: (
            scan.get("Index Name", "none"),
            set(
                re.findall(
                    r"\((?:\w+\.)?(\w+) = ", scan.get("Index Cond", scan.get("TID Cond", ""))
                )
            ),
        )
        for scan in scans
    }


def scans_of(connection: psycopg.Connection[Any], name: str) -> list[dict[str, Any]]:
    """The nodes of a statement's generic plan that read a table."""
    statement = STATEMENTS[name]
    parameters = list(dict.fromkeys(re.findall(r"%\((\w+)\)b", statement)))
    for number, parameter in enumerate(parameters, start=1):
        statement = statement.replace(f"%({parameter})b", f"${number}")
    nulls = ", ".join("NULL" for _ in parameters)
    connection.execute(f"PREPARE looked_at AS {statement}")
    row = connection.execute(f"EXPLAIN (FORMAT JSON) EXECUTE looked_at({nulls})").fetchone()
    assert row is not None
    return _scans_in(row[0][0]["Plan"])


def _scans_in(plan: dict[str, Any]) -> list[dict[str, Any]]:
    reads = "Relation Name" in plan and plan["Node Type"] != "ModifyTable"
    return [plan] * reads + [scan for child in plan.get("Plans", []) for scan in _scans_in(child)]
