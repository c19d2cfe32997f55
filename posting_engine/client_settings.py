"""What the engine tells its Kafka clients: settings whose defaults would lose or repeat money, or
take all memory, are all spelled out.
"""

from collections.abc import Mapping
from typing import Any, Final

from schemas.topics import MOST_DEAD_LETTER_BYTES

CONSUMER_SETTINGS: Final[Mapping[str, Any]] = {
    "auto.offset.reset": "error",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "isolation.level": "read_committed",
    "check.crcs": True,
    "allow.auto.create.topics": False,
    "group.protocol": "classic",
    "partition.assignment.strategy": "range",
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 1500,
    # Two bounds, so that a backlog of any size is read in little memory: what the client has
    # fetched ahead (all partitions together), and what one batch may hold (`BATCH_BYTES`).
    "queued.max.messages.kbytes": 65536,
    "fetch.max.bytes": 16_777_216,
    "fetch.wait.max.ms": 100,
    # A batch that takes longer than this costs the membership, never money: see the fence.
    "max.poll.interval.ms": 60_000,
    "reconnect.backoff.max.ms": 500,
}
BATCH_BYTES: Final = 8_388_608
PRODUCER_SETTINGS: Final[Mapping[str, Any]] = {
    "acks": "all",
    "enable.idempotence": True,
    "allow.auto.create.topics": False,
    # Any linger costs a lone announcement more than a millisecond. One request at a time does not,
    # and what a batch announces while the first is under way leaves in the second.
    "linger.ms": 0,
    "max.in.flight.requests.per.connection": 1,
    # While the broker is away announcements pile up here, then are dropped.
    "queue.buffering.max.kbytes": 65536,
    "reconnect.backoff.max.ms": 500,
    # A chunk must not overtake one before it, so the producer never gives one up: it goes on
    # until the broker has acknowledged, or this process ends and its successor sends it again.
    "message.timeout.ms": 0,
    # A dead letter holds a whole record; what is larger than its topic takes, the broker refuses.
    "message.max.bytes": MOST_DEAD_LETTER_BYTES,
}
