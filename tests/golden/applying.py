"""Applying a log to books by the engine's own code, without the engine: small, and one seam.

`hpts replay` does this for people; here only what a recorded log needs is done.
"""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from hpts.rebuilding.source import Facts, LogSource
from posting_engine import halts
from posting_engine.applying import Applying
from posting_engine.books import Books
from posting_engine.posting.decide import decide as decide_by_the_rules
from posting_engine.quarantine import Decide, is_of_many_loans
from posting_engine.records import DeadLetter, Record, examine
from posting_engine.verdict import Faults, Item
from schemas.partitioning import NO_LOAN
from schemas.quarantine import QuarantineReject, QuarantineResume
from schemas.signing import SigningKey

BATCH = 97


def apply_log(
    source: LogSource,
    engine_dsn: str,
    *,
    facts: Facts | None = None,
    decide: Decide = decide_by_the_rules,
) -> None:
    """Apply all of a log from where the books stand. `facts` None: the source's own."""
    books = Books(engine_dsn)
    facts = source.facts() if facts is None else facts
    bounds = source.bounds()
    held = books.take_leases(list(bounds), "a test")
    ring = books.key_ring()

    def confirm() -> None:
        assert books.positions(list(held)).keys() == held.keys()

    for partition_id, (_, end) in bounds.items():
        assert held[partition_id].topic_id == source.topic_id
        first, appended_at = held[partition_id].next_offset, held[partition_id].last_appended_at
        applying = Applying(books, len(bounds), confirm, decide=decide)
        items = list(_items(source, partition_id, first, end, appended_at, facts, ring))
        for begin in range(0, len(items), BATCH):
            for verdict in applying.apply(items[begin : begin + BATCH], held):
                assert verdict.halts == {}
                held.update(verdict.after)
    books.release_leases(list(held.values()))
    books.close()


def _items(
    source: LogSource,
    partition_id: int,
    first: int,
    end: int,
    appended_at: datetime,
    facts: Facts,
    ring: dict[str, SigningKey],
) -> Iterator[Item]:
    due = first
    for record in source.read(partition_id, first, end):
        yield from _hidden(partition_id, due, record.offset, appended_at)
        yield _item_of(record, facts, ring, len(source.bounds()))
        due, appended_at = record.offset + 1, record.appended_at
    yield from _hidden(partition_id, due, end, appended_at)


def _hidden(partition_id: int, first: int, end: int, appended_at: datetime) -> Iterator[Item]:
    for offset in range(first, end):
        yield Item(Record(partition_id, offset, appended_at, None, None, ()), halts.HIDDEN)


def _item_of(
    record: Record, facts: Facts, ring: dict[str, SigningKey], partition_count: int
) -> Item:
    known = facts.dead_letters.get((record.partition_id, record.offset))
    if known is not None:
        return Item(record, known)
    try:
        content = examine(record, ring, partition_count)
    except DeadLetter as letter:
        return Item(record, str(letter))
    broken: list[tuple[int, UUID, str]] = [
        (offset, loan, why)
        for (partition, decided, offset, loan), why in facts.quarantines.items()
        if (partition, decided) == (record.partition_id, record.offset)
    ]
    is_resolution = isinstance(content, QuarantineResume | QuarantineReject)
    shares = not is_resolution and is_of_many_loans(content)
    commands = {offset: why for offset, loan, why in broken if not shares or loan == NO_LOAN}
    loans = {loan: why for _, loan, why in broken if shares and loan != NO_LOAN}
    return Item(record, content, Faults(commands, loans))
