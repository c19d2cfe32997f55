"""The key that this process signs with: as the key ring has it now.

Read again every few seconds, so that a key that is being ended is used no more in time: a command
signed with it would be a dead letter, and its client would wait for ever.
"""

import asyncio
from datetime import UTC, datetime

from ingress_api.publisher import Publisher
from ingress_api.store import Row, Store, StoreUnavailable
from schemas import signing
from schemas.signing import SigningKey


async def load(store: Store, key_id: str) -> SigningKey | None:
    """The key, if the ring has it and it may sign now. Raises `StoreUnavailable` or
    `UnreadableSecret`.
    """
    row = await _row(store, key_id)
    return None if row is None else _in_force(row, signing.resolve_secret(row["secret_reference"]))


async def watch(store: Store, key: SigningKey, publisher: Publisher) -> None:
    """Let the publisher sign with `key` while the ring says so; lasts as long as the process."""
    while True:
        await asyncio.sleep(signing.RING_AGE_S)
        try:
            row = await _row(store, key.key_id)
        except StoreUnavailable:
            continue  # nothing is accepted meanwhile: no idempotency key can be reserved either
        publisher.key = None if row is None else _in_force(row, key.secret)


async def _row(store: Store, key_id: str) -> Row | None:
    return await store.one("load_signing_key", {"key_id": key_id})


def _in_force(row: Row, secret: bytes) -> SigningKey | None:
    tenants = None if row["tenants"] is None else frozenset(row["tenants"])
    key = SigningKey(row["key_id"], secret, tenants, row["valid_from"], row["valid_until"])
    return key if key.may_sign(datetime.now(UTC)) else None
