"""Accrual batches as NDJSON over HTTP: taken like JSON, refused early, given up in time."""

import gzip
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from ingress_api.exchange import BODY_WITHIN_S
from tests.edges import bodies_of
from tests.edges.lending import rows
from tests.faults.test_engine_killed import engine_stopped, until
from tests.http import Client

Stack = dict[str, Any]
PATH = "/v1/accruals/batch"
NO_BATCH = b"["
NDJSON = "application/x-ndjson"


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


def batch(client: Client, *, good: int, bad: int = 0) -> dict[str, Any]:
    loans = [client.open_loan(amount_minor="100000")["loan_id"] for _ in range(good)]
    return bodies_of.accrual(*(UUID(one) for one in loans), *(uuid4() for _ in range(bad)))


def lines_of(body: dict[str, Any]) -> bytes:
    head = {name: value for name, value in body.items() if name != "loans"}
    return b"".join(json.dumps(one).encode() + b"\n" for one in (head, *body["loans"]))


def stream(
    client: Client, content: Any, *, key: str | None = None, path: str = PATH, **headers: str
) -> httpx.Response:
    given = {
        "Authorization": f"Bearer {client.token}",
        "Idempotency-Key": key or f"accrual:{uuid4()}",
        "Content-Type": NDJSON,
        "Prefer": "wait=30",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return client.http.post(path, content=content, headers=given)


def test_a_stream_posts_and_the_same_batch_as_json_is_its_replay(client: Client) -> None:
    body = batch(client, good=3, bad=2)
    key = f"accrual:{uuid4()}"
    first = stream(client, lines_of(body), key=key)
    assert first.status_code == 201, first.text
    assert (first.json()["loan_count"], first.json()["rejected_count"]) == (3, 2)
    progress = client.get(f"/v1/accruals/{first.json()['accrual_event_id']}").json()
    assert (progress["status"], progress["expected_loan_count"]) == ("posted_with_rejections", 5)
    again = stream(client, gzip.compress(lines_of(body)), key=key, Content_Encoding="gzip")
    as_json = client.post(PATH, body, key=key)
    for replay in (again, as_json):
        assert (replay.status_code, replay.content) == (200, first.content)
        assert replay.headers["idempotency-replayed"] == "true"
    other = {**body, "loans": body["loans"][:-1]}
    assert stream(client, lines_of(other), key=key).json()["code"] == "idempotency_mismatch"


def test_a_stream_may_come_without_a_length(client: Client) -> None:
    body = lines_of(batch(client, good=2, bad=3_000))
    pieces = (body[at : at + 10_000] for at in range(0, len(body), 10_000))
    answer = stream(client, pieces)
    assert (answer.status_code, answer.json()["loan_count"]) == (201, 2)


def test_a_stream_with_faults_is_refused_and_its_key_is_free(client: Client) -> None:
    body = batch(client, good=1, bad=1)
    key = f"accrual:{uuid4()}"
    spoiled = lines_of(body).replace(b'"822"', b'"8.22"', 1)
    answer = stream(client, spoiled, key=key)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    (fault,) = answer.json()["errors"]
    assert (fault["field"], fault["message"][:7]) == ("/loans/0/interest_minor", "line 2:")
    cut_off = stream(client, lines_of(body)[:-20], key=key)
    assert (cut_off.status_code, cut_off.json()["code"]) == (400, "malformed_json")
    assert stream(client, lines_of(body), key=key).status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "application/ndjson"},
        {"Content_Type": "application/x-ndjson; charset=latin-1"},
        {"Content_Encoding": "br"},
        {"Content_Encoding": "gzip, gzip"},
        {"Content_Type": "application/json", "Content_Encoding": "gzip"},
    ],
)
def test_another_type_or_encoding_is_415(client: Client, headers: dict[str, str]) -> None:
    answer = stream(client, b"{}\n", **headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert answer.headers["accept"] == f"application/json, {NDJSON}"


def test_lines_are_taken_on_no_other_path(client: Client) -> None:
    answer = stream(client, b"{}\n", path="/v1/payments")
    assert (answer.status_code, answer.headers["accept"]) == (415, "application/json")


def test_a_dry_run_of_a_stream_is_refused(client: Client) -> None:
    answer = stream(client, lines_of(bodies_of.accrual()), path=f"{PATH}?dry_run=true")
    assert (answer.status_code, answer.json()["code"]) == (422, "dry_run_unsupported")


@contextmanager
def begun(
    stack: Stack,
    client: Client,
    length: int,
    content: bytes,
    *,
    path: str = PATH,
    media_type: str = NDJSON,
    more: str = "",
) -> Iterator[socket.socket]:
    """A connection that has sent the beginning of a body; no answer to it has been read."""
    address = urlsplit(stack["api_url"])
    head = (
        f"POST {path} HTTP/1.1\r\nHost: ledger\r\nContent-Type: {media_type}\r\n"
        f"Authorization: Bearer {client.token}\r\nIdempotency-Key: accrual:{uuid4()}\r\n"
        f"Content-Length: {length}\r\n{more}\r\n"
    )
    place = (address.hostname or "", address.port or 0)
    with socket.create_connection(place, timeout=BODY_WITHIN_S + 15) as connection:
        connection.sendall(head.encode() + content)
        yield connection


@contextmanager
def being_read(stack: Stack, client: Client) -> Iterator[None]:
    """A stream that holds its place: the server has asked for its body, which does not come."""
    deadline = time.monotonic() + 20
    while True:
        with begun(stack, client, 1_000, b"", more="Expect: 100-continue\r\n") as connection:
            told = connection.recv(65536)
            if told.startswith(b"HTTP/1.1 100 "):
                yield
                return
        # Another test's stream has only just been given up.
        assert time.monotonic() < deadline, told


def answered(connection: socket.socket) -> bytes:
    """What comes until the connection is closed, as it is after a body was not read to its end."""
    return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_stream_that_is_declared_too_long_is_refused_unread(stack: Stack, client: Client) -> None:
    with begun(stack, client, 1024**3 + 1, b"{") as connection:
        answer = answered(connection)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_a_stream_that_is_refused_on_its_way_is_not_read_to_its_end(
    stack: Stack, client: Client
) -> None:
    with begun(stack, client, 10**9, b"{\n" + b"x" * 2**20) as connection:
        answer = answered(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Line 1: " in answer


def test_a_tenant_s_second_stream_waits_for_its_first_and_a_third_for_anybody_s(
    stack: Stack, client: Client
) -> None:
    other = Client.of(stack, 1)
    with being_read(stack, client):
        own = stream(client, NO_BATCH)
        assert own.status_code == 429
        assert (own.json()["code"], own.headers["retry-after"]) == ("rate_limited", "5")
        with being_read(stack, other):
            full = stream(client, NO_BATCH)
            assert full.status_code == 503
            assert (full.json()["code"], full.headers["retry-after"]) == ("overloaded", "5")
            # What is no stream is answered all the while.
            assert client.post(PATH, batch(client, good=1)).status_code in (201, 202)
    assert until_status(client, NO_BATCH, 400).json()["code"] == "malformed_json"


def test_the_place_of_a_stream_is_given_back_once_its_chunks_are_durable(
    stack: Stack, stack_dir: Path, client: Client
) -> None:
    body = batch(client, good=2)
    key = f"accrual:{uuid4()}"
    answers: list[httpx.Response] = []
    with engine_stopped(stack_dir):
        # It waits for outcomes that cannot come, and another stream is read meanwhile.
        waiting = Thread(target=lambda: answers.append(stream(client, lines_of(body), key=key)))
        waiting.start()
        until(lambda: is_reserved(stack, key), seconds=20)
        assert until_status(client, NO_BATCH, 400).json()["code"] == "malformed_json"
        assert waiting.is_alive()
    waiting.join()
    assert answers[0].status_code in (201, 202)


def is_reserved(stack: Stack, key: str) -> bool:
    query = "SELECT 1 FROM hpts_edge.idempotency_reservations WHERE idempotency_key = %s"
    return bool(rows(stack, query, key))


def until_status(client: Client, content: bytes, status: int) -> httpx.Response:
    """Its answer once that has this status, which another connection brings about."""
    deadline = time.monotonic() + 20
    while (answer := stream(client, content)).status_code != status:
        assert time.monotonic() < deadline, answer.text
    return answer
