"""The routes that configure webhooks: strict, idempotent, paged, and as the contract says."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from ingress_api.described_webhooks import EXAMPLES
from tests.edges.contract_story import DOCUMENT, faults_of
from tests.http import UNKNOWN_ID, Client

PATH = "/v1/webhook-endpoints"
URL = "https://receiver.example/hpts"


@pytest.fixture
def client(stack: dict[str, Any]) -> Iterator[Client]:
    client = Client.of(stack)
    yield client
    for endpoint in client.get(PATH).json()["items"]:
        headers = {"Authorization": f"Bearer {client.token}"}
        client.http.delete(f"{PATH}/{endpoint['webhook_endpoint_id']}", headers=headers)


def schema(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def test_every_example_is_posted_and_answered_as_described(client: Client) -> None:
    endpoint_id = ""
    for name, (body, shown) in EXAMPLES.items():
        [path] = [
            path
            for path, methods in DOCUMENT["paths"].items()
            if methods.get("post", {}).get("operationId") == f"post{name}"
        ]
        real = path.format(webhook_endpoint_id=endpoint_id)
        key = f"example:{uuid4()}"
        first, again = (client.post(real, dict(body), key=key) for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 200), first.text
        assert again.headers["idempotency-replayed"] == "true"
        assert first.headers["location"].startswith(PATH)
        told = first.json()
        assert again.json() == {name: told[name] for name in told if name != "secret"}
        assert faults_of(body, schema(f"{name}Request")) == []
        assert set(told) == set(shown)
        for answer in (told, again.json(), dict(shown)):
            assert faults_of(answer, schema(f"{name}Result")) == []
        endpoint_id = endpoint_id or told["webhook_endpoint_id"]
    found = client.get(f"{PATH}/{endpoint_id}").json()
    assert faults_of(found, schema("WebhookEndpoint")) == []
    assert "secret" not in found


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, {("/url", "required")}),
        ({"url": "http://receiver.example/"}, {("/url", "invalid_value")}),
        ({"url": "https://10.0.0.1/"}, {("/url", "invalid_value")}),
        ({"url": "https://[::1]/"}, {("/url", "invalid_value")}),
        ({"url": "https://user:pass@receiver.example/"}, {("/url", "invalid_value")}),
        ({"url": "ftp://receiver.example/"}, {("/url", "invalid_value")}),
        ({"url": "https://receiver.example:99999/"}, {("/url", "invalid_value")}),
        ({"url": f"{URL}#x"}, {("/url", "invalid_value")}),
        ({"url": 7, "surprise": 1}, {("/url", "invalid_type"), ("/surprise", "unknown_field")}),
        ({"url": URL, "event_types": []}, {("/event_types", "invalid_length")}),
        ({"url": URL, "event_types": ["fee"]}, {("/event_types/0", "invalid_value")}),
        ({"url": URL, "event_types": "all"}, {("/event_types", "invalid_type")}),
        ({"url": URL, "event_types": ["accrual"] * 2}, {("/event_types", "invalid_value")}),
        ({"url": URL, "description": ""}, {("/description", "invalid_length")}),
    ],
)
def test_every_fault_of_a_body_is_told(
    client: Client, body: dict[str, Any], faults: set[tuple[str, str]]
) -> None:
    answer = client.post(PATH, body)
    assert answer.status_code == 422, answer.text
    assert {(one["field"], one["code"]) for one in answer.json()["errors"]} == faults


def test_keys_are_one_space_with_those_of_postings(client: Client) -> None:
    key = f"webhook:{uuid4()}"
    assert client.post(PATH, {"url": URL}, key=key).status_code == 201
    other = client.post(PATH, {"url": f"{URL}/2"}, key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    loan = {"loan_id": str(uuid4()), "borrower_id": str(uuid4()), "amount_minor": "5"}
    more = {"currency": "USD", "effective_at": "2026-01-05", "method": "ach"}
    posting = client.post("/v1/disbursements", {**loan, **more}, key=key)
    assert (posting.status_code, posting.json()["code"]) == (422, "idempotency_mismatch")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", f"{PATH}/nonsense", 400, "invalid_parameter"),
        ("GET", f"{PATH}/{UNKNOWN_ID}", 404, "not_found"),
        ("GET", f"{PATH}/{UNKNOWN_ID}/deliveries", 404, "not_found"),
        ("GET", f"{PATH}?surprise=1", 400, "invalid_parameter"),
        ("GET", f"{PATH}?page_token=x", 400, "page_token_invalid"),
        ("DELETE", f"{PATH}/{UNKNOWN_ID}", 404, "not_found"),
        ("PUT", PATH, 405, "method_not_allowed"),
        ("GET", f"{PATH}/{UNKNOWN_ID}/replays", 405, "method_not_allowed"),
        ("POST", PATH, 400, "idempotency_key_missing"),
    ],
)
def test_what_cannot_be_answered_is_a_problem(
    client: Client, method: str, path: str, status: int, code: str
) -> None:
    headers = {"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"}
    answer = client.http.request(method, path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_who_may_only_read_may_not_configure(stack: dict[str, Any]) -> None:
    reader = Client.of(stack, 2)
    assert reader.get(PATH).status_code == 200
    answer = reader.post(PATH, {"url": URL})
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert httpx.get(f"{stack['api_url']}{PATH}").status_code == 401


def test_listings_are_paged_either_way(client: Client) -> None:
    made = {
        client.post(PATH, {"url": f"{URL}/{n}"}).json()["webhook_endpoint_id"] for n in range(5)
    }
    for order in ("asc", "desc"):
        found: list[str] = []
        token = ""
        while True:
            page = client.get(f"{PATH}?page_size=2&order={order}{token}").json()
            found += [one["webhook_endpoint_id"] for one in page["items"]]
            if "next_page_token" not in page:
                break
            token = f"&page_token={page['next_page_token']}"
        assert found == sorted(made, reverse=order == "desc")
