"""A log of everything on a real topic, and the live books that a real engine made of it.

The commands are those of `tests.books.mixed_log` (every event, refusals, closes, steps, quarantines
and what operators decide of them), made once on a ledger without Kafka; then as many plain ones as
are asked for, some of them twice. Between them: records that are no commands, and transactions that
were aborted.
"""

import os
import random
from collections.abc import Iterator
from datetime import date
from uuid import uuid4

import psycopg
from confluent_kafka import Producer

from posting_engine.books import Books
from schemas import codec, signing
from schemas.commands import AnyCommand, PeriodClose
from schemas.placement import place_of
from schemas.quarantine import Resolution
from schemas.signing import SigningKey
from schemas.topics import COMMANDS, SIGNATURE_HEADER
from tests.books import ledger
from tests.books.mixed_log import plant, recorded

COMMANDS_TOTAL = int(os.environ.get("HPTS_REPLAY_COMMANDS", "2000"))
MIXED_MOST = 20_000
EVERY_NTH_TWICE = 50
PARTITIONS = ledger.PARTITIONS


def mixed(fresh: tuple[str, str], total: int = COMMANDS_TOTAL) -> list[AnyCommand | Resolution]:
    """The commands, in order. `fresh`: the DSNs of an empty ledger that they are tried on."""
    admin_dsn, engine_dsn = fresh
    plant(admin_dsn)
    books = Books(engine_dsn)
    try:
        engine = ledger.Engine(books)
        of_all = recorded(engine, commands=min(MIXED_MOST, total // 5), seed=11)
    finally:
        books.close()
    found: list[AnyCommand | Resolution] = [command for _, command in of_all.records]
    closing = PeriodClose(**ledger.envelope("close:at last"), closed_through=date(2026, 1, 31))
    return [*found, closing, *plain(total - len(found) - 1)]


def plain(count: int) -> Iterator[AnyCommand]:
    """Payments on loans of their own; too large a one now and then goes to suspense."""
    chance = random.Random(5)
    loans = [ledger.loan_number(50_000 + n) for n in range(max(10, count // 50))]
    for number, loan in enumerate(loans):
        yield ledger.disbursement(f"plain:open:{number}", loan, 5_000_00)
    for number in range(count - len(loans)):
        key = number - number % EVERY_NTH_TWICE if number % EVERY_NTH_TWICE == 1 else number
        loan = loans[chance.randrange(len(loans))] if key == number else loan
        yield ledger.payment(f"plain:pay:{key}", loan, chance.randrange(1, 50_00))


def send(bootstrap: str, commands: list[AnyCommand | Resolution], key: SigningKey) -> None:
    """Append commands, and among them what must be passed: junk, and an aborted transaction."""
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "linger.ms": 5})
    lines = len(commands) // 4
    for number, command in enumerate(commands):
        value = codec.encode(command)
        partition_id, record_key = place_of(command, PARTITIONS)
        headers = [(SIGNATURE_HEADER, signing.sign(key, value))]
        while True:
            try:
                producer.produce(COMMANDS, value, record_key, partition_id, headers=headers)
                break
            except BufferError:
                producer.poll(0.1)
        if number % lines == lines // 2:
            producer.produce(COMMANDS, b"no command", b"junk", number % PARTITIONS)
            producer.flush(30)
            _abort(bootstrap, number % PARTITIONS)
    assert producer.flush(60) == 0


def _abort(bootstrap: str, partition_id: int) -> None:
    stranger = Producer({"bootstrap.servers": bootstrap, "transactional.id": f"s-{uuid4()}"})
    stranger.init_transactions(20)
    stranger.begin_transaction()
    for _ in range(3):
        stranger.produce(COMMANDS, b"never committed", b"key", partition_id)
    stranger.flush(10)
    stranger.abort_transaction(20)


def kinds_in(dsn: str, schema: str = "hpts") -> set[str]:
    """What a log must have brought about to be called mixed."""
    with psycopg.connect(dsn) as connection:
        connection.execute(f"SET search_path = {schema}")
        return {
            row[0]
            for row in connection.execute(
                "SELECT DISTINCT event_type FROM journal_entries UNION "
                "SELECT DISTINCT status FROM command_outcomes UNION "
                "SELECT split_part(reason, ':', 1) FROM dead_letters UNION "
                "SELECT 'quarantine' FROM quarantines UNION "
                "SELECT 'resumed' FROM command_outcomes WHERE resumed_offset IS NOT NULL UNION "
                "SELECT 'close' FROM period_closes"
            )
        }
