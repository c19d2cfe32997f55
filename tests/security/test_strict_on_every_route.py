"""What is not strict JSON is refused alike on every route that takes a body, and nothing breaks."""

from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import pytest

from tests.edges import bodies_of
from tests.edges.new_tenant import client_of_new_tenant
from tests.edges.test_ingress_strict_json import MALFORMED
from tests.http import UNKNOWN_ID, Client

Stack = dict[str, Any]
ROUTES: Final = (
    *bodies_of.SOUND,
    "/v1/periods/2025-11/close",
    f"/v1/quarantine/{UNKNOWN_ID}/resume",
    f"/v1/quarantine/{UNKNOWN_ID}/reject",
)
TWICE: Final = (b'{"amount_minor":"1","amount_minor":"100"}', rb'{"a":{"b":1,"\u0062":2}}')


@pytest.fixture(scope="module")
def client(stack: Stack, stack_dir: Path) -> Client:
    return client_of_new_tenant(stack, stack_dir)


def sent(client: Client, path: str, body: bytes, kind: str = "application/json") -> httpx.Response:
    headers = {
        "Authorization": f"Bearer {client.token}",
        "Content-Type": kind,
        "Idempotency-Key": f"strict:{uuid4()}",
    }
    return client.http.post(path, content=body, headers=headers)


def code_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.status_code, answer.json()["code"]


@pytest.mark.parametrize("path", ROUTES)
def test_a_body_that_is_not_strict_json_is_refused_alike(client: Client, path: str) -> None:
    for what, body in MALFORMED.items():
        assert code_of(sent(client, path, body)) == (400, "malformed_json"), what
    for body in TWICE:
        assert code_of(sent(client, path, body)) == (400, "duplicate_member")
    status, code = code_of(sent(client, path, rb'{"description":"\u0000"}'))
    assert (status, code) == (422, "validation_failed")


def test_lines_are_read_as_strictly(client: Client) -> None:
    head = b'{"program_id":"%s"}\n' % str(uuid4()).encode()
    for what, body in MALFORMED.items():
        if body.strip() and b"\n" not in body:
            for lines in (body + b"\n", head + body + b"\n"):
                answer = sent(client, "/v1/accruals/batch", lines, "application/x-ndjson")
                assert answer.status_code in (400, 413, 422), what
                assert answer.json()["code"] in (
                    *("malformed_json", "validation_failed", "payload_too_large"),
                )
