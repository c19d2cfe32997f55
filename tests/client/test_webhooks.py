"""Webhooks as the SDK verifies them, and as the library of Standard Webhooks does."""

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from standardwebhooks import Webhook

from hpts_client.webhooks import NotGenuine, signature, verified

SECRET = "whsec_" + b64encode(b"a secret of twenty-four.").decode()
EVENT = {
    "journal_entry_id": str(uuid4()),
    "tenant_id": str(uuid4()),
    "event_type": "payment_received",
    "occurred_at": "2026-02-02T08:00:00.000000Z",
    "correlation_id": str(uuid4()),
}
BODY = json.dumps(EVENT).encode()
NOW = datetime(2026, 2, 2, 8, 0, 1, tzinfo=UTC)


def headers(*, sent_at: datetime = NOW, sign: str | None = None) -> dict[str, str]:
    given = sign or Webhook(SECRET).sign("msg_1", sent_at, BODY.decode())
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(int(sent_at.timestamp())),
        "Webhook-Signature": given,
    }


def test_what_the_library_signs_is_genuine() -> None:
    event = verified(BODY, headers(), SECRET, now=NOW.timestamp())
    assert str(event.journal_entry_id) == EVENT["journal_entry_id"]
    assert (event.event_type, event.occurred_at) == (
        "payment_received",
        NOW - timedelta(seconds=1),
    )


def test_what_we_sign_the_library_takes() -> None:
    now = datetime.now(UTC)
    ours = signature(SECRET, "msg_1", int(now.timestamp()), BODY)
    assert Webhook(SECRET).verify(BODY.decode(), headers(sent_at=now, sign=ours)) == EVENT


def test_one_of_several_signatures_is_enough_as_while_a_secret_is_replaced() -> None:
    several = f"v1,AAAA v1a,BBBB {headers()['Webhook-Signature']}"
    assert verified(BODY, headers(sign=several), SECRET, now=NOW.timestamp())


@pytest.mark.parametrize(
    ("body", "given", "now"),
    [
        (BODY.replace(b"payment", b"paymenT"), headers(), NOW),
        (BODY, headers(sign="v1,AAAA"), NOW),
        (BODY, headers(sign="v1,ünüsual"), NOW),
        (BODY, headers() | {"Webhook-Id": "msg_2"}, NOW),
        (BODY, headers() | {"Webhook-Timestamp": "١٢٣"}, NOW),
        (BODY, headers() | {"Webhook-Timestamp": "1" * 5_000}, NOW),
        (BODY, {"Webhook-Id": "msg_1"}, NOW),
        (BODY, headers(), NOW + timedelta(seconds=301)),
        (BODY, headers(), NOW - timedelta(seconds=301)),
    ],
)
def test_anything_else_is_not(body: bytes, given: dict[str, str], now: datetime) -> None:
    with pytest.raises(NotGenuine):
        verified(body, given, SECRET, now=now.timestamp())
