"""However much has been written while nobody read, an engine reads it in little memory."""

import resource

from confluent_kafka import Producer

from schemas.topics import COMMANDS
from tests import audit
from tests.faults.own_ledger import OwnLedger, until

RECORDS, RECORD_BYTES = 800, 500_000
MOST_DATA_BYTES = 560_000_000
"""What the kernel lets the engine's memory grow to. A third of it are the interpreter, the modules
and the stacks of threads, so the backlog does not fit into the rest."""


def test_a_large_backlog_is_read_in_little_memory(own: OwnLedger) -> None:
    """400 MB of unsigned records: all dead letters, each with its bytes."""
    producer = Producer({"bootstrap.servers": own.bootstrap, "message.max.bytes": 1_000_000})
    for number in range(RECORDS):
        producer.produce(COMMANDS, bytes(RECORD_BYTES), b"key", number % 12)
        producer.poll(0)
    assert producer.flush(60) == 0

    engine = own.engine(is_ready=False)
    limit = (MOST_DATA_BYTES, MOST_DATA_BYTES)
    resource.prlimit(engine.process.pid, resource.RLIMIT_DATA, limit)
    until(
        lambda: engine.has_ended or own.unapplied() == 0,
        seconds=120,
        told=engine.said,
    )

    assert not engine.has_ended, engine.said()[-3000:]
    assert own.count("dead_letters") == RECORDS
    assert audit.faults_of_books(own.admin_dsn) == []
