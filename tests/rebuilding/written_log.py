"""A log of everything that can happen, written to Kafka, and applied as a live engine would."""

import os
import random
from collections.abc import Callable, Iterable
from typing import Any, Final

from confluent_kafka import Producer

from hpts.rebuilding.topic import TopicSource
from posting_engine import halts
from posting_engine.books import Books
from posting_engine.records import DeadLetter, Record, examine
from posting_engine.verdict import Item
from schemas import codec, signing
from schemas.commands import AnyCommand
from schemas.signing import SigningKey
from schemas.topics import COMMANDS, SIGNATURE_HEADER
from tests.books import ledger
from tests.books.mixed_log import decide_or_break, plant, recorded
from tests.faults.own_ledger import OwnLedger

COMMANDS_WRITTEN: Final = int(os.environ.get("HPTS_REPLAY_COMMANDS", "1500"))
FORGED_EVERY: Final = 97
ABORTED_EVERY: Final = 211


def mixed_commands(fresh_ledger: Callable[[], tuple[str, str]], *, seed: int) -> list[Any]:
    """(partition, command) of every kind, as somebody wrote them to whom they made sense: first one
    whole life, then a mixture of everything. Append times are others here than there, so more of
    what breaks goes on breaking.
    """
    written = []
    for commands in (0, COMMANDS_WRITTEN):
        admin_dsn, engine_dsn = fresh_ledger()
        plant(admin_dsn)
        books = Books(engine_dsn)
        log = recorded(ledger.Engine(books, decide_or_break), commands=commands, seed=seed)
        books.close()
        written += [(record.partition_id, command) for record, command in log.records]
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
