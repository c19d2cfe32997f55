"""Making and reading webhook endpoints over HTTP."""

from typing import Any

from tests.deliveries.receiver import Receiver
from tests.http import Client

PATH = "/v1/webhook-endpoints"


def listen(client: Client, receiver: Receiver, path: str = "/hook", **more: Any) -> dict[str, Any]:
    """An endpoint of a receiver, which knows its secret from then on."""
    answer = client.post(PATH, {"url": receiver.url(path), **more})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    receiver.secrets.setdefault(path, []).append(made["secret"])
    return made


def deliveries_of(client: Client, endpoint: dict[str, Any]) -> list[dict[str, Any]]:
    """All that an endpoint was told, page by page."""
    path = f"{PATH}/{endpoint['webhook_endpoint_id']}/deliveries"
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        page = client.get(f"{path}?page_size=100{token}").json()
        found += page["items"]
        if "next_page_token" not in page:
            return found
        token = f"&page_token={page['next_page_token']}"
