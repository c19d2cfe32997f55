"""Sends requests: the only module of the client that knows httpx, once blocking, once awaiting."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx

from hpts_client.messages import Answer, Exchange, NoAnswer, Open, Pause, Request, Send, Step

T = TypeVar("T")
TIMEOUT_S: Final = 75.0
"""Longer than the longest wait that a client may ask of the API (`Prefer: wait=60`)."""
_CONNECT_TIMEOUT_S: Final = 5.0
_SILENCE_S: Final = 45.0
"""A stream that says nothing for so long is cut: the API says every 15 s that it is there."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A partner's certificate and key (PEM files), and whom to trust instead of the usual ones."""

    cert_file: Path | str
    key_file: Path | str
    ca_file: Path | str | None = None


class Blocking:
    """Drives exchanges in the caller's thread."""

    def __init__(
        self,
        api_url: str,
        certificate: Certificate | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._http = httpx.Client(**_options(api_url, certificate, timeout_s))

    def run(self, exchange: Exchange[T], opened: list[httpx.Response] | None = None) -> T:
        """Everything the exchange asks for, and what it comes to; `opened` gets what is open."""
        answer: Answer | None = None
        try:
            step = next(exchange)
            while True:
                answer = None
                try:
                    if isinstance(step, Pause):
                        time.sleep(step.seconds)
                    else:
                        answer = self._send(step, opened)
                except httpx.RequestError as error:
                    step = exchange.throw(_no_answer(step, error))
                else:
                    step = exchange.send(answer)
        except StopIteration as done:
            value: T = done.value
            return value

    @contextmanager
    def opened(self, exchange: Exchange[Answer]) -> Iterator[Iterator[bytes]]:
        """The body that an exchange ends in, while it comes. Raises `NoAnswer` where it is cut."""
        opened: list[httpx.Response] = []
        self.run(exchange, opened)
        try:
            yield opened[0].iter_bytes()
        except httpx.RequestError as error:
            raise _cut(error) from error
        finally:
            opened[0].close()

    def _send(self, step: Send, opened: list[httpx.Response] | None) -> Answer:
        request, is_open = _built_for(self._http, step), isinstance(step, Open)
        answer = self._http.send(request, stream=is_open)
        if is_open and answer.is_success and opened is not None:
            opened.append(answer)
            return Answer(answer.status_code, answer.headers, b"")
        answer.read()
        return _told(answer)

    def stream(self, request: Request, body: Iterable[bytes]) -> Answer:
        """Send, once, a body that is made while it is sent. Raises `NoAnswer`."""
        try:
            return _told(self._http.send(_built(self._http, request, body)))
        except httpx.RequestError as error:
            raise _no_answer(Send(request), error) from error

    def close(self) -> None:
        self._http.close()


class Awaiting:
    """Drives exchanges as coroutines, any number at once."""

    def __init__(self, api_url: str, certificate: Certificate | None = None) -> None:
        self._http = httpx.AsyncClient(**_options(api_url, certificate))

    async def run(self, exchange: Exchange[T], opened: list[httpx.Response] | None = None) -> T:
        """Everything the exchange asks for, and what it comes to; `opened` gets what is open."""
        answer: Answer | None = None
        try:
            step = next(exchange)
            while True:
                answer = None
                try:
                    if isinstance(step, Pause):
                        await asyncio.sleep(step.seconds)
                    else:
                        answer = await self._send(step, opened)
                except httpx.RequestError as error:
                    step = exchange.throw(_no_answer(step, error))
                else:
                    step = exchange.send(answer)
        except StopIteration as done:
            value: T = done.value
            return value

    @asynccontextmanager
    async def opened(self, exchange: Exchange[Answer]) -> AsyncIterator[AsyncIterator[bytes]]:
        """As `Blocking.opened`."""
        opened: list[httpx.Response] = []
        await self.run(exchange, opened)
        try:
            yield opened[0].aiter_bytes()
        except httpx.RequestError as error:
            raise _cut(error) from error
        finally:
            await opened[0].aclose()

    async def _send(self, step: Send, opened: list[httpx.Response] | None) -> Answer:
        request, is_open = _built_for(self._http, step), isinstance(step, Open)
        answer = await self._http.send(request, stream=is_open)
        if is_open and answer.is_success and opened is not None:
            opened.append(answer)
            return Answer(answer.status_code, answer.headers, b"")
        await answer.aread()
        return _told(answer)

    async def close(self) -> None:
        await self._http.aclose()


def _options(
    api_url: str, certificate: Certificate | None, timeout_s: float = TIMEOUT_S
) -> dict[str, Any]:
    verify: ssl.SSLContext | bool = True
    if certificate is not None:
        verify = ssl.create_default_context(
            cafile=None if certificate.ca_file is None else str(certificate.ca_file)
        )
        verify.load_cert_chain(str(certificate.cert_file), str(certificate.key_file))
    timeout = httpx.Timeout(timeout_s, connect=_CONNECT_TIMEOUT_S)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
    base_url = f"{api_url.rstrip('/')}/v1"
    return {"base_url": base_url, "timeout": timeout, "limits": limits, "verify": verify}


def _built(
    http: httpx.Client | httpx.AsyncClient,
    request: Request,
    streamed: Iterable[bytes] | None = None,
) -> httpx.Request:
    return http.build_request(
        request.method,
        request.url,
        params=request.parameters or None,
        headers=dict(request.headers),
        content=request.body if streamed is None else streamed,
    )


def _built_for(http: httpx.Client | httpx.AsyncClient, step: Send) -> httpx.Request:
    request = _built(http, step.request)
    if isinstance(step, Open):
        request.extensions["timeout"] = {**request.extensions["timeout"], "read": _SILENCE_S}
    return request


def _told(answer: httpx.Response) -> Answer:
    return Answer(answer.status_code, answer.headers, answer.content)


def _no_answer(step: Step, error: httpx.RequestError) -> NoAnswer:
    what = step.request.url if isinstance(step, Send) else "a pause"
    return NoAnswer(f"no answer from {what}: {error or type(error).__name__}")


def _cut(error: httpx.RequestError) -> NoAnswer:
    return NoAnswer(f"the stream was cut: {error or type(error).__name__}")


__all__ = ["Awaiting", "Blocking", "Certificate"]
