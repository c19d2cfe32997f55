"""Ids of commands, events and journal entries: UUIDv8, derived by whoever needs them.

Layout: 48 bits of milliseconds (`accepted_at`), version 8, 12 bits of partition, variant, and
62 bits of SHA-256(tenant ‖ key ‖ 0x00 ‖ kind). A read by id therefore goes straight to its
partition, a retry gets the same id, and nobody outside can choose one. A key cannot contain
0x00, so no two (key, kind) pairs are hashed alike.
"""

import re
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID, SafeUUID

CLIENT_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:\-]{7,254}")
"""An idempotency key as a client may choose it."""

IN_PARTS: Final = 4095
"""The partition bits of what lives in several partitions: a batch, a refinance, a close."""

COMMAND: Final = "command"
JOURNAL_ENTRY: Final = "journal_entry"
DISBURSEMENT_EVENT: Final = "disbursement_event"
SETTLEMENT_EVENT: Final = "settlement_event"
PAYMENT_EVENT: Final = "payment_event"
ALLOCATION_EVENT: Final = "allocation_event"
RETURN_EVENT: Final = "return_event"
ACCRUAL_EVENT: Final = "accrual_event"
FEE_EVENT: Final = "fee_event"
WAIVER_EVENT: Final = "waiver_event"
CHARGE_OFF_EVENT: Final = "chargeoff_event"
RECOVERY_EVENT: Final = "recovery_event"
RESTRUCTURE_EVENT: Final = "restructure_event"
REFINANCE_EVENT: Final = "refinance_event"
REVERSAL_EVENT: Final = "reversal_event"
ADJUSTMENT_EVENT: Final = "adjustment_event"
"""Kinds of event ids; a result names one as `<kind>_id`."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_UNKNOWN: Final = SafeUUID.unknown
_MASK_62: Final = (1 << 62) - 1


def derive(
    kind: str, *, tenant_id: UUID, key: str, accepted_at: datetime, partition_id: int
) -> UUID:
    """The id of one `kind` of thing that the command with this idempotency key brings about."""
    digest = sha256(tenant_id.bytes + key.encode() + b"\0" + kind.encode()).digest()
    milliseconds = (accepted_at - _EPOCH) // _MILLISECOND
    return uuid_of(
        (milliseconds & 0xFFFF_FFFF_FFFF) << 80
        | 8 << 76
        | partition_id << 64
        | 2 << 62
        | int.from_bytes(digest[:8], "big") & _MASK_62
    )


def uuid_of(number: int) -> UUID:
    """The UUID of 128 bits that are known to be in range: what `UUID(int=...)` gives, without its
    checks, which cost three times as much as all else here.
    """
    made = object.__new__(UUID)
    object.__setattr__(made, "int", number)
    object.__setattr__(made, "is_safe", _UNKNOWN)
    return made


def partition_in(identifier: UUID) -> int | None:
    """The partition in one of our ids; None for a UUID that we cannot have made."""
    if identifier.version != 8:
        return None
    return identifier.int >> 64 & 0xFFF


def accepted_at_in(identifier: UUID) -> datetime:
    """The instant in one of our ids, to the millisecond."""
    return _EPOCH + (identifier.int >> 80) * _MILLISECOND


def root_key(idempotency_key: str) -> str:
    """The client's key of a step's key `<key>/<step>`; a client's key cannot contain `/`."""
    return idempotency_key.partition("/")[0]
