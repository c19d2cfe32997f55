"""Where a command belongs: its partition and its record key (design section 1). Pure.

A record's key is tenant ‖ loan; for a command that names an entry or event, tenant ‖ that id; for
what concerns no loan, or names what cannot exist, tenant ‖ zero UUID: the tenant's own partition.
"""

from uuid import UUID

from schemas import ids
from schemas.commands import (
    AccrualChunk,
    AnyCommand,
    DisbursementSettlement,
    ManualAdjustment,
    PaymentReturn,
    PeriodClose,
    PeriodClosed,
    Refinance,
    RefinanceOpening,
    RefinanceRelease,
    RefinanceReversal,
    Reversal,
)
from schemas.partitioning import NO_LOAN, partition_of_loan, record_key
from schemas.quarantine import QuarantineResume, Resolution

Place = tuple[int, bytes]
"""Partition and record key."""


def place_of(command: AnyCommand | Resolution, partition_count: int) -> Place:
    """The partition that owns a command, and its record key."""
    tenant_id = command.tenant_id
    if isinstance(command, QuarantineResume):
        return command.partition_id, record_key(tenant_id, command.loan_id or NO_LOAN)
    match command:
        case AccrualChunk():
            first = UUID(bytes=command.loan_ids[:16])
            return _step_partition(command.idempotency_key), record_key(tenant_id, first)
        case PeriodClosed():
            return command.partition_id, record_key(tenant_id, NO_LOAN)
        case PeriodClose():
            return _of_loan(tenant_id, NO_LOAN, partition_count)
        case ManualAdjustment():
            return _of_loan(tenant_id, command.loan_id or NO_LOAN, partition_count)
        case DisbursementSettlement():
            return _of_id(tenant_id, command.disbursement_event_id, partition_count)
        case PaymentReturn():
            return _of_id(tenant_id, command.payment_event_id, partition_count)
        case Reversal():
            return _of_reversal(command, partition_count)
        case Refinance() | RefinanceOpening() | RefinanceRelease() | RefinanceReversal():
            return _of_loan(tenant_id, command.new_loan_id, partition_count)
        case _:
            return _of_loan(tenant_id, command.loan_id, partition_count)


def step_of(key: str) -> tuple[int, int] | None:
    """The (partition, n) of a key `<key>/<partition>/<n>`; None for any other."""
    parts = key.split("/")
    if len(parts) != 3 or not all(text.isascii() and text.isdigit() for text in parts[1:]):
        return None
    if len(parts[1]) > 4 or len(parts[2]) > 7:
        return None
    return int(parts[1]), int(parts[2])


def _step_partition(key: str) -> int:
    step = step_of(key)
    if step is None:
        raise ValueError(f"{key!r} is no step of a batch")
    return step[0]


def _of_loan(tenant_id: UUID, loan_id: UUID, partition_count: int) -> Place:
    partition_id = partition_of_loan(tenant_id, loan_id, partition_count)
    return partition_id, record_key(tenant_id, loan_id)


def _of_id(tenant_id: UUID, named_id: UUID, partition_count: int) -> Place:
    """By the partition in one of our ids; what we cannot have made, the tenant's own refuses."""
    named = ids.partition_in(named_id)
    if named is None or named >= partition_count:
        return _of_loan(tenant_id, NO_LOAN, partition_count)
    return named, record_key(tenant_id, named_id)


def _of_reversal(command: Reversal, partition_count: int) -> Place:
    tenant_id, entry_id = command.tenant_id, command.reverses_entry_id
    key = record_key(tenant_id, entry_id)
    if command.part is not None:
        return _step_partition(command.idempotency_key), key
    if command.loan_id is not None:
        return partition_of_loan(tenant_id, command.loan_id, partition_count), key
    return _of_id(tenant_id, entry_id, partition_count)
