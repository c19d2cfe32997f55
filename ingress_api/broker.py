"""How ingress speaks to Kafka: the settings that keep money, and what an error means.

The only module here that imports confluent_kafka.
"""

from collections.abc import Callable
from typing import Final

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from schemas import topics
from schemas.kafka_security import Security

__all__ = ["Consumer", "KafkaError", "KafkaException", "Message", "Producer"]

WATERMARK_TIMEOUT_S: Final = 5.0
REACH_TIMEOUT_S: Final = 1.0

_CERTAINLY_NOT_WRITTEN: Final = frozenset(
    {
        KafkaError._PURGE_QUEUE,
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_RECORD,
    }
)


def producer(
    bootstrap: str,
    *,
    security: Security,
    delivery_timeout_ms: int,
    linger_ms: int,
    on_error: Callable[[KafkaError], None],
) -> Producer:
    """An idempotent producer that creates no topic and waits for all in-sync replicas.

    `linger_ms`: how long it waits for more of a partition before it sends.
    """
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "client.id": "hpts-ingress",
            "acks": "all",
            "enable.idempotence": True,
            "allow.auto.create.topics": False,
            "delivery.timeout.ms": delivery_timeout_ms,
            "linger.ms": linger_ms,
            "queue.buffering.max.messages": 100_000,
            "queue.buffering.max.kbytes": 262_144,
            "message.max.bytes": 1_000_000,
            "reconnect.backoff.max.ms": 1_000,
            "log_level": 3,
            "error_cb": on_error,
            **security,
        }
    )


def outcome_consumer(bootstrap: str, partition: int, security: Security) -> Consumer:
    """A reader of one outcomes partition from its end on, without a group."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "client.id": "hpts-ingress",
            # librdkafka demands a name even where no group is joined and nothing is committed.
            "group.id": "hpts-ingress-ungrouped",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "latest",
            "allow.auto.create.topics": False,
            "check.crcs": True,
            "fetch.wait.max.ms": 100,
            "reconnect.backoff.max.ms": 1_000,
            "log_level": 3,
            **security,
        }
    )
    place = TopicPartition(topics.OUTCOMES, partition)
    try:
        _, end = consumer.get_watermark_offsets(place, timeout=WATERMARK_TIMEOUT_S)
    except KafkaException:
        consumer.close()
        raise
    consumer.assign([TopicPartition(topics.OUTCOMES, partition, end)])
    return consumer


def is_certainly_not_written(error: KafkaError) -> bool:
    """Whether a delivery error proves that the record is not, and never will be, in the log.

    A timeout does not: the record may have arrived and the acknowledgement been lost. What the
    broker refuses because of the record itself, it would have refused the first time, too.
    """
    return error.code() in _CERTAINLY_NOT_WRITTEN


def is_fatal(error: KafkaError) -> bool:
    """Whether the producer cannot be used any more: it must be replaced, and with it the process.

    The flag is not set on every error that says so by its code.
    """
    return bool(error.fatal()) or error.code() == KafkaError._FATAL


def reach(asking: Producer) -> str | None:
    """None when a broker tells of the commands topic, or why not. Blocks for a second at most."""
    try:
        told = asking.list_topics(topics.COMMANDS, timeout=REACH_TIMEOUT_S)
    except KafkaException as error:
        return str(error.args[0].str() if error.args else error)
    fault = told.topics[topics.COMMANDS].error
    return None if fault is None else str(fault.str())
