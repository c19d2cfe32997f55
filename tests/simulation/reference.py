"""The same log applied without any fault, one partition after another: what the books must be."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from posting_engine.applying import Applying
from posting_engine.books import Books
from posting_engine.halts import HIDDEN
from posting_engine.records import DeadLetter, Record, examine
from posting_engine.verdict import Item
from tests.simulation.broker import Broker, Partition
from tests.simulation.connection import Connection, Hazards
from tests.simulation.engines import KEY, TOPIC_ID
from tests.simulation.server import Server
from tests.simulation.world import BEGINNING, World

EPOCH = BEGINNING.replace(year=1970, month=1, day=1)


def make_partitions(server: Server, partition_count: int) -> None:
    """An empty ledger's positions."""
    for number in range(partition_count):
        server.tables["partitions"][number,] = {
            "partition_id": number,
            "topic_id": TOPIC_ID,
            "next_offset": 0,
            "last_record_hash": None,
            "lease_epoch": 0,
            "lease_owner": None,
            "reached_at": EPOCH,
            "last_appended_at": EPOCH,
            "last_entry_seq": 0,
            "chain_head": bytes(32),
            "halted_because": None,
            "quarantined_count": 0,
            "base_offset": 0,
        }


def books_without_faults(partition_count: int) -> tuple[Books, Server]:
    """Books over an empty simulated store in which nothing ever fails."""
    world = World(0)
    world.calm = True
    server = Server(world)
    make_partitions(server, partition_count)

    def connect(client: str) -> Connection:
        return Connection(world, server, Hazards(), client)

    return Books("reference", connect), server  # type: ignore[arg-type]


def apply(books: Books, broker: Broker, cut: int) -> None:
    """Apply every partition's whole log in batches of `cut` records."""
    count = len(broker.partitions)
    held = books.take_leases(range(count), "reference")
    applying = Applying(books, count, confirm=lambda: None)
    for partition in broker.partitions:
        items = list(_items(partition, count))
        for first in range(0, len(items), cut):
            for verdict in applying.apply(items[first : first + cut], held):
                assert not verdict.halts, verdict.halts
                held.update(verdict.after)


def from_json(text: str) -> Any:
    """What Postgres's `json` reads as."""
    return json.loads(text)


def log_of(broker: Broker) -> Sequence[Item]:
    """Every partition's log, as items."""
    count = len(broker.partitions)
    return [item for partition in broker.partitions for item in _items(partition, count)]


def _items(partition: Partition, partition_count: int) -> Iterator[Item]:
    last = EPOCH
    for offset, stored in enumerate(partition.stored):
        record = stored.record
        if record is None:
            yield Item(Record(partition.number, offset, last, None, None, ()), HIDDEN)
            continue
        if partition.is_hidden(offset):
            yield Item(record, HIDDEN)
        else:
            try:
                yield Item(record, examine(record, {KEY.key_id: KEY}, partition_count))
            except DeadLetter as letter:
                yield Item(record, str(letter))
        last = max(last, record.appended_at)
