"""Which partition owns what: crc32 of the 32 raw bytes tenant ‖ id, modulo the ledger's count.

The same 32 bytes are the record's key, so librdkafka's `consistent` partitioner agrees. The
count is pinned in `ledger_settings` and never changes.
"""

from typing import Final
from uuid import UUID
from zlib import crc32

MAX_PARTITIONS: Final = 4094
"""4095 in an id's twelve partition bits means "in parts" (see `ids`)."""

NO_LOAN: Final = UUID(int=0)
"""Stands for the loan where there is none: tenant ‖ NO_LOAN is the tenant's own partition."""


def record_key(tenant_id: UUID, subject_id: UUID) -> bytes:
    """The Kafka record key: tenant ‖ loan (or entry, or event), 32 bytes."""
    return tenant_id.bytes + subject_id.bytes


def partition_of_key(key: bytes, partition_count: int) -> int:
    """The partition that owns a record key."""
    return crc32(key) % partition_count


def partition_of_loan(tenant_id: UUID, loan_id: UUID, partition_count: int) -> int:
    """The partition that owns a loan: the only one whose transactions touch its rows."""
    return crc32(tenant_id.bytes + loan_id.bytes) % partition_count
