"""What stands on the journal topic, and what stands in the books, to be compared."""

from dataclasses import dataclass
from typing import Any

import psycopg
from confluent_kafka import Consumer, KafkaError, TopicPartition
from psycopg.rows import dict_row

from schemas.chain import entry_hash
from schemas.codec import decode
from schemas.journal_topic import JournalEntry
from schemas.topics import JOURNAL

READER = {"group.id": "a test", "enable.partition.eof": True, "auto.offset.reset": "error"}


@dataclass(frozen=True)
class Told:
    """A message of the topic: where it stands, its key, its raw value, and what it says."""

    partition: int
    key: bytes
    value: bytes
    entry: JournalEntry


def told_in(bootstrap: str, partitions: int) -> list[Told]:
    """Everything on the topic, partition by partition, in its order."""
    consumer = Consumer({**READER, "bootstrap.servers": bootstrap})
    consumer.assign([TopicPartition(JOURNAL, p, 0) for p in range(partitions)])
    found: list[Told] = []
    waiting = set(range(partitions))
    try:
        while waiting:
            message = consumer.poll(20)
            assert message is not None, f"nothing came: {waiting}"
            if (error := message.error()) is not None:
                assert error.code() == KafkaError._PARTITION_EOF, error
                waiting.discard(message.partition() or 0)
                continue
            value = message.value() or b""
            entry = decode(value)
            assert isinstance(entry, JournalEntry)
            found.append(Told(message.partition() or 0, message.key() or b"", value, entry))
    finally:
        consumer.close()
    return sorted(found, key=lambda told: told.partition)


def posted_in(admin_dsn: str) -> dict[int, list[int]]:
    """Partition -> the entry_seqs of the books, in order."""
    with psycopg.connect(admin_dsn) as connection:
        rows = connection.execute(
            "SELECT partition_id, array_agg(entry_seq ORDER BY entry_seq)"
            " FROM hpts.journal_entries GROUP BY 1"
        ).fetchall()
    return dict(rows)


def cursors_in(admin_dsn: str) -> dict[int, dict[str, Any]]:
    """The publisher's cursors, by partition."""
    with psycopg.connect(admin_dsn, row_factory=dict_row) as connection:
        rows = connection.execute(
            "SELECT c.*, p.last_entry_seq FROM hpts_edge.delivery_cursors AS c"
            " JOIN hpts.partitions AS p USING (partition_id) WHERE name = 'journal_topic'"
        ).fetchall()
    return {row["partition_id"]: row for row in rows}


def is_all_told(admin_dsn: str) -> bool:
    """Whether every partition's cursor stands at the end of its journal."""
    cursors = cursors_in(admin_dsn)
    return set(posted_in(admin_dsn)) <= set(cursors) and all(
        cursor["entry_seq"] == cursor["last_entry_seq"] for cursor in cursors.values()
    )


def faults_in(told: list[Told], posted: dict[int, list[int]]) -> list[str]:
    """What is missing, out of order, altered, or told twice differently."""
    faults = []
    by_partition: dict[int, list[Told]] = {}
    for one in told:
        by_partition.setdefault(one.partition, []).append(one)
        if one.entry.partition_id != one.partition:
            faults.append(f"{one.partition} holds an entry of {one.entry.partition_id}")
    for partition, ones in by_partition.items():
        first: dict[int, bytes] = {}
        for one in ones:
            seq = one.entry.entry_seq
            if seq not in first and seq != len(first) + 1:
                faults.append(f"partition {partition}: {seq} is told first after {len(first)}")
            if first.setdefault(seq, one.value) != one.value:
                faults.append(f"partition {partition}: {seq} is told twice, differently")
        if sorted(first) != posted.get(partition, []):
            faults.append(f"partition {partition}: told {len(first)}, not {posted.get(partition)}")
        faults += _faults_of_chain([one.entry for one in ones])
    if missing := sorted(set(posted) - set(by_partition)):
        faults.append(f"nothing is told of partitions {missing}")
    return faults


def _faults_of_chain(entries: list[JournalEntry]) -> list[str]:
    """The chain covers every byte of an entry and of its lines, so they are as they were posted."""
    faults, hashes = [], {0: bytes(32)}
    for entry in entries:
        members = {name: getattr(entry, name) for name in JournalEntry.__dataclass_fields__}
        del members["lines"], members["command_offset"], members["entry_hash"]
        lines = [
            (
                *(line.account_code, line.direction, line.amount_minor, line.currency),
                *(line.layer, line.loan_id, line.borrower_id, line.external_ref),
            )
            for line in entry.lines
        ]
        previous = hashes.get(entry.entry_seq - 1, b"")
        if entry_hash(previous, lines=lines, **members) != entry.entry_hash:
            faults.append(f"entry {entry.partition_id}/{entry.entry_seq} is not as it was posted")
        if [line.sequence for line in entry.lines] != list(range(1, len(entry.lines) + 1)):
            faults.append(
                f"entry {entry.partition_id}/{entry.entry_seq}: its lines are not in order"
            )
        hashes[entry.entry_seq] = entry.entry_hash
    return faults
