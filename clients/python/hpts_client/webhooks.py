"""Receives webhooks: is it from the ledger, is it fresh, and what does it say.

Standard Webhooks 1.0, symmetric (`v1`): HMAC-SHA-256 over `id.timestamp.body`. Every event comes at
least once: drop what has a `journal_entry_id` that was handled before.
"""

import binascii
import hmac
import time
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Final
from uuid import UUID

import msgspec

from hpts_client.errors import ClientError
from hpts_client.results import Result

TOLERANCE_S: Final = 300.0
_MOST_DIGITS: Final = 15
"""Of a time; Python refuses to read a number of thousands, and anybody may send one."""
_PREFIX: Final = "whsec_"
_HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


class NotGenuine(ClientError):
    """Not signed with the secret, or too old or new: answer 400, and do nothing."""


class JournalEntryPosted(Result, frozen=True, kw_only=True):
    """An entry was posted; read it at `/journal-entries/{id}`."""

    journal_entry_id: UUID
    tenant_id: UUID
    event_type: str
    occurred_at: datetime
    correlation_id: UUID


def verified(
    body: bytes, headers: Mapping[str, str], secret: str, *, now: float | None = None
) -> JournalEntryPosted:
    """The event in a request's very bytes; raises `NotGenuine`. `secret` is `whsec_...`."""
    lower = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in _HEADERS if name not in lower]
    if missing:
        raise NotGenuine(f"headers are missing: {', '.join(missing)}")
    webhook_id, sent_at, signatures = (lower[name] for name in _HEADERS)
    if not sent_at.isdecimal() or not sent_at.isascii() or len(sent_at) > _MOST_DIGITS:
        raise NotGenuine("webhook-timestamp is not a number of seconds")
    if abs((time.time() if now is None else now) - int(sent_at)) > TOLERANCE_S:
        raise NotGenuine("webhook-timestamp is too far from now: an old message, or a wrong clock")
    wanted = signature(secret, webhook_id, int(sent_at), body)
    if not any(hmac.compare_digest(wanted.encode(), s.encode()) for s in signatures.split(" ")):
        raise NotGenuine("no signature is ours: is it the secret of this endpoint?")
    return msgspec.json.decode(body, type=JournalEntryPosted, strict=False)


def signature(secret: str, webhook_id: str, sent_at: int, body: bytes) -> str:
    """`v1,<base64>` of one message."""
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("the secret is not whsec_ and base64") from None
    signed = f"{webhook_id}.{sent_at}.".encode() + body
    return f"v1,{b64encode(hmac.digest(key, signed, sha256)).decode()}"
