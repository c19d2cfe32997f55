"""The headers that the read edge takes, and bytes that are hardly HTTP."""

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.edges.test_read_strictness import READS, problem
from tests.http import Client

Stack = dict[str, Any]


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


@pytest.mark.parametrize(
    ("accept", "is_taken"),
    [
        ("application/json", True),
        ("*/*", True),
        ("text/html, application/*;q=0.1", True),
        ("APPLICATION/JSON", True),
        ("", True),
        ("text/csv", False),
        ("application/json;q=0", False),
        ("application/json; q=0.000, text/html", False),
        (";;;", False),
    ],
)
def test_the_answer_is_json_or_406(client: Client, accept: str, is_taken: bool) -> None:
    answer = client.get("/v1/accounts", {"Accept": accept})
    if is_taken:
        assert answer.status_code == 200
    else:
        problem(answer, 406, "not_acceptable")


@pytest.mark.parametrize(
    "position",
    ["", "x", "1", "1:", ":1", "1:-1", "1:1,", "1:1;2:2", "4095:1", "1:" + "9" * 30, "٣:1"],
)
def test_a_position_must_be_one(client: Client, position: str) -> None:
    answer = client.http.get(
        READS[0],
        headers={
            b"Authorization": f"Bearer {client.token}".encode(),
            b"HPTS-Min-Position": position.encode(),
        },
    )
    problem(answer, 400, "invalid_parameter")


@pytest.mark.parametrize("path", READS)
def test_every_read_takes_a_position(client: Client, path: str) -> None:
    nowhere = client.get(path, {"HPTS-Min-Position": "4000:1"})
    problem(nowhere, 400, "invalid_parameter")


def test_a_trace_goes_on_through_us(client: Client) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    sent = f"00-{trace_id}-b7ad6b7169203331-01"
    answered = client.get("/v1/accounts", {"traceparent": sent}).headers["traceparent"]
    version, told, span, flags = answered.split("-")
    assert (version, told, flags) == ("00", trace_id, "01")
    assert span != "b7ad6b7169203331"


@pytest.mark.parametrize(
    "sent",
    [
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "nonsense",
    ],
)
def test_an_invalid_trace_is_ignored(client: Client, sent: str) -> None:
    answer = client.get("/v1/accounts", {"traceparent": sent})
    assert answer.status_code == 200
    assert "0af7651916cd43dd8448eb211c80319c" not in answer.headers["traceparent"].lower()


def test_the_deprecated_trace_header_is_taken_and_dated(client: Client) -> None:
    answer = client.get("/v1/accounts", {"X-Trace-Id": "0af76519-16cd-43dd-8448-eb211c80319c"})
    assert answer.status_code == 200
    assert answer.headers["traceparent"].split("-")[1] == "0af7651916cd43dd8448eb211c80319c"
    assert answer.headers["deprecation"].startswith("@")
    assert answer.headers["sunset"].endswith("GMT")
    problem(client.get("/v1/accounts", {"X-Trace-Id": "short"}), 400, "invalid_parameter")


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /v1/accounts HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        b"GET /v1/accounts HTTP/1.1\r\nHost: x\r\nAuthorization: \xc3\xa9\r\n\r\n",
        b"GET /v1/accounts HTTP/1.1\r\nHost: x\r\ntraceparent: \xff\r\nAccept: \xff\r\n\r\n",
        b"GET /v1/accounts HTTP/1.1\r\nHost: x\r\nX-Trace-Id: " + b"\xff" * 8 + b"\r\n\r\n",
        b"GET /v1/loans/\xff/balance HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/loans/x/balance?\xff=\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/loans/x/balance#f HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://elsewhere/v1/accounts HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"FROB /v1/accounts HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/%00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/problems/%00%ff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
        b"GET /" + b"a" * 60_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03",
    ],
)
def test_raw_bytes_cause_no_fault_of_ours(client: Client, request_bytes: bytes) -> None:
    assert not {500, 502, 503} & {status_of(client, request_bytes)}


@pytest.mark.parametrize("query", ["as_of_date=%zz", "as_of_date=2026-01-01%", "%=1", "%ff=1"])
def test_a_query_that_is_no_utf8_or_percent_encoding_is_refused(client: Client, query: str) -> None:
    lines = (
        f"GET {READS[0]}?{query} HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {client.token}",
        "\r\n",
    )
    assert status_of(client, "\r\n".join(lines).encode()) == 400


def status_of(client: Client, request_bytes: bytes) -> int:
    """The status that raw bytes are answered with; 0 for a connection that is closed."""
    address = urlsplit(str(client.http.base_url))
    with socket.create_connection((address.hostname, address.port or 80), timeout=10) as connection:
        connection.sendall(request_bytes)
        connection.shutdown(socket.SHUT_WR)
        line = connection.makefile("rb").readline()
    return int(line.split()[1]) if line else 0
