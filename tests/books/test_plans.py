"""The engine's statements look rows up by index, also when planned while tables were empty."""

import re
from typing import Any

import psycopg
import pytest

from posting_engine.books import _OPTIONS
from posting_engine.statements import STATEMENTS

KEYED = sorted(
    name
    for name in STATEMENTS
    if name.startswith(("load_", "update_", "move_", "check_", "delete_"))
    and name not in ("load_settings", "load_signing_keys")
)


def _scanned(plan: dict[str, Any]) -> list[str]:
    found = [plan["Relation Name"]] if plan["Node Type"] == "Seq Scan" else []
    return found + [name for child in plan.get("Plans", []) for name in _scanned(child)]


@pytest.mark.parametrize("name", KEYED)
def test_no_table_is_read_whole(migrated_dsn: str, name: str) -> None:
    parameters = list(dict.fromkeys(re.findall(r"%\((\w+)\)b", STATEMENTS[name])))
    statement = STATEMENTS[name]
    for number, parameter in enumerate(parameters, start=1):
        statement = statement.replace(f"%({parameter})b", f"${number}")
    nulls = ", ".join("NULL" for _ in parameters)
    with psycopg.connect(migrated_dsn, options=_OPTIONS) as connection:
        connection.execute(f"PREPARE looked_at AS {statement}")
        row = connection.execute(f"EXPLAIN (FORMAT JSON) EXECUTE looked_at({nulls})").fetchone()
    assert row is not None
    assert _scanned(row[0][0]["Plan"]) == []
