"""What books come to: a hash over every row that follows from the log, partition by partition.

The columns are named, so that a column of a later release changes no digest of an earlier log. A
test holds each of them against the catalogue, with the reason why the few others do not count:
leases, what is still to be sent, what no transaction of the log writes. Equal digests: equal books.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from hpts.database import Administrator


@dataclass(frozen=True, slots=True)
class Table:
    """A table that follows from the log: its key, in the order of which it is read, and the other
    columns that count. `applied_at` is the offset that brought a row about, in tables that only
    grow; None where rows change.
    """

    key: str
    columns: str
    applied_at: str | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The key's columns."""
        return tuple(self.key.split(", "))

    @property
    def selected(self) -> str:
        """Everything that counts, as a select list."""
        return f"{self.key}, {self.columns}" if self.columns else self.key

    @property
    def order(self) -> str:
        """The key's order, the same under every collation of a database."""
        return ", ".join(f'{key} COLLATE "C"' if key in _TEXTS else key for key in self.keys)


_TEXTS: Final = ("account_code", "currency", "layer", "idempotency_key")
_HIDDEN: Final = "CASE WHEN reason NOT LIKE 'hidden:%' THEN {0} END AS {1}"
_OF_LETTERS: Final = (
    "reason",
    # Of an offset that holds nothing committed only that is kept: what an aborted transaction
    # held, and when, need not be there any more when the log is read again.
    *(_HIDDEN.format(name, name) for name in ("appended_at", "record_key", "record_value")),
    _HIDDEN.format("record_headers::text", "record_headers"),
)
TABLES: Final[Mapping[str, Table]] = {
    "journal_entries": Table(
        "partition_id, entry_seq",
        "tenant_id, journal_entry_id, part, event_type, event_id, effective_on, booked_on, "
        "posted_at, correlation_id, reverses_entry_id, reverses_part, actor, description, "
        "metadata, details, command_offset, entry_hash",
    ),
    "journal_lines": Table(
        "partition_id, entry_seq, sequence",
        "tenant_id, account_code, direction, amount_minor, currency, layer, loan_id, "
        "borrower_id, external_ref, effective_on",
    ),
    "loans": Table(
        "partition_id, tenant_id, loan_id",
        "borrower_id, currency, status, opened_on, principal_minor, interest_minor, fees_minor, "
        "suspense_minor, unsettled_minor, collected_principal_minor, collected_interest_minor, "
        "collected_fees_minor, recovered_minor, paid_off_principal_minor, "
        "paid_off_interest_minor, paid_off_fees_minor, standing_openings, standing_payments, "
        "standing_charge_offs, standing_refinances, accrued_through, accrued_through_floor, "
        "life, life_began_seq, reserved_by, last_activity_at",
    ),
    "account_days": Table(
        "partition_id, tenant_id, account_code, currency, layer, booked_on, posted_on",
        "debit_minor, credit_minor",
    ),
    "command_outcomes": Table(
        "partition_id, tenant_id, idempotency_key",
        "command_id, correlation_id, command_type, fingerprint, status, result, "
        "accrual_event_id, chunks_total, command_offset, posted_at, resumed_offset",
        "coalesce(resumed_offset, command_offset)",
    ),
    "disbursements": Table(
        "partition_id, tenant_id, event_id",
        "loan_id, journal_entry_id, amount_minor, settled_minor, reversed, entry_seq, effective_on",
    ),
    "disbursement_entries": Table("partition_id, journal_entry_id", "tenant_id, event_id"),
    "reversal_targets": Table(
        "partition_id, reverses_entry_id, part, loan_id", "tenant_id, reversed_by_entry_id"
    ),
    "closed_periods": Table("partition_id, tenant_id", "closed_through"),
    "period_closes": Table("partition_id, tenant_id, closed_through", "closed_at"),
    "dead_letters": Table("partition_id, command_offset", ", ".join(_OF_LETTERS), "command_offset"),
    "quarantines": Table(
        "partition_id, decided_offset, command_offset, loan_id",
        "tenant_id, command_id, reason, decided_at",
        "decided_offset",
    ),
    "quarantined_commands": Table(
        "partition_id, tenant_id, loan_id, command_offset",
        "idempotency_key, command_id, correlation_id, command_type, fingerprint, is_share, "
        "reason, appended_at, quarantined_at, record_key, record_value, record_headers",
    ),
}
"""In the order in which they are compared: what is wrong in a journal comes before its sums."""


@dataclass(frozen=True, slots=True)
class TableDigest:
    """Rows, and the SHA-256 over them as COPY writes them, in the order of their keys."""

    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PartitionDigest:
    """One partition of some books. `next_offset` says how far the log was applied, and does not
    count: transaction markers after the last record may have been passed, or not yet.
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
        return Digest(tuple(_digest_of(database, *at) for at in database.ask("load_places")))


def _digest_of(
    database: Administrator, partition_id: int, next_offset: int, last_entry_seq: int, head: bytes
) -> PartitionDigest:
    tables = {name: _table(database, name, partition_id) for name in TABLES}
    return PartitionDigest(partition_id, next_offset, last_entry_seq, head.hex(), tables)


def _table(database: Administrator, name: str, partition_id: int) -> TableDigest:
    hashed, rows = hashlib.sha256(), 0
    for block in rows_of(database, name, partition_id):
        hashed.update(block)
        rows += block.count(b"\n")  # COPY escapes those in texts
    return TableDigest(rows, hashed.hexdigest())


def rows_of(
    database: Administrator, name: str, partition_id: int, *, which: str = "true"
) -> Iterator[bytes]:
    """Rows of a partition in the order of their keys, as COPY writes them: tab-separated lines.
    Asked inside a `snapshot`.
    """
    table = TABLES[name]
    return database.copied(
        f"SELECT {table.selected} FROM {name} "
        f"WHERE partition_id = {partition_id:d} AND {which} ORDER BY {table.order}"
    )
