"""Whatever bytes come: no 5xx, every error a documented problem, and books that are explained.

HPTS_FUZZ_REQUESTS makes it longer, HPTS_FUZZ_SEED another one.
"""

import asyncio
import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from schemas.problems import CATALOGUE, MEDIA_TYPE
from tests.audit import faults_of_books
from tests.edges import bodies_of
from tests.edges.lending import posted, settled_loan, tenant_of
from tests.edges.new_tenant import client_of_new_tenant
from tests.http import Client
from tests.security.explained import Accepted, unexplained
from tests.security.mutated import mutated, sound_requests, with_length

Stack = dict[str, Any]
REQUESTS: Final = int(os.environ.get("HPTS_FUZZ_REQUESTS", "2500"))
SEED: Final = int(os.environ.get("HPTS_FUZZ_SEED", "8"))
AT_ONCE: Final = 64
ANSWERED_WITHIN_S: Final = 2.0
NOT_HTTP: Final = (501, 505)
STATUS_LINE: Final = re.compile(rb"HTTP/1\.1 ([0-9]{3}) [^\r\n]*\r\n")


@dataclass
class Seen:
    """What came back. `faults`: answers that must not be; `pending`: told 202."""

    faults: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    accepted: dict[str, Accepted] = field(default_factory=dict)
    pending: dict[str, Accepted] = field(default_factory=dict)
    unanswered: list[bytes] = field(default_factory=list)

    def take(self, sent: bytes, received: bytes) -> None:
        answers = list(answers_in(received))
        if not answers:
            self.unanswered.append(sent)
        for status, headers, body in answers:
            self.statuses[status] += 1
            if status >= 400:
                self._take_problem(sent, status, headers, body)
            elif b"dry_run" not in sent:
                self._take_success(sent, status, body, is_alone=len(answers) == 1)

    def _take_problem(self, sent: bytes, status: int, headers: bytes, body: bytes) -> None:
        if status in NOT_HTTP:
            return
        fault = ""
        if status >= 500:
            fault = "a fault of ours"
        elif f"content-type: {MEDIA_TYPE}".encode() not in headers.lower():
            fault = "no problem document"
        elif not sent.startswith(b"HEAD"):
            document = json.loads(body)
            known = CATALOGUE.get(document["code"])
            if known is None or (known.status, document["status"]) != (status, status):
                fault = "not the catalogue's"
        if fault:
            self.faults.append(f"{fault}: {status} {body[:300]!r} to {sent[:2_000]!r}")

    def _take_success(self, sent: bytes, status: int, body: bytes, *, is_alone: bool) -> None:
        if not sent.lstrip(b"\r\n").startswith(b"POST "):
            return
        result = json.loads(body)
        one = Accepted(path_of(sent), body_of(sent) if is_alone else None, result)
        if status == 202:
            self.pending[result["command_id"]] = one
        elif "correlation_id" in result:  # else it posts nothing: webhooks, banks
            self.accepted.setdefault(result["correlation_id"], one)


def answers_in(received: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(status, head, body) of each whole answer."""
    while (line := STATUS_LINE.match(received)) is not None:
        head, _, rest = received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: ([0-9]+)", head)
        size = int(length[1]) if length is not None else 0
        if int(line[1]) >= 200:
            yield int(line[1]), head, rest[:size]
        received = rest[size:] if int(line[1]) >= 200 else rest


def path_of(sent: bytes) -> str:
    return sent.lstrip(b"\r\n").split(b" ")[1].decode("latin-1")


def body_of(sent: bytes) -> dict[str, Any] | None:
    """The JSON body as its head says how long it is; None where that cannot be told."""
    head, _, body = sent.partition(b"\r\n\r\n")
    lengths = re.findall(rb"(?im)^content-length: ?([0-9]+)\r?$", head)
    if len(lengths) != 1 or b"chunked" in head.lower():
        return None
    try:
        value = json.loads(body[: int(lengths[0])])
    except ValueError:
        return None  # lines
    return value if isinstance(value, dict) else None


async def exchanged(host: str, port: int, sent: bytes) -> bytes:
    """What comes back for these bytes until the server hangs up, or nothing comes any more."""
    reader, writer = await asyncio.open_connection(host, port)
    received = b""
    try:
        writer.write(sent)
        async with asyncio.timeout(ANSWERED_WITHIN_S) as patience:
            while piece := await reader.read(65_536):
                received += piece
                if next(answers_in(received), None) is not None:
                    patience.reschedule(asyncio.get_running_loop().time() + 0.2)
    except (TimeoutError, ConnectionError):
        pass  # what has come by now is all there is
    finally:
        writer.transport.abort()
    return received


async def fuzzed(api: str, client: Client, ids: dict[str, str]) -> Seen:
    seen, chance = Seen(), random.Random(SEED)
    address = urlsplit(api)
    draw = sound_requests(client.token, ids)

    def drawn() -> Iterator[bytes]:
        while True:
            for head, body in draw():
                sound = with_length(head, body)
                yield sound if chance.random() < 0.05 else mutated(chance, head, body)

    requests = drawn()
    left = iter(range(REQUESTS))

    async def sender() -> None:
        for _ in left:
            sent = next(requests)
            seen.take(sent, await exchanged(address.hostname or "", address.port or 0, sent))

    await asyncio.gather(*(sender() for _ in range(AT_ONCE)))
    return seen


def settle(client: Client, seen: Seen) -> None:
    """Find out what became of those that were told 202."""
    deadline = time.monotonic() + 60
    for command_id, one in seen.pending.items():
        while (state := client.get(f"/v1/commands/{command_id}").json())["status"] == "pending":
            assert time.monotonic() < deadline, state
            time.sleep(0.05)
        if state["status"] == "posted":
            told = Accepted(one.path, one.body, state["result"])
            seen.accepted.setdefault(command_id, told)


@pytest.fixture(scope="module")
def client(stack: Stack, stack_dir: Path) -> Client:
    return client_of_new_tenant(stack, stack_dir)


@pytest.mark.timeout(180 + REQUESTS // 20)
def test_no_bytes_do_harm_and_the_books_are_what_was_accepted(stack: Stack, client: Client) -> None:
    told: dict[str, Accepted] = {}
    loan = settled_loan(client)
    paid = posted(client, "/v1/payments", bodies_of.payment() | loan)
    drawn = posted(client, "/v1/disbursements", bodies_of.disbursement() | loan)
    accrued = posted(client, "/v1/accruals/batch", bodies_of.accrual(UUID(loan["loan_id"])))
    ids = {
        **loan,
        "payment_event_id": paid["payment_event_id"],
        "disbursement_event_id": drawn["disbursement_event_id"],
        "journal_entry_id": paid["journal_entry_id"],
        "reverses_entry_id": paid["journal_entry_id"],
        "command_id": paid["correlation_id"],
        "accrual_event_id": accrued["accrual_event_id"],
        "webhook_endpoint_id": paid["journal_entry_id"],  # of no endpoint
        "account_code": "1100",
        "code": "not_found",
        "period": "2025-11",
    }
    before = unexplained(stack["postgres_dsn"], tenant_of(client), told)

    seen = asyncio.run(fuzzed(stack["api_url"], client, ids))
    settle(client, seen)
    print(f"{REQUESTS} requests, seed {SEED}: {sorted(seen.statuses.items())}")

    assert seen.faults == []
    after = unexplained(stack["postgres_dsn"], tenant_of(client), seen.accepted, seen.unanswered)
    assert [fault for fault in after if fault not in before] == []
    assert faults_of_books(stack["postgres_dsn"]) == []
    assert client.http.get("/v1/health/ready").status_code == 200
    # Else it proves little: much is refused, and some is accepted.
    assert len(seen.accepted) > REQUESTS / 100
    assert {200, 400, 401, 404, 422} <= seen.statuses.keys()
