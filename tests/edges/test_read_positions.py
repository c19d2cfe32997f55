"""A read that is told the position of an answer has what was posted there, 202 or 201 alike."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.edges.new_tenant import client_of_new_tenant
from tests.http import Client

Stack = dict[str, Any]


@pytest.fixture
def client(stack: Stack, stack_dir: Path) -> Client:
    """Of a tenant that has nothing yet."""
    return client_of_new_tenant(stack, stack_dir)


def disburse(client: Client, prefer: str) -> tuple[dict[str, str], httpx.Response]:
    body = {
        "loan_id": str(uuid4()),
        "borrower_id": str(uuid4()),
        "currency": "USD",
        "amount_minor": "12345",
        "effective_at": "2025-11-30",
        "method": "ach",
        "external_ref": f"ref-{uuid4()}",
    }
    return body, client.post("/v1/disbursements", body, headers={"Prefer": prefer})


@pytest.mark.parametrize(("prefer", "status"), [("respond-async", 202), ("wait=30", 201)])
def test_what_was_posted_is_in_every_read_that_is_told_its_position(
    client: Client, prefer: str, status: int
) -> None:
    """Of a 202 the entry may not be there yet: the reads wait for the engine, and then have it."""
    body, sent = disburse(client, prefer)
    assert sent.status_code == status, sent.text

    def read(path: str) -> dict[str, Any]:
        answer = client.get(path, {"HPTS-Min-Position": sent.headers["hpts-position"]})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    [entry] = read(f"/v1/journal-entries?external_ref={body['external_ref']}")["items"]
    entry_id, loan = entry["journal_entry_id"], f"/v1/loans/{body['loan_id']}"
    assert entry["event_type"] == "disbursement"
    totals = {"dr_balance_minor": "12345", "cr_balance_minor": "12345"}
    settled = {"currency": "USD", "layer": "SETTLED"}
    assert read("/v1/trial-balance")["totals"] == [{**settled, **totals}]
    account = read("/v1/accounts/1100/balance?currency=USD&as_of_date=2025-11-30")
    assert account["normal_balance_minor"] == "12345"
    assert read("/v1/periods")["items"][0]["period"] == "2025-11"
    assert [one["loan_id"] for one in read("/v1/loans")["items"]] == [body["loan_id"]]
    assert read(loan)["principal_outstanding_minor"] == "12345"
    assert read(f"{loan}/balance?as_of_date=2025-11-30")["principal_outstanding_minor"] == "12345"
    for listed in (read(f"{loan}/journal-entries")["items"], read(f"{loan}/statement")["entries"]):
        assert [one["journal_entry_id"] for one in listed] == [entry_id]
    assert read(f"/v1/journal-entries/{entry_id}")["correlation_id"] == entry["correlation_id"]


@pytest.mark.parametrize(
    "path",
    ["/v1/journal-entries", "/v1/trial-balance", "/v1/periods", "/v1/loans"],
)
def test_a_first_read_right_after_a_202_has_it(client: Client, path: str) -> None:
    """Each as the very first to ask, so that no read before it has waited."""
    _, sent = disburse(client, "respond-async")
    assert sent.status_code == 202, sent.text
    answer = client.get(path, {"HPTS-Min-Position": sent.headers["hpts-position"]})
    assert answer.status_code == 200, answer.text
    told = answer.json()["items"]
    assert "2025-11" in {one["period"] for one in told} if path == "/v1/periods" else told
