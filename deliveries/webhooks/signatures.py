"""Signatures by Standard Webhooks 1.0: HMAC-SHA-256 over id, timestamp and the very bytes sent."""

import hmac
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Final

PREFIX: Final = "whsec_"


def headers(
    body: bytes, *, webhook_id: str, timestamp_s: int, secrets: list[str]
) -> list[tuple[bytes, bytes]]:
    """The headers of one attempt. While a secret is being replaced there are two signatures."""
    signed = f"{webhook_id}.{timestamp_s}.".encode() + body
    signatures = " ".join(f"v1,{_signature(secret, signed)}" for secret in secrets)
    return [
        (b"webhook-id", webhook_id.encode()),
        (b"webhook-timestamp", str(timestamp_s).encode()),
        (b"webhook-signature", signatures.encode()),
    ]


def _signature(secret: str, signed: bytes) -> str:
    key = b64decode(secret.removeprefix(PREFIX), validate=True)
    return b64encode(hmac.digest(key, signed, sha256)).decode()
