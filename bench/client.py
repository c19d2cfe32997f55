"""A small HTTP/1.1 client for load: one connection, one request at a time, no library's cost.

The load generator shares the machine with what it measures, so it must be cheap: a protocol of
its own, without streams, that reads just enough of a response to know status, head and body.
"""

import asyncio
import json
from pathlib import Path
from types import TracebackType
from typing import Any, cast
from urllib.parse import urlsplit

PIECE_BYTES = 256 * 1024

Answer = tuple[int, bytes, bytes]
"""Status, head, body."""


class Connection(asyncio.Protocol):
    """One keep-alive connection to a server."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._received = b""
        self._answer: asyncio.Future[Answer] | None = None
        self._lost: Exception | None = None
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._transport: asyncio.Transport

    async def __aenter__(self) -> "Connection":
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: self, self._host, self._port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is of no such class

    def pause_writing(self) -> None:
        """The server takes no more for now."""
        self._may_write.clear()

    def resume_writing(self) -> None:
        """The server takes more."""
        self._may_write.set()

    def data_received(self, data: bytes) -> None:
        """Answer the one who waits, once a response is whole."""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._received[: end + 4]
        begin = head.lower().find(b"\r\ncontent-length:")
        length = int(head[begin + 17 : head.index(b"\r\n", begin + 17)]) if begin >= 0 else 0
        if len(self._received) < len(head) + length:
            return
        body = self._received[len(head) :]
        self._received = b""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((int(head[9:12]), head, body))

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the one who waits, and whoever asks later."""
        self._lost = error or ConnectionResetError("the server hung up")
        self._may_write.set()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(self._lost)

    def send(self, request: bytes) -> "asyncio.Future[Answer]":
        """Send a whole request as it stands; its answer to come. Raises `OSError` once lost."""
        if self._lost is not None:
            raise self._lost
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def head(self, method: str, path: str, headers: dict[str, str]) -> bytes:
        """The head of a request, but for `content-length` and the end."""
        lines = [f"{method} {path} HTTP/1.1", f"host: {self._host}:{self._port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n"

    async def request(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> tuple[int, bytes]:
        """Send a request; its status and body."""
        status, _, answer = await self.exchange(method, path, headers, body)
        return status, answer

    async def exchange(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> Answer:
        """Send a request; its status, head and body."""
        head = self.head(method, path, headers)
        return await self.send(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))

    async def request_file(
        self, method: str, path: str, headers: dict[str, str], file: Path
    ) -> tuple[int, bytes]:
        """Send a file as the body, as fast as it is taken; status and body of the answer."""
        head = self.head(method, path, headers)
        coming = self.send(head + b"content-length: %d\r\n\r\n" % file.stat().st_size)
        with file.open("rb") as opened:
            while not coming.done() and (piece := opened.read(PIECE_BYTES)):
                self._transport.write(piece)
                await self._may_write.wait()
        status, _, answer = await coming
        return status, answer

    async def post(
        self, path: str, token: str, key: str, body: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        """Post a command as a client would; status and decoded body."""
        headers = {
            "authorization": f"Bearer {token}",
            "content-type": "application/json",
            "idempotency-key": key,
        }
        status, answer = await self.request("POST", path, headers, json.dumps(body).encode())
        return status, json.loads(answer)


async def fetch_token(token_url: str, client_id: str, client_secret: str) -> str:
    """An access token by OAuth 2.0 client credentials."""
    form = f"grant_type=client_credentials&client_id={client_id}&client_secret={client_secret}"
    headers = {"content-type": "application/x-www-form-urlencoded"}
    async with Connection(token_url) as connection:
        path = urlsplit(token_url).path
        status, answer = await connection.request("POST", path, headers, form.encode())
    if status != 200:
        raise RuntimeError(f"no token: {status} {answer.decode()}")
    return str(json.loads(answer)["access_token"])
