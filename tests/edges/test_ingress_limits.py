"""How much may be in flight, and clients that do not wait for their answer."""

import asyncio
import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest

from schemas.in_flight import InFlight
from schemas.problems import ProblemError
from tests.edges import bodies_of
from tests.http import Client

Stack = dict[str, Any]
ONE, OTHER = uuid4(), uuid4()


def test_beyond_its_own_limit_a_tenant_is_told_to_wait_and_no_other() -> None:
    limit = InFlight(most=10, most_per_tenant=1)
    with limit.one(ONE):
        with pytest.raises(ProblemError) as refused, limit.one(ONE):
            pass
        assert (refused.value.problem.code, refused.value.problem.status) == ("rate_limited", 429)
        assert refused.value.problem.headers["Retry-After"]
        with limit.one(OTHER):
            pass
    with limit.one(ONE):
        pass


def test_beyond_the_limit_of_the_process_everybody_waits() -> None:
    limit = InFlight(most=1, most_per_tenant=10)
    with limit.one(ONE):
        with pytest.raises(ProblemError) as refused, limit.one(OTHER):
            pass
        assert (refused.value.problem.code, refused.value.problem.status) == ("overloaded", 503)
    with limit.one(OTHER):
        pass


def has_room(limit: InFlight, tenant_id: UUID) -> bool:
    try:
        with limit.one(tenant_id):
            return True
    except ProblemError:
        return False


@pytest.mark.parametrize("ending", [ValueError, asyncio.CancelledError])
def test_what_ends_in_an_error_or_is_cancelled_is_counted_no_more(
    ending: type[BaseException],
) -> None:
    limit = InFlight(most=2, most_per_tenant=1)
    with pytest.raises(ending), limit.one(ONE):
        raise ending
    assert has_room(limit, ONE)
    with limit.one(ONE):
        assert not has_room(limit, ONE)
        assert has_room(limit, OTHER)


def test_a_client_that_hangs_up_has_still_posted_once(stack: Stack) -> None:
    client = Client.of(stack)
    loan = client.open_loan(amount_minor="100000")
    address = urlsplit(stack["api_url"])
    bodies = [(f"payment:{uuid4()}", bodies_of.payment() | loan) for _ in range(20)]
    for key, body in bodies:
        content = json.dumps(body).encode()
        head = (
            "POST /v1/payments HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {client.token}\r\nIdempotency-Key: {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        with socket.create_connection((address.hostname, address.port), timeout=10) as gone:
            gone.sendall(head.encode() + content)
    for key, body in bodies:
        answer = final(client, body, key)
        assert answer["allocation"]
    balance = client.get(f"/v1/loans/{loan['loan_id']}/balance").json()
    assert balance["principal_outstanding_minor"] == "0"
    assert balance["suspense_minor"] == str(20 * 11_322 - 100_000)


def final(client: Client, body: dict[str, Any], key: str) -> dict[str, Any]:
    """The answer to a request repeated until it has one."""
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        answer = client.post("/v1/payments", body, key=key)
        if answer.status_code in (200, 201):
            return dict(answer.json())
        assert answer.status_code in (202, 409), answer.text
    raise AssertionError(f"no answer for {key}")
