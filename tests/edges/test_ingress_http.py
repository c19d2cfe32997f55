"""The write edge over real HTTP: what it refuses, and that nothing makes it answer 5xx."""

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from tests.edges import bodies_of
from tests.edges.test_ingress_bodies import AMOUNT_FIELDS, NOT_MONEY, put, whole
from tests.edges.test_ingress_strict_json import MALFORMED
from tests.http import UNKNOWN_ID, Client

Stack = dict[str, Any]
PATHS = list(bodies_of.SOUND)


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


@pytest.fixture(scope="module")
def reader(stack: Stack) -> Client:
    """A client that may only read."""
    clients = stack["clients"]
    return Client.of(stack, clients.index(next(c for c in clients if is_reader(c))))


def is_reader(registered: dict[str, Any]) -> bool:
    return not registered["partner"] and all(s.endswith(":read") for s in registered["scopes"])


def send(
    client: Client, path: str, content: bytes, headers: dict[str, str] | None = None
) -> httpx.Response:
    chosen = {
        "Authorization": f"Bearer {client.token}",
        "Idempotency-Key": f"test:{uuid4()}",
        "Content-Type": "application/json",
        **(headers or {}),
    }
    return client.http.post(path, content=content, headers=chosen)


def is_problem(answer: httpx.Response, status: int, code: str) -> bool:
    document = answer.json()
    assert (answer.status_code, document["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["status"] == status
    assert document["type"] == f"/problems/{code}"
    assert document["title"]
    assert document["detail"]
    assert answer.headers["traceparent"].split("-")[1] == document["trace_id"]
    return True


@pytest.mark.parametrize("path", PATHS)
def test_what_is_not_json_is_400_on_every_route(client: Client, path: str) -> None:
    for name, body in MALFORMED.items():
        answer = send(client, path, body)
        assert is_problem(answer, 400, "malformed_json"), name


@pytest.mark.parametrize("path", PATHS)
def test_a_member_named_twice_is_400_on_every_route(client: Client, path: str) -> None:
    body = json.dumps(bodies_of.SOUND[path]())[:-1] + ',"currency":"USD","currency":"EUR"}'
    assert is_problem(send(client, path, body.encode()), 400, "duplicate_member")


@pytest.mark.parametrize("path", PATHS)
def test_u0000_is_422_on_every_route(client: Client, path: str) -> None:
    for name in whole(path):
        body = {**whole(path), name: "\0"}
        assert is_problem(send(client, path, json.dumps(body).encode()), 422, "validation_failed")


@pytest.mark.parametrize(("path", "pointer"), AMOUNT_FIELDS)
def test_only_digits_in_a_string_are_money_over_http(
    client: Client, path: str, pointer: str
) -> None:
    for spelling in NOT_MONEY:
        body = put(whole(path), pointer, spelling)
        answer = send(client, path, json.dumps(body).encode())
        assert is_problem(answer, 422, "validation_failed"), spelling
        assert [error["field"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "application/jsonx"},
        {"Content-Type": ""},
        {"Content-Encoding": "gzip"},
        {"Content-Encoding": "br"},
    ],
    ids=repr,
)
def test_another_media_type_is_415(client: Client, path: str, headers: dict[str, str]) -> None:
    assert is_problem(send(client, path, b"{}", headers), 415, "unsupported_media_type")


def test_utf_8_may_be_said(client: Client) -> None:
    headers = {"Content-Type": 'Application/JSON ; charset="UTF-8"'}
    assert is_problem(send(client, "/v1/payments", b"[]", headers), 422, "validation_failed")


@pytest.mark.parametrize(
    "key", ["short", "x" * 256, "-begins:badly", "has space in it", "has/slash/in", "ключключ", ""]
)
def test_a_malformed_key_is_refused(client: Client, key: str) -> None:
    headers = {
        b"Authorization": f"Bearer {client.token}".encode(),
        b"Content-Type": b"application/json",
        b"Idempotency-Key": key.encode(),
    }
    answer = client.http.post("/v1/payments", content=b"{}", headers=headers)
    assert is_problem(answer, 400, "idempotency_key_invalid")


def test_a_missing_key_and_a_doubled_one_are_told_apart(client: Client) -> None:
    token = {"Authorization": f"Bearer {client.token}"}
    missing = client.http.post("/v1/payments", json={}, headers=token)
    assert is_problem(missing, 400, "idempotency_key_missing")
    twice = [*token.items(), ("Idempotency-Key", "key-0001"), ("Idempotency-Key", "key-0001")]
    doubled = client.http.post("/v1/payments", json={}, headers=twice)
    assert is_problem(doubled, 400, "idempotency_key_invalid")


@pytest.mark.parametrize(
    "query",
    [
        *("x=1", "=", "%00", "dry_run", "dry_run=", "dry_run=1", "dry_run=TRUE", "Dry_run=true"),
        *("dry_run=true&x=1", "dry_run=true&dry_run=true", "dry_run=true&", "dry_run=%74rue"),
    ],
)
def test_only_dry_run_is_known_as_a_query_parameter(client: Client, query: str) -> None:
    answer = send(client, f"/v1/payments?{query}", b"{}")
    assert is_problem(answer, 400, "invalid_parameter")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_a_posting_route_takes_only_posts(stack: Stack, client: Client, method: str) -> None:
    answer = client.http.request(method, "/v1/payments")
    assert answer.status_code in (404, 405)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", PATHS)
def test_no_token_no_entry(client: Client, path: str) -> None:
    answer = client.http.post(path, json=bodies_of.SOUND[path]())
    assert is_problem(answer, 401, "token_missing")
    assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("path", PATHS)
def test_every_route_asks_for_its_scope(reader: Client, path: str) -> None:
    answer = reader.post(path, bodies_of.SOUND[path]())
    assert is_problem(answer, 403, "insufficient_scope")


@pytest.fixture
def wire(stack: Stack) -> Iterator[socket.socket]:
    address = urlsplit(stack["api_url"])
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        yield connection


def head(client: Client, path: str, *lines: str) -> bytes:
    common = (
        f"POST {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {client.token}",
        f"Idempotency-Key: test:{uuid4()}",
        "Content-Type: application/json",
    )
    return "\r\n".join((*common, *lines, "", "")).encode()


def first_line(wire: socket.socket) -> bytes:
    return wire.recv(65_536).split(b"\r\n", 1)[0]


@pytest.mark.parametrize(
    ("path", "most"), [("/v1/payments", 2**20), ("/v1/accruals/batch", 4 * 2**20)]
)
def test_a_body_that_says_it_is_too_large_is_refused_unread(
    wire: socket.socket, client: Client, path: str, most: int
) -> None:
    wire.sendall(head(client, path, f"Content-Length: {most + 1}"))
    assert first_line(wire).startswith(b"HTTP/1.1 413")


def test_an_absurd_length_is_no_server_error(wire: socket.socket, client: Client) -> None:
    wire.sendall(head(client, "/v1/payments", "Content-Length: 9999999999999999"))
    assert first_line(wire).startswith(b"HTTP/1.1 413")


def test_a_chunked_body_is_refused_at_its_limit(wire: socket.socket, client: Client) -> None:
    wire.sendall(head(client, "/v1/payments", "Transfer-Encoding: chunked"))
    piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    for _ in range(17):
        wire.sendall(piece)
    assert first_line(wire).startswith(b"HTTP/1.1 413")


def test_a_client_that_goes_away_in_mid_body_harms_nobody(stack: Stack, client: Client) -> None:
    address = urlsplit(stack["api_url"])
    for _ in range(20):
        with socket.create_connection((address.hostname, address.port), timeout=10) as gone:
            gone.sendall(head(client, "/v1/payments", "Content-Length: 1000") + b'{"loan_id":')
    assert is_problem(send(client, "/v1/payments", b"{}"), 422, "validation_failed")


def test_one_mebibyte_less_a_little_is_read(client: Client) -> None:
    body = bodies_of.payment() | {"metadata": {str(i): "x" * 500 for i in range(50)}}
    padded = json.dumps(body).encode().ljust(2**20)
    assert is_problem(send(client, "/v1/payments", padded), 422, "loan_not_found")


def test_the_trace_goes_on(client: Client) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}
    answer = send(client, "/v1/payments", b"{}", headers)
    assert answer.headers["traceparent"].split("-")[1] == trace_id
    assert answer.json()["trace_id"] == trace_id


def test_the_deprecated_trace_header_is_answered_with_its_end(client: Client) -> None:
    answer = send(client, "/v1/payments", b"{}", {"X-Trace-Id": "trace-0001"})
    assert answer.headers["deprecation"]
    assert answer.headers["sunset"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/commands/x", "command_id"),
        (f"/v1/commands/{UNKNOWN_ID}0", "command_id"),
        ("/v1/accruals/%00", "accrual_event_id"),
        ("/v1/accruals/x/rejections", "accrual_event_id"),
    ],
)
def test_a_malformed_id_in_the_path_is_400(client: Client, path: str, name: str) -> None:
    answer = client.get(path)
    assert is_problem(answer, 400, "invalid_parameter")
    fault = {"field": f"/{name}", "code": "invalid_format", "message": "must be a UUID"}
    assert answer.json()["errors"] == [fault]


@pytest.mark.parametrize("path", [f"/v1/{one}/{UNKNOWN_ID}" for one in ("commands", "accruals")])
def test_what_is_not_there_is_404(client: Client, path: str) -> None:
    assert is_problem(client.get(path), 404, "not_found")
