"""A held partition: where its log has been applied to, and the lease that proves the right to."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One partition's row of `partitions`, as this process last wrote or read it."""

    partition_id: int
    topic_id: str
    next_offset: int
    last_record_hash: bytes | None
    lease_epoch: int
    last_appended_at: datetime
    last_entry_seq: int
    chain_head: bytes
    reached_at: datetime
    quarantined_count: int = 0


class Fenced(Exception):
    """Another process has taken a partition: whatever this one holds in memory is worthless."""


class NotTheGroup(Exception):
    """The ledger is pinned to another consumer group: no lease is ours to take."""


class SlotTaken(Exception):
    """Another process runs in this one's slot: to rejoin would only take turns with it."""


class StoreUnavailable(Exception):
    """Postgres could not be reached or gave up; nothing is known to have been written."""


class DataRefused(Exception):
    """Postgres refused the rows as data (SQLSTATE class 22 or 23) while the lease was ours."""
