"""A receiver of webhooks, as hostile as asked, that verifies with other people's libraries."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import standardwebhooks
import svix

from hpts.local import ports

Verdict = int | None
"""A status to answer with; None: reset the connection; 0: say nothing until the other gives up."""


@dataclass(frozen=True)
class Told:
    """One request: on which path, its id, what it said, and what it was answered."""

    path: str
    webhook_id: str
    event: dict[str, Any]
    verdict: Verdict
    at: float


def polite(_path: str) -> Verdict:
    return 200


def hostile(_path: str) -> Verdict:
    """30 % errors: answers that are none, connections reset, and silence now and then."""
    chance = random.random()
    if chance < 0.70:
        return 200
    return 500 if chance < 0.88 else None if chance < 0.97 else 0


@dataclass
class Receiver:
    """Listens from the start until `close`. `secrets`: path -> what it is signed by."""

    verdict_of: Callable[[str], Verdict] = polite
    secrets: dict[str, list[str]] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    silence_s: float = 1.5

    def __post_init__(self) -> None:
        receiver = self

        class Answers(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver.hear(self)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 500

            def handle_error(self, *_: Any) -> None:
                """A dispatcher that is killed leaves connections half used."""

        self.server = Server((ports.HOST, 0), Answers)
        self.port = self.server.server_address[1]
        self._lock = threading.Lock()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path: str = "/hook") -> str:
        return f"http://{ports.HOST}:{self.port}{path}"

    def hear(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers["content-length"])
        body = request.rfile.read(length)
        if len(body) < length:  # who sent it was killed between head and body
            request.close_connection = True
            return
        verdict = self.verdict_of(request.path)
        for secret in self.secrets.get(request.path, []):
            for verify in (standardwebhooks.Webhook(secret).verify, svix.Webhook(secret).verify):
                try:
                    verify(body, dict(request.headers.items()))
                except Exception as reason:  # noqa: BLE001  # each library has its own
                    self.refused.append(f"{request.path}: {reason!r}")
        webhook_id = request.headers["webhook-id"]
        one = Told(request.path, webhook_id, json.loads(body), verdict, time.monotonic())
        with self._lock:
            self.told.append(one)
        if verdict is None:
            request.close_connection = True
            request.connection.close()
            return
        if verdict == 0:
            time.sleep(self.silence_s)
            request.close_connection = True
            return
        request.send_response(verdict)
        if 300 <= verdict < 400:
            request.send_header("Location", self.url("/elsewhere"))
        request.send_header("Content-Length", "0")
        request.end_headers()

    def acknowledged(self, path: str = "/hook") -> list[str]:
        """The entries that were acknowledged on a path, in order, each time."""
        return [t.webhook_id for t in self.told if t.path == path and t.verdict == 200]

    def twice(self) -> int:
        """How many acknowledged requests were beyond the first of their id."""
        counts = Counter((t.path, t.webhook_id) for t in self.told if t.verdict == 200)
        return sum(count - 1 for count in counts.values())

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
