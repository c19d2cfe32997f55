"""What the database holds of amounts by itself (F47): 64 bits or exact, refused beyond the
contract's range and never clipped.
"""

import json
from typing import Any

import psycopg
import pytest

LARGEST_MINOR = 10**15 - 1
INSIDE = [2**31 - 1, 2**31, LARGEST_MINOR]
SUB_BALANCES = ["principal", "interest", "fees", "suspense", "unsettled"]
ID = "7d3ffb8e-6d2b-4f37-8fd2-6d33b6b2a0c1"
LOAN: dict[str, Any] = {
    **dict.fromkeys(("tenant_id", "loan_id", "borrower_id"), ID),
    **{f"{name}_minor": 0 for name in (*SUB_BALANCES, "recovered")},
    **{f"collected_{name}_minor": 0 for name in ("principal", "interest", "fees")},
    **{f"paid_off_{name}_minor": 0 for name in ("principal", "interest", "fees")},
    **{f"standing_{name}": 0 for name in ("openings", "payments", "charge_offs", "refinances")},
    "partition_id": 0,
    "life": 1,
    "life_began_seq": 0,
    "version": 1,
    "quarantined": False,
    "currency": "USD",
    "status": "active",
    "opened_on": "2026-01-01",
    "last_activity_at": "2026-01-01T00:00:00Z",
}


def insert(connection: psycopg.Connection[Any], name: str, amount_minor: int) -> int:
    """The sub-balance of a new loan, as it is kept."""
    given = json.dumps(LOAN | {f"{name}_minor": amount_minor})
    row = connection.execute(
        "INSERT INTO hpts.loans SELECT * FROM json_populate_record(NULL::hpts.loans, %s)"
        " RETURNING to_json(loans)",
        (given,),
    ).fetchone()
    assert row is not None
    return int(row[0][f"{name}_minor"])


@pytest.mark.parametrize("name", SUB_BALANCES)
def test_a_sub_balance_is_kept_as_it_is_or_refused(migrated_dsn: str, name: str) -> None:
    with psycopg.connect(migrated_dsn) as connection:
        for amount_minor in INSIDE:
            with connection.transaction(force_rollback=True):
                assert insert(connection, name, amount_minor) == amount_minor
        for amount_minor in (-1, LARGEST_MINOR + 1, 2**53 + 1, 2**63 - 1):
            with pytest.raises(psycopg.errors.CheckViolation), connection.transaction():
                insert(connection, name, amount_minor)
        with pytest.raises(psycopg.errors.NumericValueOutOfRange), connection.transaction():
            insert(connection, name, 2**63)


def test_every_amount_has_64_bits_or_is_exact(migrated_dsn: str) -> None:
    with psycopg.connect(migrated_dsn) as connection:
        found = connection.execute(
            "SELECT table_name || '.' || column_name, data_type FROM information_schema.columns"
            " WHERE table_schema IN ('hpts', 'hpts_edge') AND column_name LIKE '%\\_minor'"
        ).fetchall()
    assert len(found) > 15
    assert [name for name, kind in found if kind not in ("bigint", "numeric")] == []
