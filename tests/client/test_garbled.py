"""Both clients against a server that answers what no ledger does, or stops in the middle."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from uuid import UUID

import pytest

from hpts_client import AsyncClient, Client, Patience, Unreachable
from tests.client.test_exchange import FEE

GIVE_UP: Final = Patience(give_up_after_s=0.3)
ENTRY: Final = {
    "journal_entry_id": str(UUID(int=1)),
    "event_type": "payment_received",
    "effective_at": "2026-02-01",
    "posted_at": "2026-02-01T00:00:00.000000Z",
    "correlation_id": str(UUID(int=2)),
    "reverses_entry_id": None,
    "reversed_by_entry_id": None,
    "description": None,
    "actor": "somebody",
    "metadata": {},
    "lines": [],
    "details": {},
    "part": 0,
}


class Garbled(ThreadingHTTPServer):
    """POST: a success that only claims to be compressed. GET: a stream, an entry at a word."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.keys: list[str | None] = []
        self.resumed_at: list[str | None] = []
        self.post_one = threading.Event()
        self.is_over = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    server: Garbled

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        self.server.keys.append(self.headers["Idempotency-Key"])
        self.send_response(201)
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"none")

    def do_GET(self) -> None:
        self.server.resumed_at.append(self.headers["Last-Event-ID"])
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"id: 0:7\n\n")
        self.server.post_one.wait(20)
        told = f"id: 0:8\nevent: journalEntryPosted\ndata: {json.dumps(ENTRY)}\n\n"
        self.wfile.write(told.encode())
        self.server.is_over.wait(20)


@pytest.fixture
def garbled() -> Iterator[Garbled]:
    with Garbled() as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield server
        server.post_one.set()
        server.is_over.set()
        server.shutdown()
        serving.join()


def test_an_answer_that_cannot_be_unpacked_is_none_and_the_same_key_is_sent_again(
    garbled: Garbled,
) -> None:
    with (
        Client(garbled.url, None, patience=GIVE_UP) as client,
        pytest.raises(Unreachable),
    ):
        client.post(FEE, "fee:loan_7:2026")
    assert set(garbled.keys) == {"fee:loan_7:2026"}
    assert len(garbled.keys) > 1


def test_a_stream_goes_on_after_a_time_limit(garbled: Garbled) -> None:
    """A limit around one entry ends the wait, not the stream: it must not look like its end."""

    async def follow() -> None:
        async with AsyncClient(garbled.url, None) as client, client.follow() as entries:
            await entries.begin()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await anext(entries)
            garbled.post_one.set()
            async with asyncio.timeout(10):
                entry = await anext(entries)
            assert str(entry.journal_entry_id) == ENTRY["journal_entry_id"]

    asyncio.run(follow())
    assert garbled.resumed_at == [None, "0:7"]
