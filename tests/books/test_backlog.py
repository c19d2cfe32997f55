"""What is applied in one turn of the worker, and what in one transaction."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from posting_engine.backlog import BUSY_LOANS, QUIET_LOANS, Backlog
from posting_engine.books import Books
from posting_engine.cuts import chunk_in, loans_in, may_overlap, runs
from posting_engine.records import Record
from posting_engine.verdict import Item
from posting_engine.worker import Identity, Worker
from schemas.commands import AnyCommand
from tests.books import ledger

LOANS = [UUID(int=number) for number in range(1, 3001)]
LOAN = LOANS[0]


def item(partition_id: int, offset: int, command: AnyCommand) -> Item:
    return Item(Record(partition_id, offset, ledger.BEGINNING, None, b"12345", ()), command)


def payment(partition_id: int, offset: int) -> Item:
    return item(partition_id, offset, ledger.payment(f"payment:{offset}", LOAN))


def chunk(partition_id: int, offset: int, *, loans: int = 1000, first: int = 0) -> Item:
    named = LOANS[first : first + loans]
    return item(
        partition_id, offset, ledger.accrual(f"accrual:{offset}", partition_id, named, day=31)
    )


def places(items: list[Item]) -> list[tuple[int, int]]:
    return [(one.record.partition_id, one.record.offset) for one in items]


def test_payments_go_first_and_chunks_only_as_far_as_there_is_room() -> None:
    backlog = Backlog()
    backlog.add(chunk(p, n) for p in range(6) for n in range(2))
    backlog.add([payment(6, 0), payment(6, 1)])

    with_payments, soon = places(backlog.turn(7.0)), places(backlog.turn(7.9))
    after_a_while = places(backlog.turn(8.0))

    assert with_payments[:2] == [(6, 0), (6, 1)]
    assert len(with_payments[2:]) == BUSY_LOANS // 1000
    assert len(soon) == BUSY_LOANS // 1000
    assert len(after_a_while) == QUIET_LOANS // 1000
    assert len({partition_id for partition_id, _ in after_a_while}) == len(after_a_while)


def test_a_chunk_that_a_payment_waits_behind_goes_before_others() -> None:
    backlog = Backlog()
    backlog.add(chunk(p, n) for p in range(6) for n in range(2))
    backlog.add([payment(4, 2), payment(5, 2)])

    assert [places(backlog.turn(0.0)) for _ in range(5)] == [
        [(4, 0)],
        [(5, 0)],
        [(4, 1)],
        [(4, 2), (5, 1)],
        [(5, 2), (0, 0)],
    ]


def test_a_payment_behind_a_chunk_of_its_partition_waits_for_it() -> None:
    backlog = Backlog()
    backlog.add([payment(0, 0), chunk(0, 1), payment(0, 2), chunk(0, 3)])
    assert places(backlog.turn(0.0)) == [(0, 0), (0, 1)]
    assert places(backlog.turn(0.0)) == [(0, 2), (0, 3)]
    assert not backlog


def test_what_is_larger_than_the_room_goes_alone() -> None:
    backlog = Backlog()
    undo = ledger.reversal("undo/0/0", LOAN, part=0, chunks_total=1)
    backlog.add([item(0, 0, undo), chunk(1, 0)])
    assert sorted(places(backlog.turn(0.0)) + places(backlog.turn(0.0))) == [(0, 0), (1, 0)]


def test_what_is_forgotten_is_not_applied_and_takes_no_room() -> None:
    backlog = Backlog()
    backlog.add([payment(0, 0), payment(1, 0)])
    assert (len(backlog), backlog.value_bytes) == (2, 10)
    backlog.forget([0, 5])
    assert (len(backlog), backlog.value_bytes, list(backlog.partitions)) == (1, 5, [1])
    backlog.clear()
    assert (len(backlog), backlog.value_bytes) == (0, 0)


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=40))
def test_everything_is_applied_once_in_the_order_of_its_partition(
    drawn: list[tuple[int, bool]],
) -> None:
    items = [
        chunk(p, n, loans=900) if is_chunk else payment(p, n)
        for n, (p, is_chunk) in enumerate(drawn)
    ]
    backlog = Backlog()
    backlog.add(items)
    applied: list[Item] = []
    while backlog:
        turn = backlog.turn(0.0)
        assert turn
        assert sum(map(loans_in, turn)) <= QUIET_LOANS
        applied += turn
    assert backlog.value_bytes == 0
    assert len(applied) == len(items)
    for partition_id in range(4):
        of_partition = [one for one in applied if one.record.partition_id == partition_id]
        assert of_partition == [one for one in items if one.record.partition_id == partition_id]


def test_a_run_by_arrays_has_nothing_but_chunks_without_a_loan_in_common() -> None:
    same_loans, other_loans = chunk(0, 2), chunk(0, 3, first=1000)
    batch = [payment(1, 0), chunk(0, 0), chunk(1, 1), same_loans, other_loans, payment(1, 2)]
    cut = [places(run) for run in runs(batch)]
    assert cut == [[(1, 0)], [(0, 0), (1, 1)], [(0, 2), (0, 3)], [(1, 2)]]


def test_what_looks_accruals_up_never_overlaps_with_a_chunk_of_its_partition() -> None:
    backfill = item(0, 1, ledger.accrual("late", 0, LOANS[2000:], day=30, backfill=True))
    assert not may_overlap([chunk(0, 0)], [backfill])
    assert may_overlap([chunk(1, 0)], [backfill])
    assert may_overlap([chunk(0, 0)], [chunk(0, 1, first=1000)])
    assert not may_overlap([chunk(0, 0)], [chunk(0, 1)])
    assert not may_overlap([payment(1, 0)], [chunk(0, 0)])


def test_chunks_that_touch_by_range_are_cut_and_those_of_another_tenant_are_not() -> None:
    inside = chunk(0, 1, loans=10, first=500)
    of_other = replace(ledger.accrual("theirs", 0, LOANS[:10], day=31), tenant_id=UUID(int=9))
    assert len(list(runs([chunk(0, 0), inside]))) == 2
    assert len(list(runs([chunk(0, 0), item(0, 1, of_other)]))) == 1


def test_a_transaction_has_no_more_loans_than_may_be_waited_for() -> None:
    batch = [chunk(p, 0) for p in range(9)]
    assert [sum(map(loans_in, run)) for run in runs(batch)] == [2000, 2000, 2000, 2000, 1000]


def test_what_was_taken_before_an_assignment_is_read_again(
    fresh_ledger: Callable[[], tuple[str, str]],
) -> None:
    _, engine_dsn = fresh_ledger()
    books = Books(engine_dsn)
    identity = Identity(
        owner="a test",
        signing_key_id="none",
        partition_count=ledger.PARTITIONS,
        topic_id="a topic",
        batch_records=500,
    )
    nobody: Any = None
    worker = Worker(identity, books, nobody, nobody, {})
    worker.assigned([0, 1])
    worker._backlog.add([payment(0, 0), payment(1, 0)])
    worker.assigned([0])
    assert list(worker._backlog.partitions) == [1]
    books.close()


def test_what_is_set_aside_or_only_tried_is_decided_loan_by_loan() -> None:
    tried = replace(ledger.accrual("tried", 0, LOANS[:3], day=31), dry_run=True)
    assert chunk_in(item(0, 0, tried)) is None
    assert chunk_in(chunk(0, 0)) is not None
    assert chunk_in(payment(0, 0)) is None
