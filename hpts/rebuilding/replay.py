"""Applying a log to an empty schema: the engine's own code, and nothing that leaves it.

Each partition by itself, since no decision reads another one. The position moves in the transaction
that writes, and a lease fences whoever else replays into the same schema, so a replay that was
killed goes on from where it stood, and two at once do no harm.
"""

import functools
import logging
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog

from hpts.local.processes import end_with
from hpts.rebuilding.source import Facts, LogSource, SourceDamaged
from posting_engine import halts
from posting_engine.applying import Applying
from posting_engine.books import Books
from posting_engine.client_settings import BATCH_BYTES
from posting_engine.positions import Fenced, Position
from posting_engine.posting.decide import decide as decide_by_the_rules
from posting_engine.quarantine import Decide, is_of_many_loans
from posting_engine.records import Content, DeadLetter, Record, UnknownToThisBuild, examine
from posting_engine.session import options_of
from posting_engine.store import connect_as_engine
from posting_engine.verdict import NO_FAULTS, Faults, Item
from schemas.cut_over import CutOver
from schemas.memory import seldom_collected
from schemas.partitioning import NO_LOAN
from schemas.quarantine import QuarantineReject, QuarantineResume
from schemas.signing import SigningKey

BATCH_RECORDS: Final = 1_000
APPLICATION: Final = "hpts-replay"
_PLAN_ANEW_S: Final = 1.0
_ROLE: Final = "-c role=hpts_engine"
# A crash of the server may take the last transactions with it, positions and all: they are
# replayed again. Whoever promotes waits for a durable commit, and so for all before it.
_LAX: Final = "-c synchronous_commit=off"


class CannotReplay(Exception):
    """The log cannot be applied by this build, or not to this schema. The message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one process needs to replay partitions: where from, where to, and how far.

    `source` makes the log in that process. `ends`: partition -> the offset to stop before.
    """

    source: Callable[[], LogSource]
    dsn: str
    schema: str
    partition_count: int
    ends: Mapping[int, int]
    facts: Facts
    batch_records: int = BATCH_RECORDS
    decide: Decide = decide_by_the_rules


def books_in(dsn: str, schema: str) -> Books:
    """The books of a schema, as the engine would use them, by an administrator's connection."""
    options = f"{options_of(schema)} {_LAX} {_ROLE}"
    connect = functools.partial(connect_as_engine, options=options, application=APPLICATION)
    return Books(dsn, connect)


def replay_all(share: Share, *, processes: int | None = None, on_look: Callable[[], Any]) -> None:
    """Replay every partition up to its end, the longest first, several at a time.

    `on_look` is called about twice a second. Raises what a process raised: `CannotReplay`,
    `SourceDamaged`, `ClusterUnavailable`, `Fenced`, `StoreUnavailable`; what was applied stays.
    """
    count = processes or os.cpu_count() or 1
    longest_first = sorted(share.ends, key=lambda p: -share.ends[p])
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        count, mp_context=context, initializer=_begin_process, initargs=(os.getpid(),)
    ) as pool:
        left = {pool.submit(replay_partition, share, p) for p in longest_first}
        try:
            while left:
                done, left = wait(left, timeout=0.5, return_when="FIRST_COMPLETED")
                for one in done:
                    one.result()
                on_look()
        except BrokenProcessPool as broken:
            raise CannotReplay("a process of the replay was killed: run it again") from broken
        except BaseException:
            _end(pool)
            raise


def _begin_process(parent: int) -> None:
    """End with the one that began us, however that ends; say what goes wrong on standard error."""
    end_with(parent, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent sees to it
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    seldom_collected()


def _end(pool: ProcessPoolExecutor) -> None:
    """End at once: a transaction that is under way is rolled back."""
    for process in multiprocessing.active_children():
        process.kill()
    pool.shutdown(wait=False, cancel_futures=True)


def replay_partition(share: Share, partition_id: int) -> None:
    """Replay one partition in this process."""
    books = books_in(share.dsn, share.schema)
    try:
        _Partition(share, books, partition_id).run()
    finally:
        books.close()


@dataclass(slots=True)
class _Partition:
    share: Share
    books: Books
    partition_id: int
    held: dict[int, Position] = field(default_factory=dict)
    _ring: dict[str, SigningKey] = field(default_factory=dict)
    _broken_at: dict[int, list[tuple[int, UUID, str]]] = field(default_factory=dict)
    _planned_at: float = 0.0

    def run(self) -> None:
        share, partition_id = self.share, self.partition_id
        owner = f"{APPLICATION}/{os.getpid()}"
        self.held = self.books.take_leases([partition_id], owner)
        self._ring = self.books.key_ring()
        for (place, decided, offset, loan_id), reason in share.facts.quarantines.items():
            if place == partition_id:
                self._broken_at.setdefault(decided, []).append((offset, loan_id, reason))
        source = share.source()
        if self.held[partition_id].topic_id != source.topic_id:
            raise CannotReplay(halts.foreign(self.held[partition_id], source.topic_id))
        batch: list[Item] = []
        size = 0
        for item in self._items(source):
            batch.append(item)
            size += len(item.record.value or b"")
            if len(batch) >= share.batch_records or size >= BATCH_BYTES:
                self._apply(batch)
                batch, size = [], 0
        self._apply(batch)
        self.books.release_leases(list(self.held.values()))

    def _items(self, source: LogSource) -> Iterator[Item]:
        """What is to be applied, an item for each offset up to the end."""
        position = self.held[self.partition_id]
        due, end = position.next_offset, self.share.ends[self.partition_id]
        if due >= end:
            return
        begin = due - (position.last_record_hash is not None)
        appended_at = position.last_appended_at
        for record in source.read(self.partition_id, begin, end):
            if begin == position.next_offset - 1:  # the last applied one must be what it was
                if record.offset != begin or record.hash != position.last_record_hash:
                    raise SourceDamaged(halts.rewritten(position, record.offset))
                begin = due
                continue
            yield from self._hidden(due, record.offset, appended_at)
            yield self._item_of(record)
            due, appended_at = record.offset + 1, record.appended_at
        if begin == position.next_offset - 1:
            raise SourceDamaged(halts.rewritten(position, begin))
        yield from self._hidden(due, end, appended_at)

    def _hidden(self, due: int, came: int, appended_at: datetime) -> Iterator[Item]:
        for offset in range(due, came):
            record = Record(self.partition_id, offset, appended_at, None, None, ())
            yield Item(record, halts.HIDDEN)

    def _item_of(self, record: Record) -> Item:
        place = (record.partition_id, record.offset)
        if (known := self.share.facts.dead_letters.get(place)) is not None:
            return Item(record, known)
        try:
            content = examine(record, self._ring, self.share.partition_count)
        except DeadLetter as letter:
            return Item(record, str(letter))
        except UnknownToThisBuild as unknown:
            raise CannotReplay(f"partition {place[0]}, offset {place[1]}: {unknown}") from unknown
        return Item(record, content, self._faults_of(record, content))

    def _faults_of(self, record: Record, content: Content) -> Faults:
        """What broke when this record was applied, and so is to break again."""
        broken = self._broken_at.get(record.offset)
        if broken is None or isinstance(content, CutOver):
            return NO_FAULTS
        shares = not isinstance(content, QuarantineResume | QuarantineReject) and is_of_many_loans(
            content
        )
        commands = {offset: why for offset, loan, why in broken if not shares or loan == NO_LOAN}
        loans = {loan: why for _, loan, why in broken if shares and loan != NO_LOAN}
        return Faults(commands, loans)

    def _apply(self, items: Sequence[Item]) -> None:
        applying = Applying(
            self.books, self.share.partition_count, self._confirm, decide=self.share.decide
        )
        for verdict in applying.apply(items, self.held):
            for partition_id, reason in verdict.halts.items():
                raise CannotReplay(f"partition {partition_id}: {reason}")
            self.held.update(verdict.after)
        if time.monotonic() > self._planned_at + _PLAN_ANEW_S:
            self.books.forget_plans()
            self._planned_at = time.monotonic()

    def _confirm(self) -> None:
        found = self.books.positions([self.partition_id])
        if found[self.partition_id].lease_epoch != self.held[self.partition_id].lease_epoch:
            raise Fenced(f"partition {self.partition_id}: another replay has taken it")
