"""HTTP/1.1 on a socket, as every edge serves it: uvicorn's protocol, with the limits it lacks.

    head         at most `MOST_HEAD_BYTES`, whole within `HEAD_WITHIN_S` of the connection's
                 beginning, or of its own after an answer; a body's time and size are its route's
    idle         a connection that was answered is kept for `KEPT_FOR_S`: longer than balancers and
                 clients keep theirs, or one would send a payment into a connection just closed
    reading      who takes nothing of an answer for `TAKEN_WITHIN_S` is let go
    trailers     are no headers: what a proxy in front removed would come again behind its back
    not HTTP     a problem document, then the end; but a request that was whole before it is
                 answered first, for it may have posted

`schemas.partners.listener.serve` opens it. It knows of no route, and of nothing but bytes.
"""

import asyncio
import socket
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from schemas import tracing
from schemas.problems import Problem

MOST_HEAD_BYTES: Final = 65_536
HEAD_WITHIN_S: Final = 10.0
KEPT_FOR_S: Final = 75
TAKEN_WITHIN_S: Final = 30.0
_LOOK_EVERY_S: Final = 2.0
_NOT_HTTP: Final = Problem(
    code="invalid_parameter",
    detail="This is no HTTP of a version that is taken here, or its head is too large.",
    headers={"Connection": "close"},
)


class HeadRefused(Exception):
    """A head that is too large, or of another version. It ends as what is not HTTP does."""


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head_awaited_since: float | None = None
        self._head_bytes = 0
        self._is_in_head = False
        self._is_idle = False
        self._is_refused = False
        self._served: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a head."""
        super().connection_made(transport)
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family in (socket.AF_INET, socket.AF_INET6):
            taken_within_ms = int(TAKEN_WITHIN_S * 1000)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, taken_within_ms)
        self._head_awaited_since = self.loop.time()
        self.loop.call_later(_LOOK_EVERY_S, self._look)

    def data_received(self, data: bytes) -> None:
        """Take bytes, unless what came before them was refused."""
        if self._is_refused:
            return
        if self._is_idle:
            self._is_idle, self._head_awaited_since = False, self.loop.time()
        super().data_received(data)
        self._head_bytes = self._head_bytes + len(data) if self._is_in_head else 0
        if self._head_bytes > MOST_HEAD_BYTES and not self._is_refused:
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._is_in_head = True

    def on_headers_complete(self) -> None:
        """The head is whole: whatever follows has another limit."""
        self._is_in_head = False
        self._head_awaited_since = None
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MOST_HEAD_BYTES or self.parser.get_http_version() not in ("1.1", "1.0"):
            raise HeadRefused
        super().on_headers_complete()
        self.headers = []

    def on_response_complete(self) -> None:
        """Wait for the next head, unless it is there already: uvicorn does, for `KEPT_FOR_S`."""
        self._is_idle = not self.pipeline
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP; `msg` is uvicorn's own words, which nobody is sent."""
        del msg
        self._is_refused = True
        served = self._served
        if served is not None and not served.response_complete and not served.more_body:
            served.keep_alive = False  # its answer is on the way, and it is the last
            return
        trace = tracing.begin(())
        rendered = _NOT_HTTP.with_trace(trace.trace_id).to_response()
        headers = (*rendered.headers, *trace.response_headers)
        status = HTTPStatus(rendered.status)
        head = b"HTTP/1.1 %d %b\r\n" % (status.value, status.phrase.encode())
        head += b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(head + b"\r\n" + rendered.body)
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._served = cycle
        super()._start_asgi_task(cycle, app)

    def _look(self) -> None:
        """Let a client go that has been asked for a head for too long."""
        if self.transport.is_closing():
            return
        since = self._head_awaited_since
        if since is not None and self.loop.time() - since > HEAD_WITHIN_S:
            self.transport.close()
            return
        self.loop.call_later(_LOOK_EVERY_S, self._look)
