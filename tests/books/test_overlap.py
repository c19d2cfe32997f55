"""While chunks are written, the next are loaded and decided; what comes of it is the same."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from posting_engine import cuts
from posting_engine.books import Books
from tests import audit
from tests.books import ledger
from tests.books.ledger import LogOfCommands
from tests.books.mixed_log import REFUSED_MINOR, plant
from tests.books.test_batches import state_of

LOANS = [ledger.loan_number(number) for number in range(40)]
FreshLedger = Callable[[], tuple[str, str]]


@pytest.fixture(autouse=True)
def a_transaction_takes_four_loans(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuts, "MOST_LOANS_AT_ONCE", 4)


def log_of_chunks(*, refused: bool = False, backfills: bool = False) -> LogOfCommands:
    """Loans, then two loans a chunk: three days, a payment between two of them, a day once more."""
    log = LogOfCommands()
    for number, loan in enumerate(LOANS):
        log.send(ledger.disbursement(f"opening:{number}", loan))
    for turn, day in enumerate((10, 11, 11, 12)):
        for partition_id in range(ledger.PARTITIONS):
            mine = sorted(loan for loan in LOANS if ledger.owner_of(loan) == partition_id)
            for begin in range(0, len(mine), 2):
                chunk = ledger.accrual(
                    f"accrual:{turn}:{begin}",
                    partition_id,
                    mine[begin : begin + 2],
                    day=day,
                    backfill=backfills and turn > 1,
                )
                if refused and (turn, begin) == (1, 2):
                    bad = REFUSED_MINOR.to_bytes(8, "big")
                    chunk = replace(chunk, interests=bad + chunk.interests[8:])
                log.send(chunk)
        if turn == 1:
            log.send(ledger.payment("payment:1", LOANS[0], 4))
    return log


def applied(
    fresh_ledger: FreshLedger, log: LogOfCommands, *, at_once: bool, refused: bool
) -> tuple[Any, int, bool]:
    """The state after a log, how many transactions it took, and whether any overlapped."""
    admin_dsn, engine_dsn = fresh_ledger()
    if refused:
        plant(admin_dsn)
    books = Books(engine_dsn)
    engine = ledger.apply(books, log, [len(log.records) if at_once else 1])
    has_overlapped = books._second is not None
    books.close()
    assert audit.faults_of_books(admin_dsn) == []
    return state_of(admin_dsn), len(engine.posted), has_overlapped


@pytest.mark.parametrize("what", ["plain", "refused", "backfills"])
def test_transactions_that_overlap_leave_the_same_books(
    fresh_ledger: FreshLedger, what: str
) -> None:
    refused = what == "refused"
    log = log_of_chunks(refused=refused, backfills=what == "backfills")
    alone, posted_alone, never = applied(fresh_ledger, log, at_once=False, refused=refused)
    together, posted, has_overlapped = applied(fresh_ledger, log, at_once=True, refused=refused)
    assert (never, has_overlapped) == (False, True)
    assert posted == posted_alone
    assert together == alone


def test_a_second_connection_that_breaks_costs_the_overlap_and_nothing_else(
    fresh_ledger: FreshLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin_dsn, engine_dsn = fresh_ledger()
    books = Books(engine_dsn)
    monkeypatch.setattr(books.second.store, "_dsn", "host=127.0.0.1 port=1 connect_timeout=1")
    log = log_of_chunks()
    ledger.apply(books, log, [len(log.records)])
    books.close()
    broken = state_of(admin_dsn)
    alone, _, _ = applied(fresh_ledger, log, at_once=False, refused=False)
    assert broken == alone
