"""The limit: the same accruals as set-based SQL, on tables like the ledger's in the same Postgres.

Seven statements in one transaction write what the engine would: entries, lines, loans, day totals
and outcomes, with every index and check. Loading the batch is not part of it. What the ledger does
beside (HTTP, checks, the log, the chain of hashes, positions) is what the ratio shows.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, Final

import psycopg
from psycopg import sql

from bench.loans import Loans, query
from bench.measured import Bench, Row

_TABLES: Final = ("loans", "journal_entries", "journal_lines", "account_days", "command_outcomes")
_MEASURED: Final = (
    *("limit_entries", "limit_lines", "limit_balances", "limit_days", "limit_outcomes"),
)


def measure(bench: Bench, loans: Loans, accrued_on: date) -> Row:
    """Accrue the loans for a day, as fast as SQL can."""
    named = {"accrued_on": accrued_on}
    with _copied(bench, loans) as connection:
        began = time.perf_counter()
        parts = {}
        with connection.transaction():
            for name in _MEASURED:
                started = time.perf_counter()
                connection.execute(query(name), named)
                parts[name.removeprefix("limit_")] = round(time.perf_counter() - started, 2)
        seconds = time.perf_counter() - began
        found = connection.execute(query("limit_count"), named).fetchone()
    bench.expect(found is not None and found[0] == len(loans), f"the limit accrued {found}")
    return {
        "of": "set-based SQL, same tables",
        "count": len(loans),
        "seconds": round(seconds, 2),
        "per_second": round(len(loans) / seconds),
        "seconds_by_statement": parts,
    }


@contextmanager
def _copied(bench: Bench, loans: Loans) -> "Iterator[psycopg.Connection[Any]]":
    with psycopg.connect(bench.dsn, autocommit=True) as connection:
        connection.execute(query("limit_drop"))
        connection.execute(query("limit_schema"))
        for table in _TABLES:
            text = query("limit_table").decode()
            connection.execute(sql.SQL(text).format(table=sql.Identifier(table)))
        named = {"tenant_id": bench.tenant_id, "loan_ids": [one.hex() for one in loans.ids()]}
        connection.execute(query("limit_loans"), named)
        connection.execute(query("limit_items"), {})
        connection.execute(query("limit_vacuum"))
        connection.execute(query("limit_checkpoint"))
        yield connection
        connection.execute(query("limit_drop"))
