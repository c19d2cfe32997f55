"""Where a batch must be cut (docs/decisions/0003, 0011). How it is cut never shows in the books."""

from collections.abc import Iterator, Sequence

from posting_engine.verdict import Item
from schemas.commands import AccrualChunk, AnyCommand, Reversal
from schemas.quarantine import QuarantineResume, Resolution


def runs(items: Sequence[Item]) -> Iterator[list[Item]]:
    """Cut a batch where a command must find an earlier one's effects in Postgres itself.

    A backfill and the reversal of an accrual look dates up in the journal, so they begin a run
    of their own when the run holds anything that writes or reverses accruals. A resolution of a
    quarantine decides commands that are in Postgres only, so it is a run by itself.
    """
    run: list[Item] = []
    for item in items:
        after_accruals = any(writes_accruals(earlier.content) for earlier in run)
        if run and (_is_alone(item, run) or (reads_accruals(item.content) and after_accruals)):
            yield run
            run = []
        run.append(item)
    if run:
        yield run


def _is_alone(item: Item, run: Sequence[Item]) -> bool:
    return any(isinstance(one.content, QuarantineResume) for one in (item, run[-1]))


def reads_accruals(content: AnyCommand | Resolution | str) -> bool:
    """Whether it looks accruals up in the journal."""
    if isinstance(content, AccrualChunk):
        return content.backfill
    return isinstance(content, Reversal) and _is_of_accrual(content)


def writes_accruals(content: AnyCommand | Resolution | str) -> bool:
    """Whether it may change what such a look-up finds."""
    if isinstance(content, Reversal):
        return _is_of_accrual(content)
    return isinstance(content, AccrualChunk)


def _is_of_accrual(command: Reversal) -> bool:
    return command.part is not None or command.loan_id is not None
