"""The journal as server-sent events: complete, resumable, the tenant's own, and bounded."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest

from read_api.journal_stream import MOST_PER_TENANT
from tests.faults.own_ledger import until
from tests.http import Client

PATH = "/v1/journal-entries/stream"


class Follower:
    """Reads a stream in a thread until it is closed."""

    def __init__(self, client: Client, last_event_id: str | None = None) -> None:
        headers = {"Authorization": f"Bearer {client.token}"}
        if last_event_id is not None:
            headers["Last-Event-ID"] = last_event_id
        self.events: list[tuple[str, dict[str, Any]]] = []
        at = client.http.base_url
        self._link = socket.create_connection((at.host, at.port or 80), timeout=30)
        lines = [
            f"GET {PATH} HTTP/1.1",
            f"Host: {at.host}",
            *(": ".join(h) for h in headers.items()),
        ]
        self._link.sendall("\r\n".join([*lines, "", ""]).encode())
        self._answer = http.client.HTTPResponse(self._link)
        self._answer.begin()
        assert self._answer.status == 200, self._answer.read()
        assert self._answer.headers["content-type"] == "text/event-stream"
        assert self._answer.readline() == b"retry: 1000\n"
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        event: dict[str, str] = {}
        try:
            for line in iter(self._answer.readline, b""):
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    event[name] = value
                elif event.get("event") == "journalEntryPosted":
                    self.events.append((event["id"], json.loads(event["data"])))
                    event = {}
        except (http.client.HTTPException, OSError, ValueError):
            return  # closed

    def entries(self) -> list[str]:
        return [told["journal_entry_id"] for _, told in self.events]

    def close(self) -> None:
        with suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)
        self._link.close()


@pytest.fixture
def client(stack: dict[str, Any]) -> Client:
    return Client.of(stack)


@pytest.fixture
def followers() -> Iterator[list[Follower]]:
    made: list[Follower] = []
    yield made
    for follower in made:
        follower.close()


def test_a_stream_tells_what_is_posted_and_goes_on_where_it_was_left(
    stack: dict[str, Any], client: Client, followers: list[Follower]
) -> None:
    loan, other = client.open_loan(amount_minor="50000"), Client.of(stack, 1)
    live = Follower(client)
    followers.append(live)
    paid = [client.pay(loan, amount_minor=f"{n}")["journal_entry_id"] for n in range(1, 5)]
    other.open_loan(amount_minor="700")
    until(lambda: len(live.events) >= 4, seconds=15)
    assert live.entries() == paid
    of_reads = client.get(f"/v1/journal-entries/{paid[0]}").json()
    first = live.events[0][1]
    assert {name: first[name] for name in of_reads} == of_reads

    resumed = Follower(client, live.events[1][0])
    followers.append(resumed)
    paid.append(client.pay(loan, amount_minor="9")["journal_entry_id"])
    until(lambda: len(resumed.events) >= 3, seconds=15)
    assert resumed.entries() == paid[2:]

    whole = Follower(client, "0")
    followers.append(whole)
    until(lambda: paid[-1] in whole.entries(), seconds=15)
    listed = client.get("/v1/journal-entries?order=desc&page_size=5").json()["items"]
    assert whole.entries()[-5:] == [one["journal_entry_id"] for one in reversed(listed)]
    assert len(set(whole.entries())) == len({told["journal_entry_id"] for _, told in whole.events})


def test_a_tenant_has_so_many_streams_and_no_more(
    client: Client, followers: list[Follower]
) -> None:
    followers += [Follower(client) for _ in range(MOST_PER_TENANT)]
    refused = client.get(PATH)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.headers["retry-after"]
    followers[0].close()
    until(lambda: can_open(client), seconds=15)


def can_open(client: Client) -> bool:
    headers = {"Authorization": f"Bearer {client.token}"}
    with client.http.stream("GET", PATH, headers=headers) as answer:
        return answer.status_code == 200


@pytest.mark.parametrize("last", ["x", "1", "1:", "0:1,", "4094:1", "0:1;1:2"])
def test_what_is_no_event_s_id_is_refused(client: Client, last: str) -> None:
    answer = client.get(PATH, headers={"Last-Event-ID": last})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


def test_a_stream_needs_a_token_and_takes_no_parameters(
    stack: dict[str, Any], client: Client
) -> None:
    assert httpx.get(f"{stack['api_url']}{PATH}").status_code == 401
    assert client.get(f"{PATH}?surprise=1").status_code == 400
    assert client.post(PATH, {}).status_code == 405
