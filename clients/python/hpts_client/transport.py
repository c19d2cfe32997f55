"""Sends requests: the only module of the client that knows httpx, once blocking, once awaiting."""

import asyncio
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx

from hpts_client.messages import Answer, Exchange, NoAnswer, Pause, Request, Send, Step

T = TypeVar("T")
TIMEOUT_S: Final = 75.0
"""Longer than the longest wait that a client may ask of the API (`Prefer: wait=60`)."""
_CONNECT_TIMEOUT_S: Final = 5.0


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

    def run(self, exchange: Exchange[T]) -> T:
        """Everything the exchange asks for, and what it comes to."""
        answer: Answer | None = None
        try:
            step = next(exchange)
            while True:
                answer = None
                try:
                    if isinstance(step, Pause):
                        time.sleep(step.seconds)
                    else:
                        answer = _told(self._http.send(_built(self._http, step.request)))
                except httpx.TransportError as error:
                    step = exchange.throw(_no_answer(step, error))
                else:
                    step = exchange.send(answer)
        except StopIteration as done:
            value: T = done.value
            return value

    def stream(self, request: Request, body: Iterable[bytes]) -> Answer:
        """Send, once, a body that is made while it is sent. Raises `NoAnswer`."""
        try:
            return _told(self._http.send(_built(self._http, request, body)))
        except httpx.TransportError as error:
            raise _no_answer(Send(request), error) from error

    def close(self) -> None:
        self._http.close()


class Awaiting:
    """Drives exchanges as coroutines, any number at once."""

    def __init__(self, api_url: str, certificate: Certificate | None = None) -> None:
        self._http = httpx.AsyncClient(**_options(api_url, certificate))

    async def run(self, exchange: Exchange[T]) -> T:
        """Everything the exchange asks for, and what it comes to."""
        answer: Answer | None = None
        try:
            step = next(exchange)
            while True:
                answer = None
                try:
                    if isinstance(step, Pause):
                        await asyncio.sleep(step.seconds)
                    else:
                        answer = _told(await self._http.send(_built(self._http, step.request)))
                except httpx.TransportError as error:
                    step = exchange.throw(_no_answer(step, error))
                else:
                    step = exchange.send(answer)
        except StopIteration as done:
            value: T = done.value
            return value

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


def _told(answer: httpx.Response) -> Answer:
    return Answer(answer.status_code, answer.headers, answer.content)


def _no_answer(step: Step, error: httpx.TransportError) -> NoAnswer:
    what = step.request.url if isinstance(step, Send) else "a pause"
    return NoAnswer(f"no answer from {what}: {error or type(error).__name__}")


__all__ = ["Awaiting", "Blocking", "Certificate"]
