"""One writer a partition: whoever has an old lease writes nothing, and learns it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from posting_engine.batch import decide_batch
from posting_engine.books import Books
from posting_engine.patience import Patience
from posting_engine.positions import DataRefused, Fenced, NotTheGroup
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


def test_a_group_that_is_not_the_pinned_one_takes_no_lease_and_fences_nobody(
    fresh_ledger: Callable[[], tuple[str, str]],
) -> None:
    admin_dsn, engine_dsn = fresh_ledger()
    with psycopg.connect(admin_dsn) as connection:
        connection.execute(
            "INSERT INTO hpts_edge.ledger_settings (partition_count, group_id, commands_topic_id,"
            " outcomes_topic_id, schema_version) VALUES (%s, 'pinned', 'a topic', 'another', 1)",
            [ledger.PARTITIONS],
        )
    pinned, other = Books(engine_dsn), Books(engine_dsn)
    held = pinned.take_leases([OWNER], "pinned", group_id="pinned")
    pages = pinned.open_pages(_items(), held, ledger.PARTITIONS)
    verdict = decide_batch(_items(), pages.by_partition, pages.earlier, held)

    with pytest.raises(NotTheGroup, match="pinned to pinned"):
        other.take_leases([OWNER], "other", group_id="another")

    assert pinned.positions([OWNER]) == held
    assert pinned.owners([OWNER]) == {"pinned"}
    pinned.record(verdict, pages)
    assert audit.faults_of_books(admin_dsn) == []


def test_the_positions_are_locked_before_anything_is_written(
    fresh_ledger: Callable[[], tuple[str, str]],
) -> None:
    """Else two writers of one partition could each hold what the other waits for."""
    admin_dsn, engine_dsn = fresh_ledger()
    books = Books(engine_dsn)
    held = {OWNER: books.take_leases([OWNER], "a test")[OWNER]}
    pages = books.open_pages(_items(), held, ledger.PARTITIONS)
    verdict = decide_batch(_items(), pages.by_partition, pages.earlier, held)

    with psycopg.connect(admin_dsn) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute("SELECT FROM hpts.partitions FOR UPDATE")
        writing = pool.submit(books.record, verdict, pages)
        while not (tables := _written_by_who_waits(admin_dsn)):
            assert not writing.done(), writing.exception()
        holder.rollback()
        assert tables == ["partitions"]
        writing.result(timeout=30)
    assert audit.faults_of_books(admin_dsn) == []


def _written_by_who_waits(admin_dsn: str) -> list[str]:
    """The tables that the engine's session, waiting for a lock, has begun to write."""
    with psycopg.connect(admin_dsn) as connection:
        rows = connection.execute(
            "SELECT DISTINCT c.relname FROM pg_stat_activity AS a JOIN pg_locks AS l USING (pid)"
            " JOIN pg_class AS c ON c.oid = l.relation WHERE a.application_name = %s"
            " AND a.datname = current_database() AND a.wait_event_type = 'Lock'"
            " AND c.relkind = 'r' AND l.mode = 'RowExclusiveLock' ORDER BY 1",
            [APPLICATION],
        ).fetchall()
    return [table for (table,) in rows]
