"""What the consumer is told in place of a record: a lost position, a member's end, or noise."""

import pytest
from confluent_kafka import KafkaError, Message

from posting_engine.log import _taken
from posting_engine.log_answers import LogUnavailable, LostPosition


def told(error: KafkaError) -> Message:
    return Message(topic="hpts.commands.v1", partition=3, offset=7, error=error)


@pytest.mark.parametrize(
    "error",
    [
        # Another member calls itself by this slot's name.
        KafkaError(KafkaError.FENCED_INSTANCE_ID, "fenced", fatal=True),
        # The same, after the broker stood still: without the flag.
        KafkaError(KafkaError._FATAL, "fenced"),
    ],
    ids=["flagged", "by its code"],
)
def test_a_member_that_was_fenced_cannot_go_on(error: KafkaError) -> None:
    with pytest.raises(LogUnavailable, match="fenced"):
        _taken(told(error))


@pytest.mark.parametrize(
    "code", [KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE], ids=str
)
def test_a_position_that_the_log_does_not_have_is_lost(code: int) -> None:
    lost = _taken(told(KafkaError(code, "no such offset")))
    assert lost == LostPosition(3, "no such offset")


@pytest.mark.parametrize(
    "code",
    [KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError.UNKNOWN_TOPIC_OR_PART],
    ids=str,
)
def test_what_the_client_tries_again_by_itself_is_passed_over(code: int) -> None:
    assert _taken(told(KafkaError(code, "for now"))) is None
