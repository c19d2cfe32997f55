"""What a delivery error means, and that a producer which cannot go on takes nothing more."""

import asyncio
from datetime import UTC, datetime

import pytest
from confluent_kafka import KafkaError

from ingress_api import broker
from ingress_api.publisher import CommandRecord, DeliveryUnknown, NotSent, Publisher
from posting_engine.posting.refusals import PRECEDENCE
from schemas.problems import CATALOGUE, REFUSALS
from schemas.signing import SigningKey
from tests.faults.api_with_fatal_error import fail_for_good

KEY = SigningKey("test", bytes(32), None, datetime(2026, 1, 1, tzinfo=UTC), None)
RECORD = CommandRecord(
    partition_id=0, key=bytes(32), value=b"value", reply_partition=0, traceparent="00-0-0-00"
)
NOBODY = "127.0.0.1:9"


@pytest.mark.parametrize(
    ("code", "is_certain"),
    [
        (KafkaError._MSG_TIMED_OUT, False),
        (KafkaError._TRANSPORT, False),
        (KafkaError._PURGE_INFLIGHT, False),
        (KafkaError.REQUEST_TIMED_OUT, False),
        (KafkaError.NOT_ENOUGH_REPLICAS_AFTER_APPEND, False),
        (KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER, False),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, False),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, False),
        (KafkaError._PURGE_QUEUE, True),
        (KafkaError.MSG_SIZE_TOO_LARGE, True),
        (KafkaError.INVALID_RECORD, True),
    ],
)
def test_only_what_was_certainly_not_written_gives_the_key_back(
    code: int, is_certain: bool
) -> None:
    assert broker.is_certainly_not_written(KafkaError(code)) is is_certain


def test_a_record_that_no_broker_takes_in_time_is_unknown_not_failed() -> None:
    async def publish() -> None:
        publisher = Publisher(NOBODY, KEY, delivery_timeout_ms=200, on_fatal=lambda _: None)
        publisher.start()
        try:
            await publisher.publish(RECORD)
        finally:
            await publisher.close()

    with pytest.raises(DeliveryUnknown):
        asyncio.run(publish())


def test_after_a_fatal_error_nothing_is_sent() -> None:
    told: list[str] = []

    async def publish() -> None:
        publisher = Publisher(NOBODY, KEY, delivery_timeout_ms=200, on_fatal=told.append)
        publisher.start()
        for _ in range(2):
            publisher._on_error(KafkaError(KafkaError._FATAL, "fenced"))
        await asyncio.sleep(0)
        try:
            await publisher.publish(RECORD)
        finally:
            await publisher.close()

    with pytest.raises(NotSent):
        asyncio.run(publish())
    assert len(told) == 1


def test_a_fatal_error_that_polling_meets_first_ends_what_is_under_way() -> None:
    """Nobody need produce any more: who waits is told, and so is the process, with the reason."""
    told: list[str] = []

    async def publish() -> None:
        publisher = Publisher(NOBODY, KEY, delivery_timeout_ms=60_000, on_fatal=told.append)
        publisher.start()
        waiting = asyncio.create_task(publisher.publish(RECORD))
        await asyncio.sleep(0)
        fail_for_good(publisher._prompt)
        try:
            await waiting
        finally:
            await publisher.close()

    with pytest.raises(DeliveryUnknown, match="the producer cannot go on"):
        asyncio.run(publish())
    assert [reason.partition(":")[0] for reason in told] == ["the producer cannot go on"]


def test_every_refusal_of_the_engine_is_a_known_problem() -> None:
    codes = {code for refusals in PRECEDENCE.values() for code in refusals}
    assert codes <= set(REFUSALS)
    assert "accrual_rejected" in REFUSALS
    assert all(kind.title and kind.explanation for kind in CATALOGUE.values())
