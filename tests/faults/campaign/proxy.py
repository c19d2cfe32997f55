"""A TCP proxy of ours, in front of Postgres and of Kafka, that does what networks do.

It forwards whole messages of the two protocols, so that it can fail exactly between a request
and its answer: the answer to COMMIT, the acknowledgement of a produced record. Kafka tells its
clients where the broker is; in its answers the proxy puts its own port in place of the broker's.

    cut          every connection is reset
    blackhole    connections stand, nothing passes, in either direction; then all goes on
    delay        every message is late
    lose_answer  the next marked request reaches the server, and its answer never the client
    lose_request the next marked request never reaches the server
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

HOST: Final = "127.0.0.1"
_CHUNK: Final = 65536
_PRODUCE: Final = 0
_LINGER_NONE: Final = struct.pack("ii", 1, 0)
"""SO_LINGER with which a close is a reset."""


@dataclass(eq=False)
class Link:
    """One client's connection and the one to the server behind it."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_deaf: bool = False
    """Its answer is being lost: what the server says goes nowhere."""

    def reset(self) -> None:
        """End both sides as a crash of the machine between them would."""
        for side in (self.client, self.server):
            with contextlib.suppress(OSError, RuntimeError, AttributeError):
                side.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE
                )
            with contextlib.suppress(OSError, RuntimeError):
                side.transport.abort()


@dataclass(eq=False)
class Proxy:
    """One server behind a port of ours. `is_marked` knows the requests whose answers matter."""

    name: str
    port: int
    server_port: int
    is_marked: Callable[[bytes], bool]
    is_framed: bool
    delay_s: float = 0.0
    lose: str | None = None
    """`answer` or `request`: what becomes of the next marked request."""
    lost: int = 0
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _links: set[Link] = field(default_factory=set)
    _listener: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen."""
        self._open.set()
        self._listener = await asyncio.start_server(self._serve, HOST, self.port)

    async def close(self) -> None:
        """Reset everything and listen no more."""
        if self._listener is not None:
            self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Reset every connection."""
        for link in list(self._links):
            link.reset()

    async def blackhole(self, seconds: float) -> None:
        """Let nothing pass for so long; then everything that was held up."""
        self._open.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._open.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection(HOST, self.server_port)
        except OSError:
            writer.transport.abort()
            return
        link = Link(writer, to_server)
        self._links.add(link)
        try:
            await asyncio.gather(self._requests(reader, link), self._answers(from_server, link))
        except (OSError, asyncio.IncompleteReadError, RuntimeError):
            pass  # one side is gone: so is the other
        finally:
            link.reset()
            self._links.discard(link)

    async def _requests(self, reader: asyncio.StreamReader, link: Link) -> None:
        while message := await self._message(reader):
            await self._pass()
            if self.lose is not None and not link.is_deaf and self.is_marked(message):
                fate, self.lose = self.lose, None
                self.lost += 1
                if fate == "request":
                    raise ConnectionResetError
                link.is_deaf = True
            link.server.write(message)
            await link.server.drain()
        raise ConnectionResetError

    async def _answers(self, reader: asyncio.StreamReader, link: Link) -> None:
        mine, theirs = _place(self.port), _place(self.server_port)
        while message := await self._message(reader):
            await self._pass()
            if link.is_deaf:
                # The server has done it, and says so; here the connection breaks.
                raise ConnectionResetError
            link.client.write(message.replace(theirs, mine) if self.is_framed else message)
            await link.client.drain()
        raise ConnectionResetError

    async def _message(self, reader: asyncio.StreamReader) -> bytes:
        """A Kafka message, or whatever Postgres' side has sent; empty at the end."""
        if not self.is_framed:
            return await reader.read(_CHUNK)
        head = await reader.readexactly(4)
        return head + await reader.readexactly(struct.unpack(">i", head)[0])

    async def _pass(self) -> None:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        await self._open.wait()


def _place(port: int) -> bytes:
    """How Kafka's answers write this host (a string and its length) and a port."""
    return HOST.encode() + struct.pack(">i", port)


def postgres_proxy(port: int, server_port: int) -> Proxy:
    """In front of Postgres; marked: what commits a transaction."""
    return Proxy("postgres", port, server_port, lambda sent: b"COMMIT" in sent, is_framed=False)


def kafka_proxy(port: int, server_port: int) -> Proxy:
    """In front of Kafka; marked: what produces records."""
    return Proxy("kafka", port, server_port, _is_produce, is_framed=True)


def _is_produce(message: bytes) -> bool:
    return len(message) > 6 and struct.unpack_from(">h", message, 4)[0] == _PRODUCE
