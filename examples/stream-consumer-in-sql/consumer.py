"""Reads `hpts.journal.v1` into SQLite up to where it ends now, and answers with SQL.

    python3 consumer.py [TENANT_ID]

Run it again: it goes on where it stopped. Lines and positions are kept in one transaction, so each
entry is there once, though the topic may have it twice.
"""

import json
import os
import sqlite3
import sys
from io import BytesIO
from pathlib import Path
from uuid import UUID

from confluent_kafka import Consumer, TopicPartition
from fastavro import schemaless_reader
from fastavro.schema import load_schema

HERE = Path(__file__).resolve().parent
TOPIC = "hpts.journal.v1"
SCHEMA = load_schema(HERE.parents[1] / "schemas" / "avro" / "JournalEntry.avsc")
FRAME_BYTES = 5  # a zero byte and the schema's id, before the Avro body


def main(servers: str, tenant_id: str | None) -> None:
    books = sqlite3.connect("journal.db", isolation_level=None)
    for name in ("lines", "positions"):
        books.execute((HERE / f"{name}.sql").read_text())
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "example",  # never joined: positions are kept beside the lines
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "check.crcs": True,
        }
    )
    for partition_id in consumer.list_topics(TOPIC, timeout=30).topics[TOPIC].partitions:
        print(f"partition {partition_id}: {read(consumer, partition_id, books)} entries")
    consumer.close()
    parameters = {"tenant_id": tenant_id}
    for row in books.execute((HERE / "trial_balance.sql").read_text(), parameters):
        print(*row)


def read(consumer: Consumer, partition_id: int, books: sqlite3.Connection) -> int:
    """Everything of a partition that is new; how many entries."""
    found = books.execute(
        "select next_offset from positions where partition_id = ?", [partition_id]
    )
    (begin,) = found.fetchone() or (0,)
    first, end = consumer.get_watermark_offsets(TopicPartition(TOPIC, partition_id), timeout=30)
    consumer.assign([TopicPartition(TOPIC, partition_id, max(begin, first))])
    count, offset = 0, max(begin, first)
    while offset < end:
        message = consumer.poll(30)
        if message is None:
            break  # what is left are markers of transactions
        if message.error():
            raise SystemExit(f"{TOPIC} {partition_id}: {message.error()}")
        offset = message.offset() + 1
        books.execute("begin")
        body = BytesIO(message.value()[FRAME_BYTES:])
        keep(schemaless_reader(body, SCHEMA), books)
        books.execute("insert or replace into positions values (?, ?)", (partition_id, offset))
        books.execute("commit")
        count += 1
    return count


def keep(entry: dict, books: sqlite3.Connection) -> None:
    """One part of an entry, a row for each line."""
    place = (entry["partition_id"], entry["entry_seq"])
    ids = (text(entry["tenant_id"]), text(entry["journal_entry_id"]))
    for line in entry["lines"]:
        row = (
            *(*place, line["sequence"], *ids, entry["event_type"], entry["booked_on"].isoformat()),
            *(line["account_code"], line["direction"], line["amount_minor"], line["currency"]),
            *(line["layer"], line["loan_id"] and text(line["loan_id"])),
        )
        marks = ",".join("?" * len(row))
        books.execute(f"insert or ignore into lines values ({marks})", row)


def text(uuid: bytes) -> str:
    return str(UUID(bytes=uuid))


def bootstrap() -> str:
    """HPTS_KAFKA_BOOTSTRAP, else the local stack's."""
    named = os.environ.get("HPTS_KAFKA_BOOTSTRAP")
    stack = Path(os.environ.get("HPTS_DATA_DIR") or ".hpts") / "local.json"
    return named or json.loads(stack.read_text())["kafka_bootstrap"]


if __name__ == "__main__":
    main(bootstrap(), sys.argv[1] if len(sys.argv) > 1 else None)
