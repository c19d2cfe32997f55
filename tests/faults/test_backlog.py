"""However much has been written while nobody read, an engine reads it in little memory."""

from pathlib import Path

from confluent_kafka import Producer

from schemas.topics import COMMANDS
from tests.faults.own_ledger import OwnLedger, until

RECORDS, RECORD_BYTES = 400, 500_000
MOST_MEMORY_KB = 450_000


def peak_memory_kb(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


def test_a_large_backlog_is_read_in_little_memory(own: OwnLedger) -> None:
    """200 MB of unsigned records: all dead letters, each with its bytes."""
    producer = Producer({"bootstrap.servers": own.bootstrap, "message.max.bytes": 1_000_000})
    for number in range(RECORDS):
        producer.produce(COMMANDS, bytes(RECORD_BYTES), b"key", number % 12)
        producer.poll(0)
    assert producer.flush(60) == 0

    engine = own.engine()
    until(lambda: own.unapplied() == 0, seconds=90, told=engine.said)

    assert own.count("dead_letters") == RECORDS
    assert peak_memory_kb(engine.process.pid) < MOST_MEMORY_KB
