"""How a log is cut into batches never shows: same chain, outcomes and balances. Nor does it show
whether chunks are decided by arrays or loan by loan.
"""

import os
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import psycopg
import pytest

from posting_engine.books import Books
from posting_engine.posting.rules import EVENT_KINDS
from schemas import ids
from schemas.commands import (
    AnyCommand,
    DisbursementSettlement,
    Refinance,
    RefinanceReversal,
)
from tests import audit
from tests.books import ledger
from tests.books.ledger import Engine
from tests.books.mixed_log import decide_or_break, plant, recorded
from tests.books.whole_life import entry_id, event_id

COMMANDS = int(os.environ.get("HPTS_MIXED_COMMANDS", "2000"))


def state_of(dsn: str) -> list[Any]:
    """Everything that must not depend on the cuts."""
    with psycopg.connect(dsn) as connection:
        return [
            connection.execute(statement).fetchall()
            for statement in (
                "SELECT partition_id, next_offset, last_entry_seq, chain_head, last_record_hash, "
                "quarantined_count FROM hpts.partitions ORDER BY 1",
                "SELECT partition_id, command_offset, status, result::text, posted_at, "
                "resumed_offset FROM hpts.command_outcomes ORDER BY 1, 2",
                "SELECT * FROM hpts.loans ORDER BY partition_id, tenant_id, loan_id",
                "SELECT * FROM hpts.account_days ORDER BY 1, 2, 3, 4, 5, 6, 7",
                "SELECT * FROM hpts.reversal_targets ORDER BY 1, 2, 3, 4",
                "SELECT * FROM hpts.disbursements ORDER BY 1, 2, 3",
                "SELECT * FROM hpts.disbursement_entries ORDER BY 1, 2",
                "SELECT * FROM hpts.closed_periods ORDER BY 1, 2",
                "SELECT * FROM hpts.period_closes ORDER BY 1, 2, 3",
                "SELECT partition_id, idempotency_key, to_partition, record_key, record_value "
                "FROM hpts.outgoing_commands ORDER BY 1, 2",
                "SELECT partition_id, loan_id, command_offset, idempotency_key, command_id, "
                "is_share, reason, quarantined_at, record_value, record_headers::text "
                "FROM hpts.quarantined_commands ORDER BY 1, 2, 3",
                "SELECT * FROM hpts.quarantines ORDER BY 1, 2, 3, 4",
                "SELECT partition_id, row_number() OVER (PARTITION BY partition_id ORDER BY "
                "outgoing_seq), record_value FROM hpts.outgoing_dead_letters ORDER BY 1, 2",
            )
        ]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_cuts_of_the_log_do_not_show(fresh_ledger: Callable[[], tuple[str, str]]) -> None:
    admin_dsn, engine_dsn = fresh_ledger()
    plant(admin_dsn)
    books = Books(engine_dsn)
    log = recorded(Engine(books, decide_or_break), commands=COMMANDS, seed=1)
    books.close()
    one_by_one = state_of(admin_dsn)
    assert audit.faults_of_books(admin_dsn) == []
    every_event_was_posted(admin_dsn)
    every_kind_of_quarantine_was_met(admin_dsn)

    for cuts, by_arrays in (([7], True), ([500], True), ([1, 60, 2, 13], False)):
        admin_dsn, engine_dsn = fresh_ledger()
        plant(admin_dsn)
        books = Books(engine_dsn)
        ledger.apply(books, log, cuts, decide_or_break, by_arrays=by_arrays)
        books.close()
        assert audit.faults_of_books(admin_dsn) == []
        assert state_of(admin_dsn) == one_by_one, cuts


def every_kind_of_quarantine_was_met(dsn: str) -> None:
    """The log proves nothing about quarantines either, unless it has every kind of them."""
    with psycopg.connect(dsn) as connection:
        (resumed, rejected, again, shares, behind, reasons) = (
            connection.execute(
                "SELECT count(*) FILTER (WHERE status = 'posted'), "
                "count(*) FILTER (WHERE result ->> 'code' = 'rejected_by_operator'), "
                "(SELECT count(*) FROM hpts.quarantines WHERE decided_offset <> command_offset), "
                "(SELECT count(*) FROM hpts.command_outcomes WHERE result ->> 'rejections' "
                "LIKE '%loan_quarantined%'), "
                "count(*) FILTER (WHERE NOT EXISTS (SELECT FROM hpts.quarantines AS q "
                "WHERE q.partition_id = o.partition_id AND q.command_offset = o.command_offset)), "
                "(SELECT count(DISTINCT reason) FROM hpts.quarantines) "
                "FROM hpts.command_outcomes AS o WHERE resumed_offset IS NOT NULL"
            ).fetchone()
            or (0,) * 6
        )
    assert min(resumed, rejected, again, shares, behind) > 0
    assert reasons >= 2


@pytest.mark.parametrize("size", [1, 100])
def test_a_settlement_is_told_the_reversal_of_what_it_names(
    fresh_ledger: Callable[[], tuple[str, str]], size: int
) -> None:
    admin_dsn, engine_dsn = fresh_ledger()
    books = Books(engine_dsn)
    engine, log = Engine(books), ledger.LogOfCommands()
    old, new = ledger.loan_number(0), ledger.loan_number(1)
    lent, drawn = (event_id("disbursement", key, ledger.owner_of(old)) for key in ("lent", "drawn"))
    more = event_id("disbursement", "refinanced", ledger.owner_of(new))

    for commands in (
        (
            *(ledger.disbursement(key, old) for key in ("lent", "drawn")),
            ledger.reversal("undone", entry_id("lent", ledger.owner_of(old))),
            settlement("too late", lent),
            settlement("settled", drawn),
        ),
        (refinance("refinanced", old, new),),
        (ledger.disbursement("drawn again", new),),
        (
            refinance_reversal("undone twice", old, new, entry_id("refinanced", ids.IN_PARTS)),
            settlement("too late again", more),
        ),
    ):
        apply_with_follow_ups(engine, log, commands, size)
    books.close()

    assert refusals_in(admin_dsn) == [
        ("too late", "already_reversed", entry_id("undone", ledger.owner_of(old))),
        ("too late again", "already_reversed", entry_id("undone twice", ids.IN_PARTS)),
    ]


def apply_with_follow_ups(
    engine: Engine, log: ledger.LogOfCommands, commands: Sequence[AnyCommand], size: int
) -> None:
    """Apply commands in batches of a size, then what follows from them, one by one."""
    first = len(log.records)
    for command in commands:
        log.send(command)
    for start in range(first, len(log.records), size):
        engine.apply(log.records[start : start + size])
    while engine.follow_ups:
        log.send(engine.follow_ups.pop(0))
        engine.apply(log.records[-1:])


def refusals_in(dsn: str) -> list[Any]:
    """(key, code, reversal named) of every command that was refused."""
    with psycopg.connect(dsn) as connection:
        return connection.execute(
            "SELECT idempotency_key, result->>'code', (result->>'reversed_by_entry_id')::uuid "
            "FROM hpts.command_outcomes WHERE status = 'rejected' ORDER BY 1"
        ).fetchall()


def settlement(key: str, event: UUID) -> DisbursementSettlement:
    return DisbursementSettlement(
        **ledger.envelope(key), disbursement_event_id=event, effective_on=date(2026, 2, 22)
    )


def refinance(key: str, old: UUID, new: UUID) -> Refinance:
    return Refinance(
        **ledger.envelope(key),
        loan_id=old,
        new_loan_id=new,
        effective_on=date(2026, 2, 10),
        additional_principal_minor=50_00,
        currency="USD",
    )


def refinance_reversal(key: str, old: UUID, new: UUID, entry: UUID) -> RefinanceReversal:
    return RefinanceReversal(
        **ledger.envelope(key),
        loan_id=old,
        new_loan_id=new,
        reverses_entry_id=entry,
        effective_on=date(2026, 2, 21),
        reason_code="other",
        reason_description="a test",
    )


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
