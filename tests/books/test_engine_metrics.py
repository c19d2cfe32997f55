"""What the engine counts when something is wrong, on a real Postgres."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from prometheus_client import REGISTRY

from posting_engine import metrics
from posting_engine.batch import decide_batch
from posting_engine.books import Books
from posting_engine.verdict import Item
from tests.books import ledger

LOAN = ledger.loan_number(1)
OWNER = ledger.owner_of(LOAN)
MakeLedger = Callable[[], tuple[str, str]]


def told(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def number(name: str, **labels: str) -> float:
    return told(name, **labels) or 0.0


def test_a_halt_is_shown_until_the_partition_is_another_s(fresh_ledger: MakeLedger) -> None:
    _, engine_dsn = fresh_ledger()
    books, successor = Books(engine_dsn), Books(engine_dsn)
    halts, fenced = number("hpts_engine_halts_total"), number("hpts_engine_fenced_total")
    position = books.take_leases([OWNER], "first")[OWNER]
    partition = {"partition": str(OWNER)}
    assert told("hpts_engine_halted", **partition) == 0

    books.note_halt(position, "of a test")
    assert told("hpts_engine_halted", **partition) == 1
    assert number("hpts_engine_halts_total") == halts + 1

    successor.take_leases([OWNER], "second")
    books.note_fenced([position], "first")
    assert number("hpts_engine_fenced_total") == fenced + 1
    assert told("hpts_engine_halted", **partition) is None
    for one in (books, successor):
        one.close()


def test_a_batch_is_counted_by_what_became_of_its_records(fresh_ledger: MakeLedger) -> None:
    _, engine_dsn = fresh_ledger()
    books = Books(engine_dsn)
    held = books.take_leases([OWNER], "engine")
    log = ledger.LogOfCommands()
    log.append(OWNER, ledger.disbursement("open:1", LOAN))
    log.append(OWNER, ledger.payment("pay:1", LOAN, 1_00))
    log.append(OWNER, ledger.payment("pay:2", LOAN, 1_00))
    items = [Item(record, command) for record, command in log.records]
    items[1] = replace(items[1], content="no command")
    commands = {"command_type": "Payment", "status": "posted"}
    before = [
        number("hpts_engine_commands_total", **commands),
        number("hpts_engine_dead_letters_total"),
        number("hpts_engine_batch_records_sum"),
        number("hpts_engine_commit_seconds_count"),
    ]
    pages = books.open_pages(items, held, ledger.PARTITIONS)
    verdict = decide_batch(items, pages.by_partition, pages.earlier, held)
    books.record(verdict, pages)
    metrics.note_applied(verdict)

    after = [
        number("hpts_engine_commands_total", **commands),
        number("hpts_engine_dead_letters_total"),
        number("hpts_engine_batch_records_sum"),
        number("hpts_engine_commit_seconds_count"),
    ]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 3, 1]
    books.close()


def test_lag_grows_while_the_process_stands_still(fresh_ledger: MakeLedger) -> None:
    _, engine_dsn = fresh_ledger()
    books = Books(engine_dsn)
    position = books.take_leases([OWNER], "engine")[OWNER]
    long_ago = datetime.now(UTC) - timedelta(minutes=5)
    behind = replace(position, reached_at=long_ago, quarantined_count=2)
    partition = {"partition": str(OWNER)}

    metrics.note_ends({OWNER: behind}, {OWNER: behind.next_offset + 7})

    first = number("hpts_engine_lag_seconds", **partition)
    assert 300 <= first < 330
    assert number("hpts_engine_lag_seconds", **partition) > first
    assert number("hpts_engine_lag_commands", **partition) == 7
    assert number("hpts_engine_quarantined_commands", **partition) == 2
    books.release_leases([behind])
    assert told("hpts_engine_lag_seconds", **partition) is None
    books.close()


def test_what_no_checkpoint_covers_is_as_old_as_the_last_one_that_was_new() -> None:
    state = {"partition_id": 77, "last_entry_seq": 5, "entry_seq": 3}
    age = "hpts_engine_checkpoint_age_seconds"

    def looked(**changed: int) -> float:
        metrics.note_checkpoint_age(state | changed)
        return number(age, partition="77")

    assert looked() == 0
    deadline = time.monotonic() + 5
    while looked(last_entry_seq=9) <= 0.001:
        assert time.monotonic() < deadline
    assert looked(last_entry_seq=9, entry_seq=8) == 0, "a new checkpoint, and news since"
    assert looked(last_entry_seq=9, entry_seq=9) == 0
    metrics.forget([77])
    assert told(age, partition="77") is None
