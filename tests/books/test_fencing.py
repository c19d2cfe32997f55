"""One writer a partition: whoever has an old lease writes nothing, and learns it."""

import time
from collections.abc import Callable

import psycopg
import pytest

from posting_engine.batch import decide_batch
from posting_engine.books import Books
from posting_engine.patience import Patience
from posting_engine.positions import DataRefused, Fenced
from posting_engine.session import APPLICATION
from posting_engine.verdict import Item
from tests import audit
from tests.books import ledger

LOAN = ledger.loan_number(1)
OWNER = ledger.owner_of(LOAN)


def _items() -> list[Item]:
    log = ledger.LogOfCommands()
    log.append(OWNER, ledger.disbursement("disbursement:1", LOAN))
    return [Item(record, command) for record, command in log.records]


def test_a_writer_whose_lease_was_taken_writes_nothing(
    fresh_ledger: Callable[[], tuple[str, str]],
) -> None:
    admin_dsn, engine_dsn = fresh_ledger()
    zombie, successor = Books(engine_dsn), Books(engine_dsn)
    old = {OWNER: zombie.take_leases([OWNER], "zombie")[OWNER]}
    pages = zombie.open_pages(_items(), old, ledger.PARTITIONS)
    verdict = decide_batch(_items(), pages.by_partition, pages.earlier, old)

    successor.take_leases([OWNER], "successor")

    with pytest.raises(Fenced):
        zombie.record(verdict, pages)
    with psycopg.connect(admin_dsn) as connection:
        counts = connection.execute(
            "SELECT (SELECT count(*) FROM hpts.journal_entries), "
            "(SELECT count(*) FROM hpts.command_outcomes), "
            "(SELECT max(next_offset) FROM hpts.partitions)"
        ).fetchone()
    assert counts == (0, 0, 0)


def test_a_zombie_that_comes_after_its_successor_posted_writes_nothing(
    fresh_ledger: Callable[[], tuple[str, str]],
) -> None:
    admin_dsn, engine_dsn = fresh_ledger()
    zombie, successor = Books(engine_dsn), Books(engine_dsn)
    old = {OWNER: zombie.take_leases([OWNER], "zombie")[OWNER]}
    pages = zombie.open_pages(_items(), old, ledger.PARTITIONS)
    verdict = decide_batch(_items(), pages.by_partition, pages.earlier, old)

    log = ledger.LogOfCommands()
    log.append(OWNER, ledger.disbursement("disbursement:1", LOAN))
    ledger.apply(successor, log, [1])

    # The zombie's rows collide with its successor's before anybody looks at the fence.
    with pytest.raises((Fenced, DataRefused)):
        zombie.record(verdict, pages)
    assert audit.faults_of_books(admin_dsn) == []
    with psycopg.connect(admin_dsn) as connection:
        assert connection.execute("SELECT count(*) FROM hpts.journal_entries").fetchone() == (1,)


def test_a_process_stopped_between_two_statements_keeps_its_successor_waiting_for_seconds(
    fresh_ledger: Callable[[], tuple[str, str]],
) -> None:
    _, engine_dsn = fresh_ledger()
    stopped = psycopg.connect(engine_dsn, autocommit=True, application_name=APPLICATION)
    successor, patience = Books(engine_dsn), Patience()
    pipeline = stopped.pipeline()
    pipeline.__enter__()
    for statement in ("BEGIN", "UPDATE hpts.partitions SET next_offset = 1", "SELECT 1"):
        stopped.execute(statement)
    # Sent, executed, and no Sync behind it: for Postgres this session is active.
    begun = time.monotonic()
    taken = patience.until_available(lambda: successor.take_leases([OWNER], "successor"))
    seconds = time.monotonic() - begun
    stopped.close()

    assert taken[OWNER].next_offset == 0
    assert 1 < seconds < 15


def test_an_engine_that_works_is_not_taken_for_one_that_stands_still(
    fresh_ledger: Callable[[], tuple[str, str]],
) -> None:
    _, engine_dsn = fresh_ledger()
    idle, successor = Books(engine_dsn), Books(engine_dsn)
    position = idle.take_leases([OWNER], "idle")
    time.sleep(6)  # longer than anything may stand still in a transaction
    successor.take_leases([(OWNER + 1) % ledger.PARTITIONS], "successor")
    assert idle.positions([OWNER]) == position
