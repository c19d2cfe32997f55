"""The signing keys as this process can use them."""

from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from schemas.signing import SigningKey, UnreadableSecret, resolve_secret

_log = structlog.get_logger()


def ring_from(rows: Iterable[Mapping[str, Any]]) -> dict[str, SigningKey]:
    """The keys in rows of `signing_keys`, but for those whose secrets cannot be read (logged)."""
    ring = {}
    for row in rows:
        try:
            secret = resolve_secret(row["secret_reference"])
        except UnreadableSecret as error:
            _log.error("signing key left out", key_id=row["key_id"], error=str(error))
            continue
        tenants = None if row["tenants"] is None else frozenset(row["tenants"])
        valid = (row["valid_from"], row["valid_until"])
        ring[row["key_id"]] = SigningKey(row["key_id"], secret, tenants, *valid)
    return ring
