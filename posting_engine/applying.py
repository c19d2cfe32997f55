"""Applying items to the books: load, decide, record; what Postgres refuses is found and set aside.

What is applied is yielded transaction by transaction, so that the caller announces it and moves
on to its positions. Infrastructure faults pass through: nothing is ever set aside for them.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest

import structlog

from posting_engine import accrual_pages, halts, traced
from posting_engine.batch import decide_batch
from posting_engine.books import Books
from posting_engine.cuts import chunk_in, may_overlap, runs
from posting_engine.pages import Pages
from posting_engine.positions import DataRefused, Position, StoreUnavailable
from posting_engine.posting.accrual_columns import NotByArrays
from posting_engine.posting.decide import decide as decide_by_the_rules
from posting_engine.quarantine import Decide
from posting_engine.refused import Trial, set_aside
from posting_engine.sealing import misfits
from posting_engine.verdict import Item, Verdict
from schemas.crash_points import crash_point
from schemas.spans import Spans

_log = structlog.get_logger()


@dataclass(slots=True)
class Applying:
    """Applies items to partitions that are held.

    `confirm` raises `Fenced` where a lease is gone: a zombie's rows collide with its successor's,
    and that must not pass for a fault of the data. `decide` is the rules, or a test's own. Without
    `by_arrays` chunks are decided loan by loan, to the same effect.
    """

    books: Books
    partition_count: int
    confirm: Callable[[], None]
    decide: Decide = decide_by_the_rules
    by_arrays: bool = True
    spans: Spans | None = None
    _ahead: tuple[Verdict, Pages] | None = None

    def apply(self, items: Sequence[Item], held: Mapping[int, Position]) -> Iterator[Verdict]:
        """Record items in order; each verdict as it was committed.

        `held` is read anew for every transaction: the caller updates it from the verdicts. A
        partition in a verdict's `halts` could not even be passed, and nothing of it follows.
        """
        halted: set[int] = set()
        self._ahead = None
        cut = list(runs(items))
        for run, following in zip_longest(cut, cut[1:]):
            going_on = [item for item in run if item.record.partition_id not in halted]
            if misfit := misfits(going_on, held):
                before = {partition_id: held[partition_id] for partition_id in misfit}
                yield Verdict(before, dict(before), halts=misfit)
                halted |= misfit.keys()
                going_on = [item for item in run if item.record.partition_id not in halted]
            if not going_on:
                continue
            try:
                yield self._recorded(going_on, held, following=None if halted else following)
            except DataRefused as refused:
                self._ahead = None
                _log.warning("postgres refuses a batch", reason=str(refused), items=len(run))
                self.confirm()
                for item in going_on:
                    if item.record.partition_id not in halted:
                        verdict = self._alone(item, held)
                        halted |= verdict.halts.keys()
                        yield verdict

    def _alone(self, item: Item, held: Mapping[int, Position]) -> Verdict:
        try:
            return self._recorded([item], held, by_arrays=False)
        except DataRefused as refused:
            reason = str(refused)
        for narrower in set_aside(item, reason, lambda tried: self._tried(tried, held)):
            try:
                return self._recorded([narrower], held, by_arrays=False)
            except DataRefused as refused:
                reason = str(refused)
        record = item.record
        before = {record.partition_id: held[record.partition_id]}
        told = halts.refused(record.offset, reason)
        return Verdict(before, dict(before), halts={record.partition_id: told})

    def _recorded(
        self,
        run: Sequence[Item],
        held: Mapping[int, Position],
        *,
        by_arrays: bool = True,
        following: Sequence[Item] | None = None,
    ) -> Verdict:
        began = time.perf_counter()
        ahead, self._ahead = self._ahead, None
        verdict, pages = ahead or self._decided(run, held, by_arrays=by_arrays)
        if verdict.after == verdict.before:
            return verdict
        if following is None or not self.by_arrays or not may_overlap(run, following):
            self.books.record(verdict, pages)
            self._tell(run, began)
            return verdict
        # While Postgres writes these chunks, the next are loaded and decided from where these end.
        after = {**held, **verdict.after}
        self.books.record(verdict, pages, lambda: self._look_ahead(following, after))
        self._tell(run, began)
        return verdict

    def _tell(self, run: Sequence[Item], began: float) -> None:
        """Put the commit into the trace of each of its commands."""
        if self.spans is not None:
            traced.tell(self.spans, run, time.perf_counter() - began)

    def _look_ahead(self, run: Sequence[Item], held: Mapping[int, Position]) -> None:
        before = {p: held[p] for p in {item.record.partition_id for item in run}}
        with suppress(NotByArrays, DataRefused, StoreUnavailable):  # then it is done in its turn
            opened = self.opened(run, before, by_arrays=True, books=self.books.second)
            self._ahead = self._decided_on(opened, run, before)

    def _tried(self, item: Item, held: Mapping[int, Position]) -> Trial:
        verdict, pages = self._decided([item], held, by_arrays=False)
        try:
            self.books.rehearse(verdict, pages)
        except DataRefused as refused:
            return Trial(str(refused), verdict, pages.waiting)
        return Trial(None, verdict, pages.waiting)

    def _decided(
        self, run: Sequence[Item], held: Mapping[int, Position], *, by_arrays: bool = True
    ) -> tuple[Verdict, Pages]:
        before = {p: held[p] for p in {item.record.partition_id for item in run}}
        if by_arrays and self.by_arrays:
            try:
                return self._decided_in(run, before, by_arrays=True)
            except NotByArrays as reason:
                _log.warning("chunks are decided loan by loan", reason=str(reason))
        return self._decided_in(run, before, by_arrays=False)

    def _decided_in(
        self, run: Sequence[Item], before: Mapping[int, Position], *, by_arrays: bool
    ) -> tuple[Verdict, Pages]:
        pages = self.opened(run, before, by_arrays=by_arrays)
        return self._decided_on(pages, run, before)

    def _decided_on(
        self, pages: Pages, run: Sequence[Item], before: Mapping[int, Position]
    ) -> tuple[Verdict, Pages]:
        crash_point("engine-pages-open")
        verdict = decide_batch(
            run,
            pages.by_partition,
            pages.earlier,
            before,
            waiting=pages.waiting,
            decide=self.decide,
        )
        crash_point("engine-decided")
        return verdict, pages

    def opened(
        self,
        run: Sequence[Item],
        before: Mapping[int, Position],
        *,
        by_arrays: bool,
        books: Books | None = None,
    ) -> Pages:
        """What a run needs of the books; its loans in columns if it is one of chunks."""
        chunks = [(item.record.partition_id, chunk_in(item)) for item in run]
        placed = [(partition_id, chunk) for partition_id, chunk in chunks if chunk is not None]
        books = books or self.books
        if by_arrays and len(placed) == len(run):
            return accrual_pages.open_pages(books, placed, before, self.partition_count)
        return books.open_pages(run, before, self.partition_count)
