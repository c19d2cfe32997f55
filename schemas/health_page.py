"""Health for whoever supervises a process without an API: `/health/live`, `/health/ready`."""

import json
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Ready = Callable[[], tuple[bool, Mapping[str, Any]]]
"""Whether all is well, and what there is to say."""


def serve(host: str, port: int, ready: Ready) -> ThreadingHTTPServer:
    """Answer on a port of this machine (0: any) in threads of its own, until it is shut down.

    Raises `OSError` where the port cannot be had.
    """

    class Answers(BaseHTTPRequestHandler):
        timeout = 5.0

        def do_GET(self) -> None:
            """Answer with JSON."""
            if self.path == "/health/live":
                self._say(200, {"status": "ok"})
            elif self.path == "/health/ready":
                is_ready, told = ready()
                status = "ready" if is_ready else "not ready"
                self._say(200 if is_ready else 503, {"status": status, **told})
            else:
                self._say(404, {"status": "not found"})

        def _say(self, status: int, told: Mapping[str, Any]) -> None:
            body = json.dumps(told, default=str).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing: who asks how it is each second is no news."""

    server = ThreadingHTTPServer((host, port), Answers)
    Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server
