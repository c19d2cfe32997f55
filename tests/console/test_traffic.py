"""Demo traffic over an API that does not know in time what became of anything."""

import asyncio
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar
from uuid import uuid4

import pytest

from console import traffic
from console.api import Api
from console.traffic import Traffic
from schemas.scopes import ALL_SCOPES


class Slow(BaseHTTPRequestHandler):
    """Gives a token, and answers every command with 202."""

    heard: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.heard.append(self.path)
        token = {"access_token": "t", "expires_in": 3600, "scope": " ".join(ALL_SCOPES)}
        pending = {"command_id": str(uuid4()), "status": "pending"}
        status, document = (200, token) if self.path == "/token" else (202, pending)
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_it_goes_on_while_nothing_is_known_in_time(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffic, "PER_SECOND", 1_000)

    async def posted() -> bool:
        api = Api(api_url=url, token_url=f"{url}/token", client_id="me", client_secret="secret")
        demo = Traffic(api)
        await api.sign_in()
        demo.start()
        async with asyncio.timeout(30):
            while demo.is_on and len(Slow.heard) < 60:
                await asyncio.sleep(0.05)
        is_on = demo.is_on
        demo.stop()
        await api.close()
        return is_on

    assert asyncio.run(posted())
