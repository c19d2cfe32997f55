"""A body that never ends is answered and let go: it holds no place for ever."""

import socket
from typing import Any
from urllib.parse import urlsplit

from ingress_api.exchange import BODY_WITHIN_S
from tests.http import Client


def test_a_body_that_does_not_come_is_refused_in_time(stack: dict[str, Any]) -> None:
    client = Client.of(stack)
    address = urlsplit(stack["api_url"])
    head = (
        "POST /v1/payments HTTP/1.1\r\nHost: ledger\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {client.token}\r\nIdempotency-Key: payment:never-ends\r\n"
        "Content-Length: 100\r\n\r\n{"
    )
    place = (address.hostname or "", address.port or 0)
    with socket.create_connection(place, timeout=BODY_WITHIN_S + 15) as connection:
        connection.sendall(head.encode())
        # The connection is closed after the answer, so all of it is what comes until then.
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"malformed_json" in answer
