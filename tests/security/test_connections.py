"""What a connection may do: heads within their size and time, answers that are taken, one meaning
for each request; and the rate of a tenant.
"""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from schemas.http_protocol import HEAD_WITHIN_S, MOST_HEAD_BYTES
from schemas.problems import ProblemError
from schemas.rate_limit import MOST_REMEMBERED, RateLimit
from tests.edges import bodies_of
from tests.edges.new_tenant import client_of_new_tenant
from tests.http import Client
from tests.security.own_api import own_api

Stack = dict[str, Any]


@pytest.fixture(scope="module")
def client(stack: Stack, stack_dir: Path) -> Client:
    return client_of_new_tenant(stack, stack_dir)


@contextmanager
def connected(stack: Stack) -> Iterator[socket.socket]:
    address = urlsplit(stack["api_url"])
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        yield connection


def until_closed(connection: socket.socket) -> bytes:
    received = b""
    while piece := connection.recv(65_536):
        received += piece
    return received


def ask(connection: socket.socket) -> None:
    """One request, answered whole; the connection is kept."""
    connection.sendall(b"GET /v1/health/live HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = b""
    while not answer.endswith(b"}"):
        piece = connection.recv(65_536)
        assert piece, "it hung up"
        answer += piece
    assert answer.startswith(b"HTTP/1.1 200 ")


def sent(stack: Stack, request: bytes) -> bytes:
    """All that comes back for these bytes until the server hangs up."""
    with connected(stack) as connection:
        connection.sendall(request)
        return until_closed(connection)


def problem_in(answer: bytes) -> dict[str, Any]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head, answer
    return dict(json.loads(body))


def payment(client: Client, loan: dict[str, str], key: str, *more: str) -> bytes:
    body = json.dumps(bodies_of.payment() | loan).encode()
    lines = [
        "POST /v1/payments HTTP/1.1",
        "Host: ledger",
        f"Authorization: Bearer {client.token}",
        f"Idempotency-Key: {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *more,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


NOT_HTTP = {
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no version": b"GET /v1/health/live\r\n\r\n",
    "a space in a name": b"GET /v1/health/live HTTP/1.1\r\nHo st: x\r\n\r\n",
    "a space before the colon": b"GET /v1/health/live HTTP/1.1\r\nContent-Length : 0\r\n\r\n",
    "a folded header": b"GET /v1/health/live HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
    "U+0000 in a header": b"GET /v1/health/live HTTP/1.1\r\nHost: x\0y\r\n\r\n",
    "a bare line feed in a header": b"GET /v1/health/live HTTP/1.1\r\nA: x\ny\r\n\r\n",
    "no path": b"GET http://ledger HTTP/1.1\r\n\r\n",
    "CONNECT": b"CONNECT ledger:80 HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("request_bytes", NOT_HTTP.values(), ids=NOT_HTTP)
def test_what_is_not_http_is_a_problem_and_the_end(stack: Stack, request_bytes: bytes) -> None:
    answer = sent(stack, request_bytes)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert problem_in(answer)["code"] == "invalid_parameter"


TWO_LENGTHS = {
    "length and chunks": ("Transfer-Encoding: chunked",),
    "another length": ("Content-Length: 5",),
    "chunks in a disguise": ("Transfer-Encoding: xchunked",),
    "chunks and more": ("Transfer-Encoding: chunked, identity",),
}


@pytest.mark.parametrize("more", TWO_LENGTHS.values(), ids=TWO_LENGTHS)
def test_a_body_of_two_lengths_posts_nothing(
    stack: Stack, client: Client, more: tuple[str, ...]
) -> None:
    loan, key = {"loan_id": str(uuid4()), "borrower_id": str(uuid4())}, f"smuggled:{uuid4()}"
    answer = sent(stack, payment(client, loan, key, *more))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert problem_in(answer)["code"] == "invalid_parameter"
    # The key is still free: nothing was reserved with another body.
    assert (
        client.post("/v1/payments", bodies_of.payment() | {"currency": "EUR"}, key=key).json()[
            "code"
        ]
        == "loan_not_found"
    )


def test_a_request_that_was_whole_is_answered_though_nonsense_follows_it(
    stack: Stack, client: Client
) -> None:
    """Told 400, its sender would take a payment that posts for one that does not."""
    loan = client.open_loan(amount_minor="100000")
    answer = sent(stack, payment(client, loan, f"followed:{uuid4()}") + b"\0nonsense\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("line", [b"X-%d: " % 0 + b"a" * 1_000 + b"\r\n", b"a: b\r\n"])
def test_a_head_has_its_size(stack: Stack, line: bytes) -> None:
    begin = b"GET /v1/health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    fits = line * ((MOST_HEAD_BYTES - 200) // (len(line) + 4))
    assert sent(stack, begin + fits + b"\r\n").startswith(b"HTTP/1.1 200 ")
    with connected(stack) as connection:
        try:
            connection.sendall(begin + line * (8 * MOST_HEAD_BYTES // len(line)))
            answer = until_closed(connection)
        except ConnectionError:
            return  # it hung up on what was still coming
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_who_never_finishes_a_head_is_let_go(stack: Stack) -> None:
    """Nothing sent, half a head, a head a byte at a time, and an empty line behind an answer: side
    by side, for each takes long."""
    begun = time.monotonic()
    with (
        connected(stack) as silent,
        connected(stack) as half,
        connected(stack) as slow,
        connected(stack) as answered,
    ):
        ask(answered)
        answered.sendall(b"\r\n")
        half.sendall(b"GET /v1/health/live HTTP/1.1\r\nHost:")
        slow.settimeout(0.25)
        slow.sendall(b"GET /v1/health/live HTTP/1.1\r\nHost: ")
        with pytest.raises(ConnectionError):
            drip(slow, until=begun + 3 * HEAD_WITHIN_S)
        assert until_closed(silent) == until_closed(half) == until_closed(answered) == b""
    assert time.monotonic() - begun < 2 * HEAD_WITHIN_S


def drip(connection: socket.socket, *, until: float) -> None:
    """A byte now and then; raises `ConnectionError` once the other side has hung up."""
    while time.monotonic() < until:
        connection.sendall(b"x")
        try:
            if not connection.recv(1):
                raise ConnectionResetError
        except TimeoutError:
            continue


def test_a_kept_connection_serves_again_and_again_after_a_pause_too(stack: Stack) -> None:
    """A pause for which a balancer keeps a connection: what it sends then must be taken."""
    with connected(stack) as connection:
        for pause_s in (0, 0, 1.5 * HEAD_WITHIN_S):
            time.sleep(pause_s)
            ask(connection)


def test_a_websocket_is_no_way_in(stack: Stack, client: Client) -> None:
    answer = httpx.get(
        f"{stack['api_url']}/v1/loans",
        headers={"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"},
    )
    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def passed(limit: RateLimit, tenant: UUID, count: int) -> int:
    """How many of so many requests get through."""
    through = 0
    for _ in range(count):
        with suppress(ProblemError):
            limit.take(tenant)
            through += 1
    return through


def test_a_tenant_has_its_rate_and_a_second_of_it_at_once() -> None:
    clock, one, other = Clock(), uuid4(), uuid4()
    limit = RateLimit(10, clock)
    assert passed(limit, one, 30) == 10
    assert passed(limit, other, 5) == 5
    clock.now += 0.5
    assert passed(limit, one, 30) == 5
    for _ in range(20):
        clock.now += 0.1
        assert passed(limit, one, 3) == 1


def test_who_is_refused_has_room_after_the_time_it_was_told() -> None:
    clock, one = Clock(), uuid4()
    limit = RateLimit(1, clock)
    limit.take(one)
    with pytest.raises(ProblemError) as refused:
        limit.take(one)
    assert (refused.value.problem.status, refused.value.problem.code) == (429, "rate_limited")
    clock.now += int(refused.value.problem.headers["Retry-After"])
    limit.take(one)


def test_rates_of_many_tenants_take_no_room_for_ever() -> None:
    clock = Clock()
    limit = RateLimit(1, clock)
    for _ in range(3):
        for _ in range(MOST_REMEMBERED):
            limit.take(uuid4())
        clock.now += 2
    assert len(limit._spent_until) <= MOST_REMEMBERED + 1


@pytest.fixture(scope="module")
def one_a_second(stack: Stack, stack_dir: Path) -> Iterator[str]:
    """The URL of an API that takes one request a second of each tenant."""
    with own_api(stack, stack_dir, HPTS_MAX_REQUESTS_PER_SECOND_PER_TENANT="1") as url:
        yield url


def test_beyond_its_rate_a_tenant_is_told_when_to_come_again(
    stack: Stack, stack_dir: Path, one_a_second: str
) -> None:
    reads, other, posts = (client_of_new_tenant(stack, stack_dir) for _ in range(3))

    async def at_once(client: Client, method: str, path: str, **named: Any) -> set[str]:
        who = {"Authorization": f"Bearer {client.token}", "Idempotency-Key": f"limited:{uuid4()}"}
        async with httpx.AsyncClient(base_url=one_a_second, headers=who) as http:
            asked = (http.request(method, path, **named) for _ in range(20))
            answers = await asyncio.gather(*asked)
        refused = [answer for answer in answers if answer.status_code == 429]
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        return {answer.json().get("code", "") for answer in answers}

    assert asyncio.run(at_once(reads, "GET", "/v1/accounts")) == {"", "rate_limited"}
    alone = {"Authorization": f"Bearer {other.token}"}
    assert httpx.get(f"{one_a_second}/v1/accounts", headers=alone).status_code == 200
    codes = asyncio.run(at_once(posts, "POST", "/v1/payments", json=bodies_of.payment()))
    assert "rate_limited" in codes
    assert codes - {"rate_limited", "idempotency_in_progress"} == {"loan_not_found"}
