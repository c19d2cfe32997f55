"""Sends one event as the ledger would, to try a consumer: sign.py URL JOURNAL_ENTRY_ID."""

import json
import os
import sys
import time
from uuid import uuid4

import httpx

from hpts_client.webhooks import signature

url, entry_id = sys.argv[1:]
event = {
    "journal_entry_id": entry_id,
    "tenant_id": str(uuid4()),
    "event_type": "payment_received",
    "occurred_at": "2026-02-02T08:00:00.000000Z",
    "correlation_id": str(uuid4()),
}
body, now = json.dumps(event).encode(), int(time.time())
headers = {
    "webhook-id": f"msg_{entry_id}",
    "webhook-timestamp": str(now),
    "webhook-signature": signature(os.environ["WEBHOOK_SECRET"], f"msg_{entry_id}", now, body),
}
print(httpx.post(url, content=body, headers=headers).status_code)
