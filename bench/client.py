"""A small HTTP/1.1 client for load: one connection, one request at a time, no library's cost.

The load generator shares the machine with what it measures, so it must be cheap. It reads just
enough of a response to know status, headers' end and body.
"""

import asyncio
import json
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

PIECE_BYTES = 256 * 1024


class Connection:
    """One keep-alive connection to a server."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def __aenter__(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    async def request(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> tuple[int, bytes]:
        """Send a request; its status and body."""
        status, _, answer = await self.exchange(method, path, headers, body)
        return status, answer

    async def exchange(
        self, method: str, path: str, headers: dict[str, str], body: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """Send a request; its status, head and body."""
        self._writer.write(self._head(method, path, headers, len(body)) + body)
        return await self._answer()

    async def request_file(
        self, method: str, path: str, headers: dict[str, str], file: Path
    ) -> tuple[int, bytes]:
        """Send a file as the body, as fast as it is taken; status and body of the answer."""
        self._writer.write(self._head(method, path, headers, file.stat().st_size))
        with file.open("rb") as opened:
            while piece := opened.read(PIECE_BYTES):
                self._writer.write(piece)
                await self._writer.drain()
        status, _, answer = await self._answer()
        return status, answer

    def _head(self, method: str, path: str, headers: dict[str, str], length: int) -> bytes:
        lines = [f"{method} {path} HTTP/1.1", f"host: {self._host}:{self._port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines.append(f"content-length: {length}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n"

    async def _answer(self) -> tuple[int, bytes, bytes]:
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line[15:])
        return status, head, await self._reader.readexactly(length)

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
