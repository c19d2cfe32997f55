"""Whatever somebody writes to the command log unsigned, no partition stands still for it."""

import time
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from confluent_kafka import KafkaError, Message, Producer

from schemas.topics import COMMANDS
from tests import audit
from tests.faults.raw_kafka import produce, record_batch
from tests.http import Client

PARTITION = 3


def reasons_since(stack: dict[str, Any], offset: int) -> list[str]:
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        rows = connection.execute(
            "SELECT reason FROM hpts.dead_letters WHERE partition_id = %s "
            "AND command_offset >= %s ORDER BY command_offset",
            (PARTITION, offset),
        ).fetchall()
    return [row[0] for row in rows]


def dead_letters_since(stack: dict[str, Any], offset: int) -> dict[int, str]:
    """Offset -> the kind of its reason."""
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        rows = connection.execute(
            "SELECT command_offset, split_part(reason, ':', 1) FROM hpts.dead_letters "
            "WHERE partition_id = %s AND command_offset >= %s",
            (PARTITION, offset),
        ).fetchall()
    return dict(rows)


def until_passed(stack: dict[str, Any], offset: int) -> None:
    deadline = time.monotonic() + 30
    while next_offset(stack) <= offset:
        assert time.monotonic() < deadline, f"{offset} is not reached"
        time.sleep(0.1)


def next_offset(stack: dict[str, Any]) -> int:
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        row = connection.execute(
            "SELECT next_offset FROM hpts.partitions WHERE partition_id = %s", (PARTITION,)
        ).fetchone()
    assert row is not None
    offset: int = row[0]
    return offset


def until_reasons(stack: dict[str, Any], since: int, count: int) -> list[str]:
    deadline = time.monotonic() + 30
    while len(found := reasons_since(stack, since)) < count:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
    return found


def still_posts(stack: dict[str, Any]) -> bool:
    """A disbursement to each of many loans, so that every partition has one."""
    client = Client.of(stack)
    for _ in range(40):
        client.open_loan(amount_minor="100")
    return audit.faults_of_books(stack["postgres_dsn"]) == []


def test_a_header_name_that_is_not_utf_8_is_a_dead_letter(stack: dict[str, Any]) -> None:
    since = next_offset(stack)

    assert produce(stack["kafka_bootstrap"], PARTITION, record_batch(b"k", b"v", b"\xff\xfe")) == 0

    assert until_reasons(stack, since, 1) == ["unsigned: no signature, or no value"]
    assert still_posts(stack)


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_a_record_counts_as_long_as_it_is_unpacked(stack: dict[str, Any], codec: str) -> None:
    """100 MB of zeros are 3 kB on the wire, and more than the engine's client would unpack."""
    since, told = next_offset(stack), []
    servers = {"bootstrap.servers": stack["kafka_bootstrap"]}
    bomber = Producer({**servers, "compression.type": codec, "message.max.bytes": 200_000_000})
    for length in (100_000_000, 100):
        bomber.produce(
            COMMANDS, bytes(length), b"key", PARTITION, on_delivery=lambda e, _: told.append(e)
        )
        bomber.flush(30)

    assert [error and error.code() for error in told] == [KafkaError.MSG_SIZE_TOO_LARGE, None]
    assert until_reasons(stack, since, 1) == ["unsigned: no signature, or no value"]
    assert still_posts(stack)


def written(producer: Producer) -> int:
    """The offset of a record without a signature."""
    told: list[int | None] = []

    def note(_error: KafkaError | None, record: Message) -> None:
        told.append(record.offset())

    producer.produce(COMMANDS, b"unsigned", b"key", PARTITION, on_delivery=note)
    producer.flush(5)
    [offset] = told
    assert offset is not None
    return offset


@pytest.mark.parametrize("ending", ["commit", "abort"])
def test_a_transaction_of_somebody_else_is_passed_and_recorded(
    stack: dict[str, Any], ending: str
) -> None:
    servers = {"bootstrap.servers": stack["kafka_bootstrap"]}
    stranger = Producer({**servers, "transactional.id": f"stranger-{uuid4()}"})
    stranger.init_transactions(10)
    stranger.begin_transaction()
    within = written(stranger)
    if ending == "commit":
        stranger.commit_transaction(10)
    else:
        stranger.abort_transaction(10)
    after = written(Producer(servers))

    # The marker is written a moment after the answer, so it lies before or behind the last one.
    until_passed(stack, max(within + 2, after))
    found = dead_letters_since(stack, within)
    assert found.pop(within) == ("hidden" if ending == "abort" else "unsigned")
    assert found.pop(after) == "unsigned"
    assert set(found.values()) == {"hidden"}
    assert still_posts(stack)
