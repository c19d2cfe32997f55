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
    base_offset: int = 0
    """Where the log before this topic ended: its first record's offset."""

    def with_entries(self, last_entry_seq: int, chain_head: bytes) -> "Position":
        """With its journal grown. Written out, as `applied`: each command comes through here."""
        return Position(
            partition_id=self.partition_id,
            topic_id=self.topic_id,
            next_offset=self.next_offset,
            last_record_hash=self.last_record_hash,
            lease_epoch=self.lease_epoch,
            last_appended_at=self.last_appended_at,
            last_entry_seq=last_entry_seq,
            chain_head=chain_head,
            reached_at=self.reached_at,
            quarantined_count=self.quarantined_count,
            base_offset=self.base_offset,
        )

    def applied(
        self, next_offset: int, last_record_hash: bytes | None, last_appended_at: datetime
    ) -> "Position":
        """With one more record applied."""
        return Position(
            partition_id=self.partition_id,
            topic_id=self.topic_id,
            next_offset=next_offset,
            last_record_hash=last_record_hash,
            lease_epoch=self.lease_epoch,
            last_appended_at=last_appended_at,
            last_entry_seq=self.last_entry_seq,
            chain_head=self.chain_head,
            reached_at=self.reached_at,
            quarantined_count=self.quarantined_count,
            base_offset=self.base_offset,
        )


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
