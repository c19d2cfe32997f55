"""Connections to endpoints: a name is looked up once, and the addresses it stands for are judged;
what is connected to is one of those, by its address, and nothing is looked up again.

So neither a redirect (none is followed), nor a name that changes its address, nor one that is
written cleverly leads to where webhooks must not go. The only module that imports httpcore.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import httpcore

from schemas.webhook_targets import is_named, is_public

RESOLVERS: Final = 64
"""A name server that does not answer keeps a thread; so many names may be waited for at once."""
MOST_IDLE: Final = 100
IDLE_FOR_S: Final = 20.0
MOST_BODY_BYTES: Final = 65_536

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Host and port -> addresses."""


class NotReached(Exception):
    """There was no answer. The message says why, and nothing of what is behind our own walls."""


class Forbidden(NotReached):
    """The address is one that webhooks must not go to: nothing was connected to."""


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to public addresses alone, or to hosts that the deployment names."""

    def __init__(
        self,
        names: frozenset[str],
        resolve: Resolve,
        inner: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._names = names
        self._resolve = resolve
        self._inner = inner or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of a host, once all of them are known to be allowed."""
        addresses = await self._resolve(host, port)
        if not addresses:
            raise NotReached("the host has no address")
        if not is_named(host, port, self._names):
            for address in addresses:
                if not is_public(address):
                    raise Forbidden("the host's address is private, local or reserved")
        return await self._inner.connect_tcp(
            addresses[0], port, timeout, local_address, socket_options
        )

    async def connect_unix_socket(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        """Never."""
        raise Forbidden("endpoints are hosts")

    async def sleep(self, seconds: float) -> None:
        """For the pool."""
        await self._inner.sleep(seconds)


class Network:
    """Posts to endpoints over connections that are kept a while. Has no limit of its own."""

    def __init__(
        self,
        names: frozenset[str],
        ca_file: str | None = None,
        *,
        resolve: Resolve | None = None,
        inner: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._resolvers = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="resolve")
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(cafile=ca_file),
            max_connections=None,
            max_keepalive_connections=MOST_IDLE,
            keepalive_expiry=IDLE_FOR_S,
            network_backend=GuardedNetwork(names, resolve or self._look_up, inner),
        )

    async def post(
        self, url: str, headers: list[tuple[bytes, bytes]], body: bytes, *, within_s: float
    ) -> int:
        """The status of the answer; raises `NotReached`. An answer's body is of no interest."""
        try:
            async with asyncio.timeout(within_s):
                async with self._pool.stream("POST", url, headers=headers, content=body) as answer:
                    await _drained(answer)
                    return int(answer.status)
        except TimeoutError as error:
            raise NotReached(f"no answer within {within_s:g} s") from error
        except NotReached:
            raise
        except (*_FAULTS, OSError, ValueError) as error:
            raise NotReached(type(error).__name__) from error

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.aclose()
        self._resolvers.shutdown(wait=False, cancel_futures=True)

    async def _look_up(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(
                self._resolvers, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            )
        except (OSError, UnicodeError) as error:
            raise NotReached("the host's name could not be resolved") from error
        return [str(address[0]) for *_, address in found]


_FAULTS: Final = (
    *(httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException),
    *(httpcore.UnsupportedProtocol, httpcore.ProxyError, httpcore.ConnectionNotAvailable),
)


async def _drained(answer: httpcore.Response) -> None:
    """Read a short body, so that the connection can be used again; of a long one no more."""
    length = 0
    async for piece in answer.aiter_stream():
        length += len(piece)
        if length > MOST_BODY_BYTES:
            return
