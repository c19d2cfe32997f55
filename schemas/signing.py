"""Signed records: HMAC-SHA-256 over the raw value, key id in the `signature` header.

The header is `<key id> ":" <32 bytes>`. The key ring is the table `signing_keys`; a key says
which tenants it may write for and from when until when, judged by the broker's append time.
"""

import hmac
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

RING_AGE_S: Final = 2.0
"""Whoever signs or judges reads the ring again at least this often."""
ON_ITS_WAY: Final = timedelta(seconds=15)
"""What is signed may reach the log this much later; who signs stops so long before its key ends."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key of the ring. `tenants` None: every tenant. `valid_until` None: still valid."""

    key_id: str
    secret: bytes
    tenants: frozenset[UUID] | None
    valid_from: datetime
    valid_until: datetime | None

    def may_write(self, tenant_id: UUID, appended_at: datetime) -> bool:
        """Whether a record of this tenant, appended then, may bear this key's signature."""
        if self.tenants is not None and tenant_id not in self.tenants:
            return False
        return self.is_valid(appended_at)

    def may_sign(self, now: datetime) -> bool:
        """Whether what is signed now will bear a valid signature when it is appended."""
        return self.is_valid(now) and self.is_valid(now + ON_ITS_WAY)

    def is_valid(self, appended_at: datetime) -> bool:
        """Whether a record that was appended then may bear this key's signature at all."""
        if appended_at < self.valid_from:
            return False
        return self.valid_until is None or appended_at < self.valid_until


class UnreadableSecret(Exception):
    """A `secret_reference` that is not `file:PATH` or `env:NAME`, or leads nowhere."""


def resolve_secret(reference: str) -> bytes:
    """The secret behind a reference of the key ring; at least 32 bytes."""
    scheme, _, rest = reference.partition(":")
    try:
        if scheme == "file":
            secret = Path(rest).read_bytes().strip()
        elif scheme == "env":
            secret = os.environ[rest].encode()
        else:
            raise UnreadableSecret(f"secret reference of unknown kind {scheme!r}")
    except (OSError, KeyError) as error:
        raise UnreadableSecret(f"cannot read the secret {reference!r}: {error}") from error
    if len(secret) < 32:
        raise UnreadableSecret(f"the secret {reference!r} is shorter than 32 bytes")
    return secret


def sign(key: SigningKey, value: bytes) -> bytes:
    """The `signature` header of a record value."""
    return key.key_id.encode() + b":" + hmac.digest(key.secret, value, "sha256")


def key_id_of(header: bytes | None) -> str | None:
    """The key id that a signature header names; None where there is no well-formed header."""
    if header is None or len(header) < 34 or header[-33:-32] != b":":
        return None
    try:
        return header[:-33].decode("ascii")
    except UnicodeDecodeError:
        return None


def is_signed(header: bytes, value: bytes, ring: Mapping[str, SigningKey]) -> bool:
    """Whether the header is a ring key's signature of these very bytes."""
    key = ring.get(key_id_of(header) or "")
    if key is None:
        return False
    return hmac.compare_digest(header[-32:], hmac.digest(key.secret, value, "sha256"))
