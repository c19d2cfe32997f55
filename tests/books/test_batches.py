"""How a log is cut into batches never shows: same chain, outcomes and balances."""

import os
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from posting_engine.books import Books
from posting_engine.posting.rules import EVENT_KINDS
from tests import audit
from tests.books import ledger
from tests.books.ledger import Engine
from tests.books.mixed_log import recorded

COMMANDS = int(os.environ.get("HPTS_MIXED_COMMANDS", "2000"))


def state_of(dsn: str) -> list[Any]:
    """Everything that must not depend on the cuts."""
    with psycopg.connect(dsn) as connection:
        return [
            connection.execute(statement).fetchall()
            for statement in (
                "SELECT partition_id, next_offset, last_entry_seq, chain_head, last_record_hash "
                "FROM hpts.partitions ORDER BY 1",
                "SELECT partition_id, command_offset, status, result::text, posted_at "
                "FROM hpts.command_outcomes ORDER BY 1, 2",
                "SELECT * FROM hpts.loans ORDER BY partition_id, tenant_id, loan_id",
                "SELECT * FROM hpts.account_days ORDER BY 1, 2, 3, 4, 5, 6, 7",
                "SELECT * FROM hpts.reversal_targets ORDER BY 1, 2, 3, 4",
                "SELECT * FROM hpts.disbursements ORDER BY 1, 2, 3",
                "SELECT * FROM hpts.disbursement_entries ORDER BY 1, 2",
                "SELECT * FROM hpts.closed_periods ORDER BY 1, 2",
                "SELECT * FROM hpts.period_closes ORDER BY 1, 2, 3",
                "SELECT partition_id, idempotency_key, to_partition, record_key, record_value "
                "FROM hpts.outgoing_commands ORDER BY 1, 2",
            )
        ]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_cuts_of_the_log_do_not_show(fresh_ledger: Callable[[], tuple[str, str]]) -> None:
    admin_dsn, engine_dsn = fresh_ledger()
    books = Books(engine_dsn)
    log = recorded(Engine(books), commands=COMMANDS, seed=20260105)
    books.close()
    one_by_one = state_of(admin_dsn)
    assert audit.faults_of_books(admin_dsn) == []
    every_event_was_posted(admin_dsn)

    for cuts in ([7], [500], [1, 60, 2, 13]):
        admin_dsn, engine_dsn = fresh_ledger()
        books = Books(engine_dsn)
        ledger.apply(books, log, cuts)
        books.close()
        assert audit.faults_of_books(admin_dsn) == []
        assert state_of(admin_dsn) == one_by_one, cuts


def every_event_was_posted(dsn: str) -> None:
    """The log proves nothing about events that it does not hold, or only has refused."""
    with psycopg.connect(dsn) as connection:
        rows = connection.execute("SELECT DISTINCT event_type FROM hpts.journal_entries").fetchall()
        reversed_types = connection.execute(
            "SELECT DISTINCT o.event_type FROM hpts.journal_entries AS r "
            "JOIN hpts.journal_entries AS o ON o.partition_id = r.partition_id "
            "AND o.journal_entry_id = r.reverses_entry_id WHERE r.event_type = 'reversal'"
        ).fetchall()
    assert {event_type for (event_type,) in rows} == set(EVENT_KINDS)
    assert {event_type for (event_type,) in reversed_types} == set(EVENT_KINDS) - {
        "reversal",
        "payment_returned",
    }
