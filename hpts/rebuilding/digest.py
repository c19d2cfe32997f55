"""What books come to: a hash over every row that follows from the log, partition by partition.

Every column of every such table counts, so that none is forgotten; what an engine keeps for itself
(leases, what it has still to send) does not. Books of equal digests are equal.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from hpts.database import Administrator

_ENTRY: Final = "partition_id, entry_seq"
ORDERS: Final[Mapping[str, str]] = {
    "journal_entries": _ENTRY,
    "journal_lines": f"{_ENTRY}, sequence",
    "loans": "partition_id, tenant_id, loan_id",
    "account_days": (
        'partition_id, tenant_id, account_code COLLATE "C", currency COLLATE "C", '
        'layer COLLATE "C", booked_on, posted_on'
    ),
    "command_outcomes": 'partition_id, tenant_id, idempotency_key COLLATE "C"',
    "disbursements": "partition_id, tenant_id, event_id",
    "disbursement_entries": "partition_id, journal_entry_id",
    "reversal_targets": "partition_id, reverses_entry_id, part, loan_id",
    "closed_periods": "partition_id, tenant_id",
    "period_closes": "partition_id, tenant_id, closed_through",
    "dead_letters": "partition_id, command_offset",
    "quarantines": "partition_id, decided_offset, command_offset, loan_id",
    "quarantined_commands": "partition_id, tenant_id, loan_id, command_offset",
}
"""Table -> its key, in the order in which two of them are compared."""

_COLUMNS: Final[Mapping[str, str]] = {
    # Of an offset that holds nothing committed only that is kept: what an aborted transaction
    # held need not be there any more when the log is read again.
    "dead_letters": (
        "partition_id, command_offset, reason, "
        "CASE WHEN reason NOT LIKE 'hidden:%' THEN record_key END AS record_key, "
        "CASE WHEN reason NOT LIKE 'hidden:%' THEN record_value END AS record_value, "
        "CASE WHEN reason NOT LIKE 'hidden:%' THEN record_headers::text END AS record_headers"
    ),
}


@dataclass(frozen=True, slots=True)
class TableDigest:
    """Rows, and the SHA-256 over them as COPY writes them, in the order of their keys."""

    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PartitionDigest:
    """One partition of some books. `next_offset` says how far the log was applied, and does not
    count: what follows a last record may or may not have been looked at.
    """

    partition_id: int
    next_offset: int
    last_entry_seq: int
    chain_head: str
    tables: Mapping[str, TableDigest]


@dataclass(frozen=True, slots=True)
class Digest:
    """All partitions of some books."""

    partitions: tuple[PartitionDigest, ...]

    @property
    def sha256(self) -> str:
        """One hash for all."""
        told = [
            [p.partition_id, p.last_entry_seq, p.chain_head]
            + [[name, table.rows, table.sha256] for name, table in sorted(p.tables.items())]
            for p in self.partitions
        ]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def digest(database: Administrator, schema: str) -> Digest:
    """The digest of a schema's books, in one snapshot. Memory does not grow with them."""
    with database.snapshot(schema):
        places = database.ask("load_places")
        return Digest(tuple(_digest_of(database, *place) for place in places))


def _digest_of(
    database: Administrator, partition_id: int, next_offset: int, last_entry_seq: int, head: bytes
) -> PartitionDigest:
    tables = {name: _table(database, name, partition_id) for name in ORDERS}
    return PartitionDigest(partition_id, next_offset, last_entry_seq, head.hex(), tables)


def _table(database: Administrator, name: str, partition_id: int) -> TableDigest:
    hashed, rows = hashlib.sha256(), 0
    for block in rows_of(database, name, partition_id):
        hashed.update(block)
        rows += block.count(b"\n")
    return TableDigest(rows, hashed.hexdigest())


def rows_of(
    database: Administrator, name: str, partition_id: int, *, which: str = "true"
) -> Iterator[bytes]:
    """Rows of a partition in the order of their keys, as COPY writes them: tab-separated lines."""
    return database.copied(
        f"SELECT {columns(name)} FROM {name} "
        f"WHERE partition_id = {partition_id:d} AND {which} ORDER BY {ORDERS[name]}"
    )


def columns(name: str) -> str:
    """What of a table counts, as a select list."""
    return _COLUMNS.get(name, "*")
