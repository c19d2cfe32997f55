"""How a log is cut into batches never shows: same chain, outcomes and balances."""

import random
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from posting_engine.books import Books
from schemas import ids
from tests import audit
from tests.books import ledger

LOANS = [ledger.loan_number(n) for n in range(12)]


def _entry_of(key: str, partition_id: int) -> Any:
    return ids.derive(
        ids.JOURNAL_ENTRY,
        tenant_id=ledger.TENANT,
        key=key,
        accepted_at=ledger.BEGINNING,
        partition_id=partition_id,
    )


def mixed_log() -> ledger.LogOfCommands:
    """Every event, shuffled the same way each time: duplicates, refusals, backfills."""
    chance = random.Random(20260105)
    log = ledger.LogOfCommands()
    for number, loan in enumerate(LOANS):
        log.append(ledger.owner_of(loan), ledger.disbursement(f"disbursement:{number}", loan))
    paid: list[tuple[str, int]] = []
    accrued: list[str] = []
    for number in range(400):
        loan = chance.choice(LOANS)
        owner = ledger.owner_of(loan)
        mine = [other for other in LOANS if ledger.owner_of(other) == owner]
        what = chance.randrange(10)
        if what < 5:
            key = f"payment:{chance.randrange(250)}:{owner}"
            log.append(owner, ledger.payment(key, loan, chance.choice([1_00, 5, 700_00])))
            paid.append((key, owner))
        elif what < 7:
            key = f"accrual:{number}"
            backfill = chance.random() < 0.5
            day = chance.randrange(5, 29)
            log.append(owner, ledger.accrual(key, owner, mine, day=day, backfill=backfill))
            accrued.append(key)
        elif what < 9 and paid:
            key, owner = chance.choice(paid)
            log.append(owner, ledger.reversal(f"undo:{number}", _entry_of(key, owner)))
        elif accrued:
            entry = _entry_of(chance.choice(accrued), ids.IN_PARTS)
            if chance.random() < 0.5:
                log.append(owner, ledger.reversal(f"undo:{number}", entry, loan_id=loan))
            else:
                key = f"undo:{number}/{owner}/0"
                log.append(owner, ledger.reversal(key, entry, part=0, chunks_total=1))
    return log


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
            )
        ]


@pytest.mark.parametrize("cuts", [[7], [500], [1, 60, 2, 13]], ids=["7", "500", "uneven"])
def test_cuts_of_the_log_do_not_show(
    fresh_ledger: Callable[[], tuple[str, str]], cuts: list[int]
) -> None:
    log = mixed_log()
    states = []
    for sizes in ([1], cuts):
        admin_dsn, engine_dsn = fresh_ledger()
        books = Books(engine_dsn)
        ledger.apply(books, log, sizes)
        books.close()
        assert audit.faults_of_books(admin_dsn) == []
        states.append(state_of(admin_dsn))

    assert states[0] == states[1]
    statuses = {row[2] for row in states[0][1]}
    assert statuses == {"posted", "rejected"}
