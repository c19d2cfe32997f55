"""The hash chain: each entry's hash covers the one before it in its partition.

Canonical bytes of an entry: a JSON array (UTF-8, no white space, no escapes beyond JSON's own)
of strings, integers and nulls in the order below, so that any language can recompute them.
Metadata and details are lists of [key, value] pairs sorted by key; instants are microseconds
since 1970.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec

GENESIS: Final = bytes(32)
"""The chain head of a partition without entries."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_encoder: Final = msgspec.json.Encoder()

LineFields = tuple[str, str, int, str, str, UUID | None, UUID | None, str | None]
"""account_code, direction, amount_minor, currency, layer, loan_id, borrower_id, external_ref."""


def entry_hash(
    previous: bytes,
    *,
    partition_id: int,
    entry_seq: int,
    tenant_id: UUID,
    journal_entry_id: UUID,
    part: int,
    event_type: str,
    event_id: UUID,
    effective_on: date,
    booked_on: date,
    posted_at: datetime,
    correlation_id: UUID,
    reverses_entry_id: UUID | None,
    reverses_part: int | None,
    actor: str,
    description: str | None,
    metadata: Mapping[str, str],
    details: Mapping[str, str],
    lines: Iterable[LineFields] | msgspec.Raw,
) -> bytes:
    """SHA-256(previous ‖ canonical bytes): the link of one entry.

    `lines` may come as their JSON already.
    """
    canonical = _encoder.encode(
        [
            "hpts-entry-2",
            partition_id,
            entry_seq,
            tenant_id,
            journal_entry_id,
            part,
            event_type,
            event_id,
            effective_on,
            booked_on,
            (posted_at - _EPOCH) // _MICROSECOND,
            correlation_id,
            reverses_entry_id,
            reverses_part,
            actor,
            description,
            sorted(metadata.items()),
            sorted(details.items()),
            lines if isinstance(lines, msgspec.Raw) else list(lines),
        ]
    )
    return sha256(previous + canonical).digest()
