"""Where a batch must be cut (docs/decisions/0003, 0011, 0024). How never shows in the books."""

from collections.abc import Iterator, Sequence
from typing import Final

from posting_engine.records import Content
from posting_engine.verdict import NO_FAULTS, Item
from schemas.commands import AccrualChunk, Reversal
from schemas.cut_over import CutOver
from schemas.quarantine import QuarantineResume

MOST_LOANS_AT_ONCE: Final = 2_000
"""Of chunks in one transaction."""


def runs(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Cut a batch where a command must find an earlier one's effects in Postgres itself.

    A backfill and the reversal of an accrual look dates up in the journal, so they begin a run
    of their own when the run holds anything that writes or reverses accruals of their partition. A
    resolution of a quarantine decides commands that are in Postgres only, so it is a run by itself.
    Chunks are decided by arrays, apart from all else, and no loan is in two chunks of a run.
    """
    run: list[Item] = []
    for item in items:
        if run and (_is_alone(item, run) or _looks_up(item, run) or not _goes_with(item, run)):
            yield run
            run = []
        run.append(item)
    if run:
        yield run


def loans_in(item: Item) -> int:
    """How many loans an item is about where these are many: zero for what concerns one or none."""
    if isinstance(item.content, AccrualChunk):
        return len(item.content.loan_ids) // 16
    # A part's reversal does not say how many.
    is_of_part = isinstance(item.content, Reversal) and item.content.part is not None
    return MOST_LOANS_AT_ONCE if is_of_part else 0


def chunk_in(item: Item) -> AccrualChunk | None:
    """The chunk that an item is, if it is to be decided by arrays."""
    chunk = item.content
    if not isinstance(chunk, AccrualChunk) or chunk.dry_run or item.faults != NO_FAULTS:
        return None
    return chunk


def _is_alone(item: Item, run: Sequence[Item]) -> bool:
    return any(isinstance(one.content, QuarantineResume | CutOver) for one in (item, run[-1]))


def _looks_up(item: Item, run: Sequence[Item]) -> bool:
    """Whether it must find in the journal what the run writes."""
    partition_id = item.record.partition_id
    return reads_accruals(item.content) and any(
        writes_accruals(one.content) for one in run if one.record.partition_id == partition_id
    )


def _goes_with(item: Item, run: Sequence[Item]) -> bool:
    """Whether both are chunks to be decided by arrays, with room for one more, or neither is."""
    is_chunk = chunk_in(item) is not None
    if not is_chunk or chunk_in(run[0]) is None:
        return not is_chunk and chunk_in(run[0]) is None
    return sum(map(loans_in, (item, *run))) <= MOST_LOANS_AT_ONCE and may_overlap([item], run)


def may_overlap(items: Sequence[Item], others: Sequence[Item]) -> bool:
    """Whether all are chunks to be decided by arrays, and none of the ones needs what another of
    the others writes: no loan, and for a backfill nothing of its partition.
    """
    for item in items:
        for other in others:
            one, two = chunk_in(item), chunk_in(other)
            if one is None or two is None:
                return False
            if item.record.partition_id != other.record.partition_id:
                continue
            if one.backfill or two.backfill or _may_share_a_loan(one, two):
                return False
    return True


def _may_share_a_loan(one: AccrualChunk, other: AccrualChunk) -> bool:
    """By the first and the last loan of each, since their ids ascend."""
    return (
        one.tenant_id == other.tenant_id
        and one.loan_ids[:16] <= other.loan_ids[-16:]
        and other.loan_ids[:16] <= one.loan_ids[-16:]
    )


def reads_accruals(content: Content | str) -> bool:
    """Whether it looks accruals up in the journal."""
    if isinstance(content, AccrualChunk):
        return content.backfill
    return isinstance(content, Reversal) and _is_of_accrual(content)


def writes_accruals(content: Content | str) -> bool:
    """Whether it may change what such a look-up finds."""
    if isinstance(content, Reversal):
        return _is_of_accrual(content)
    return isinstance(content, AccrualChunk)


def _is_of_accrual(command: Reversal) -> bool:
    return command.part is not None or command.loan_id is not None
