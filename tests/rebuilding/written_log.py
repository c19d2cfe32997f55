"""A log of everything that can happen, written to Kafka, and applied as a live engine would."""

import os
import random
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, Final

from confluent_kafka import Producer

from hpts.rebuilding.topic import TopicSource
from posting_engine import halts
from posting_engine.books import Books
from posting_engine.posting.decide import decide
from posting_engine.posting.journal import BrokenInvariant
from posting_engine.posting.page import Decision, Page, Place
from posting_engine.records import DeadLetter, Record, examine
from posting_engine.verdict import Item
from schemas import codec, signing
from schemas.commands import AnyCommand, PeriodClose, PeriodClosed
from schemas.placement import place_of
from schemas.signing import SigningKey
from schemas.topics import COMMANDS, SIGNATURE_HEADER
from tests.books import ledger
from tests.books.mixed_log import BREAKING_MINOR, plant, recorded
from tests.faults.own_ledger import OwnLedger

COMMANDS_WRITTEN: Final = int(os.environ.get("HPTS_REPLAY_COMMANDS", "600"))
FORGED_EVERY: Final = 97
ABORTED_EVERY: Final = 211


def decide_or_break(command: AnyCommand, place: Place, page: Page) -> Decision:
    """Our rules, and one more, whatever the time: append times are the broker's, so a rule that
    hung on them would make another story of the log than its author had in mind.
    """
    if getattr(command, "amount_minor", None) == BREAKING_MINOR:
        raise BrokenInvariant("a rule of a test would be broken")
    return decide(command, place, page)


def mixed_commands(fresh_ledger: Callable[[], tuple[str, str]], *, seed: int) -> list[Any]:
    """(partition, command) of every kind, as somebody wrote them to whom they made sense; in the
    end two months are closed.
    """
    admin_dsn, engine_dsn = fresh_ledger()
    plant(admin_dsn)
    books = Books(engine_dsn)
    log = recorded(ledger.Engine(books, decide_or_break), commands=COMMANDS_WRITTEN, seed=seed)
    books.close()
    written = [(record.partition_id, command) for record, command in log.records]
    for number, closed_through in enumerate((date(2026, 1, 31), date(2026, 2, 28))):
        key = f"the last close:{number}"
        close = PeriodClose(**ledger.envelope(key), closed_through=closed_through)
        written.append((place_of(close, ledger.PARTITIONS)[0], close))
        written += [
            (
                partition_id,
                PeriodClosed(
                    **ledger.envelope(f"{key}/{partition_id}"),
                    closed_through=closed_through,
                    partition_id=partition_id,
                ),
            )
            for partition_id in range(ledger.PARTITIONS)
        ]
    return written


def write(own: OwnLedger, commands: Iterable[tuple[int, AnyCommand]], *, seed: int) -> None:
    """Write them, signed; now and then one twice, a forgery, or an aborted transaction."""
    key = signing_key(own)
    chance = random.Random(seed)
    settings = {"bootstrap.servers": own.bootstrap, "linger.ms": 5}
    plain = Producer({**settings, "enable.idempotence": True})
    stranger = Producer({**settings, "transactional.id": f"stranger-{seed}"})
    stranger.init_transactions(10)
    for number, (partition_id, command) in enumerate(commands):
        value = codec.encode(command)
        headers: list[tuple[str, str | bytes | None]]
        headers = [(SIGNATURE_HEADER, signing.sign(key, value))]
        for _ in range(1 + (chance.random() < 0.02)):
            plain.produce(COMMANDS, value, b"key", partition_id, headers=headers)
        if number % FORGED_EVERY == 50:
            plain.produce(COMMANDS, value[:-1], b"key", partition_id, headers=headers)
        plain.poll(0)
        if number % ABORTED_EVERY == 100:
            plain.flush(10)
            stranger.begin_transaction()
            stranger.produce(COMMANDS, b"never committed", b"key", partition_id)
            stranger.flush(10)
            stranger.abort_transaction(10)
    assert plain.flush(30) == 0


def signing_key(own: OwnLedger) -> SigningKey:
    """The key that the ledger's own processes sign with."""
    books = Books(own.dsn_of("hpts_engine"))
    try:
        [key] = books.key_ring().values()
    finally:
        books.close()
    return key


def apply_live(own: OwnLedger, *, cuts: list[int]) -> None:
    """Apply what the log holds, in batches of these sizes in turn, partition by partition, with a
    rule that breaks and a Postgres that refuses.
    """
    plant(own.admin_dsn)
    source = TopicSource(own.bootstrap)
    books = Books(own.dsn_of("hpts_engine"))
    engine = ledger.Engine(books, decide_or_break)
    ring = {key.key_id: key for key in (signing_key(own),)}
    try:
        for partition_id, (begin, end) in source.bounds().items():
            items = list(_items(source.read(partition_id, begin, end), ring, partition_id, end))
            turn = 0
            while items:
                size = cuts[turn % len(cuts)]
                turn += 1
                engine.apply_items(items[:size])
                items = items[size:]
    finally:
        books.close()


def _items(
    records: Iterable[Record], ring: dict[str, SigningKey], partition_id: int, end: int
) -> Iterable[Item]:
    due = 0
    last = ledger.BEGINNING
    for record in records:
        yield from _hidden(partition_id, due, record.offset, last)
        try:
            yield Item(record, examine(record, ring, ledger.PARTITIONS))
        except DeadLetter as letter:
            yield Item(record, str(letter))
        due, last = record.offset + 1, record.appended_at
    yield from _hidden(partition_id, due, end, last)


def _hidden(partition_id: int, due: int, came: int, last: Any) -> Iterable[Item]:
    for offset in range(due, came):
        yield Item(Record(partition_id, offset, last, None, None, ()), halts.HIDDEN)
