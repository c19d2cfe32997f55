"""Paths to answers: authentication, scope, strict input, and every refusal as a problem.

Bare ASGI, as on the write edge. No input may come out of here as a 5xx that is not a deliberate
503. The order of refusals: trace header, method, token, rate, scope, Accept, path, query, what is
in flight, books.
"""

import re
import time
from collections.abc import Iterable

import msgspec
from starlette.types import Receive, Scope, Send

from read_api import metrics
from read_api.negotiation import JSON, media_type_for
from read_api.operations import OPERATIONS, Operation
from read_api.parameters import BadParameter, read_query, refuse
from read_api.queries import Ask, Desk
from read_api.store import StoreUnavailable
from schemas import tracing
from schemas.access_token import TokenVerifier
from schemas.in_flight import InFlight
from schemas.min_position import read_min_position
from schemas.partners.edge import certificate_of
from schemas.problems import FieldError, Problem, ProblemError
from schemas.rate_limit import RateLimit
from schemas.spans import SERVER, Spans

Headers = Iterable[tuple[bytes, bytes]]
Content = tuple[bytes, list[tuple[bytes, bytes]]]
"""What an answer carries, and the headers that say what it is."""


class Routes:
    """The read edge's operations over one store."""

    def __init__(
        self,
        verifier: TokenVerifier,
        desk: Desk,
        in_flight: InFlight,
        rate_limit: RateLimit,
        spans: Spans | None = None,
    ) -> None:
        self._verifier = verifier
        self._spans = spans
        self._desk = desk
        self._in_flight = in_flight
        self._rate_limit = rate_limit
        self._patterns = [(_pattern(operation.path), operation) for operation in OPERATIONS]

    def find(self, path: str) -> tuple[Operation, dict[str, str]] | None:
        """The operation on this path with the texts in it; None where the path is not ours."""
        for pattern, operation in self._patterns:
            if (found := pattern.fullmatch(path)) is not None:
                return operation, found.groupdict()
        return None

    async def answer(
        self,
        operation: Operation,
        texts: dict[str, str],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        """Answer one request, whatever becomes of it."""
        del receive
        began = time.perf_counter()
        trace = tracing.begin(scope["headers"])
        try:
            trace.check()
            content, headers = await self._content(operation, texts, scope)
        except ProblemError as error:
            problem = error.problem
        except StoreUnavailable:
            problem = Problem(code="not_ready", headers={"Retry-After": "1"})
        else:
            self._note(operation, trace, 200, time.perf_counter() - began)
            await send_content(send, content, [*headers, *trace.response_headers])
            return
        seconds = time.perf_counter() - began
        self._note(operation, trace, problem.status, seconds, problem=problem.code)
        await send_problem(send, problem.with_trace(trace.trace_id, scope["path"]), trace)

    def _note(
        self,
        operation: Operation,
        trace: tracing.Trace,
        status: int,
        seconds: float,
        *,
        problem: str | None = None,
    ) -> None:
        """Tell of an answer."""
        metrics.note_request(operation.path, status, seconds, problem=problem)
        if self._spans is not None and self._spans.wants(trace.traceparent):
            self._spans.tell(
                f"GET {operation.path}",
                trace.traceparent,
                kind=SERVER,
                seconds=seconds,
                parent_id=trace.parent_id,
                attributes={
                    "http.route": operation.path,
                    "http.response.status_code": status,
                    **({} if problem is None else {"error.type": problem}),
                },
            )

    async def _content(self, operation: Operation, texts: dict[str, str], scope: Scope) -> Content:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if scope["method"] not in ("GET", "HEAD"):
            raise ProblemError(Problem(code="method_not_allowed", headers={"Allow": "GET, HEAD"}))
        token = await self._verifier.verify(
            _values(headers, b"authorization"), certificate_of(scope)
        )
        self._rate_limit.take(token.tenant_id)
        token.require(operation.scope)
        if operation.is_for_operators:
            token.require_operator()
        offered = (JSON, *operation.renderings)
        media_type = media_type_for(_values(headers, b"accept"), offered)
        ids = {name: _read(name, texts[name], operation) for name in operation.ids}
        ask = Ask(
            tenant_id=token.tenant_id,
            path=operation.path.format(**ids),
            ids=ids,
            values=read_query(scope["query_string"], operation.parameters),
            least=read_min_position(_values(headers, b"hpts-min-position")),
        )
        with self._in_flight.one(token.tenant_id):
            body = await operation.answer(self._desk, ask)
        varying = [(b"vary", b"Accept")] if operation.renderings else []
        if media_type == JSON:
            return msgspec.json.encode(body), [(b"content-type", JSON.encode()), *varying]
        rendering = operation.renderings[media_type]
        return rendering.render(body).encode(), [*rendering.headers, *varying]


async def send_content(send: Send, content: bytes, more: Headers) -> None:
    """200 with a body; `more` says of which type."""
    headers = [
        (b"content-length", str(len(content)).encode()),
        (b"cache-control", b"no-store"),
        *more,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})


async def send_problem(send: Send, problem: Problem, trace: tracing.Trace) -> None:
    """A problem document."""
    rendered = problem.to_response()
    headers = [*rendered.headers, *trace.response_headers]
    await send({"type": "http.response.start", "status": rendered.status, "headers": headers})
    await send({"type": "http.response.body", "body": rendered.body})


def _values(headers: Headers, name: bytes) -> list[bytes]:
    return [value for key, value in headers if key == name]


def _read(name: str, text: str, operation: Operation) -> object:
    try:
        return operation.ids[name](text)
    except BadParameter as error:
        raise refuse(FieldError(f"/{name}", error.code, error.message)) from None


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
