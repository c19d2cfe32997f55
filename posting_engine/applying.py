"""Applying items to the books: load, decide, record; what Postgres refuses is found and set aside.

What is applied is yielded transaction by transaction, so that the caller announces it and moves
on to its positions. Infrastructure faults pass through: nothing is ever set aside for them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import structlog

from posting_engine import halts
from posting_engine.batch import decide_batch
from posting_engine.books import Books
from posting_engine.cuts import runs
from posting_engine.pages import Pages
from posting_engine.positions import DataRefused, Position
from posting_engine.posting.decide import decide as decide_by_the_rules
from posting_engine.quarantine import Decide
from posting_engine.refused import Trial, set_aside
from posting_engine.verdict import Item, Verdict

_log = structlog.get_logger()


@dataclass(slots=True)
class Applying:
    """Applies items to partitions that are held.

    `confirm` raises `Fenced` where a lease is gone: a zombie's rows collide with its successor's,
    and that must not pass for a fault of the data. `decide` is the rules, or a test's own.
    """

    books: Books
    partition_count: int
    confirm: Callable[[], None]
    decide: Decide = decide_by_the_rules

    def apply(self, items: Sequence[Item], held: Mapping[int, Position]) -> Iterator[Verdict]:
        """Record items in order; each verdict as it was committed.

        `held` is read anew for every transaction: the caller updates it from the verdicts. A
        partition in a verdict's `halts` could not even be passed, and nothing of it follows.
        """
        halted: set[int] = set()
        for run in runs(items):
            going_on = [item for item in run if item.record.partition_id not in halted]
            if not going_on:
                continue
            try:
                yield self._recorded(going_on, held)
            except DataRefused as refused:
                _log.warning("postgres refuses a batch", reason=str(refused), items=len(run))
                self.confirm()
                for item in going_on:
                    if item.record.partition_id not in halted:
                        verdict = self._alone(item, held)
                        halted |= verdict.halts.keys()
                        yield verdict

    def _alone(self, item: Item, held: Mapping[int, Position]) -> Verdict:
        try:
            return self._recorded([item], held)
        except DataRefused as refused:
            reason = str(refused)
        for narrower in set_aside(item, reason, lambda tried: self._tried(tried, held)):
            try:
                return self._recorded([narrower], held)
            except DataRefused as refused:
                reason = str(refused)
        record = item.record
        before = {record.partition_id: held[record.partition_id]}
        told = halts.refused(record.offset, reason)
        return Verdict(before, dict(before), halts={record.partition_id: told})

    def _recorded(self, run: Sequence[Item], held: Mapping[int, Position]) -> Verdict:
        verdict, pages = self._decided(run, held)
        if verdict.after != verdict.before:
            self.books.record(verdict, pages)
        return verdict

    def _tried(self, item: Item, held: Mapping[int, Position]) -> Trial:
        verdict, pages = self._decided([item], held)
        try:
            self.books.rehearse(verdict, pages)
        except DataRefused as refused:
            return Trial(str(refused), verdict, pages.waiting)
        return Trial(None, verdict, pages.waiting)

    def _decided(self, run: Sequence[Item], held: Mapping[int, Position]) -> tuple[Verdict, Pages]:
        before = {p: held[p] for p in {item.record.partition_id for item in run}}
        pages = self.books.open_pages(run, before, self.partition_count)
        verdict = decide_batch(
            run,
            pages.by_partition,
            pages.earlier,
            before,
            waiting=pages.waiting,
            decide=self.decide,
        )
        return verdict, pages
