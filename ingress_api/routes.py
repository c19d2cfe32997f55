"""Paths to handlers: authentication, scope, limits, and every refusal as a problem document.

Bare ASGI, because the posting routes are the hot path; `app` mounts it and describes it in the
OpenAPI. No input may come out of here as a 5xx that is not a deliberate 503.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from ingress_api import bank_statements, metrics, progress, webhooks
from ingress_api.caller import Caller, Deps
from ingress_api.exchange import (
    Answer,
    Disconnected,
    Exchange,
    Receive,
    Scope,
    Send,
    send_answer,
    send_problem,
)
from ingress_api.posts import LEAST_DRY_RUN_S, post_of, template_of
from ingress_api.store import StoreUnavailable
from schemas import scopes, tracing
from schemas.access_token import AccessToken, TokenVerifier
from schemas.in_flight import InFlight
from schemas.min_position import read_min_position
from schemas.partners.edge import certificate_of
from schemas.problems import FieldError, Problem, ProblemError
from schemas.rate_limit import RateLimit
from schemas.spans import SERVER, Spans
from schemas.tracing import Trace

COMMAND_PATH: Final = re.compile(r"/v1/commands/(?P<command_id>[^/]+)")
ACCRUAL_PATH: Final = re.compile(r"/v1/accruals/(?P<accrual_event_id>[^/]+)")
REJECTIONS_PATH: Final = re.compile(r"/v1/accruals/(?P<accrual_event_id>[^/]+)/rejections")
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}", re.ASCII)


Handler = Callable[[Exchange, Trace], Awaitable[Answer]]


class Routes:
    """The write edge's own routes. `deps` is None until the service is ready."""

    def __init__(
        self,
        verifier: TokenVerifier,
        in_flight: InFlight,
        rate_limit: RateLimit,
        spans: Spans | None = None,
    ) -> None:
        self.deps: Deps | None = None
        self.page_secret = b""
        self._spans = spans
        self._verifier = verifier
        self._in_flight = in_flight
        self._rate_limit = rate_limit

    def find(self, method: str, path: str) -> Handler | None:
        """What answers this method on this path; None where no route of ours has the path."""
        if webhooks.is_of_them(path):
            return (
                self._webhook
                if webhooks.has_method(method, path)
                else _only(webhooks.methods_of(path))
            )
        if path == bank_statements.PATH:
            return self._bank_statement if method == "POST" else _only("POST")
        if post_of(path) is not None:
            return self._post if method == "POST" else _only("POST")
        for pattern, handler in (
            (COMMAND_PATH, self._command),
            (ACCRUAL_PATH, self._accrual),
            (REJECTIONS_PATH, self._rejections),
        ):
            if pattern.fullmatch(path) is not None:
                return handler if method == "GET" else _only("GET")
        return None

    async def answer(self, handler: Handler, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever becomes of it."""
        began = time.perf_counter()
        exchange = Exchange(scope, receive)
        trace = tracing.begin(scope["headers"])
        try:
            trace.check()
            answer = await handler(exchange, trace)
        except ProblemError as error:
            problem = error.problem
        except StoreUnavailable:
            problem = Problem(code="not_ready", headers={"Retry-After": "1"})
        except asyncio.CancelledError:
            # Only a server that ends cancels requests, and only after its grace: what this one
            # sent may post yet, so it is not to be told of as failed.
            problem = Problem(code="outcome_unknown", headers={"Retry-After": "1"})
        except Disconnected:
            return
        else:
            self._note(exchange, trace, answer.status, time.perf_counter() - began)
            await send_answer(send, answer, trace.response_headers)
            return
        seconds = time.perf_counter() - began
        self._note(exchange, trace, problem.status, seconds, problem=problem.code)
        problem = problem.with_trace(trace.trace_id, exchange.path)
        await send_problem(send, problem, trace.response_headers)

    def _note(
        self,
        exchange: Exchange,
        trace: Trace,
        status: int,
        seconds: float,
        *,
        problem: str | None = None,
    ) -> None:
        """Tell of an answer. Only a method of the route is named: a client can make up others."""
        route = _template(exchange.path)
        metrics.note_request(route, status, seconds, problem=problem)
        if self._spans is not None and self._spans.wants(trace.traceparent):
            self._spans.tell(
                f"{'POST' if exchange.method == 'POST' else 'GET'} {route}",
                trace.traceparent,
                kind=SERVER,
                seconds=seconds,
                parent_id=trace.parent_id,
                attributes={
                    "http.route": route,
                    "http.response.status_code": status,
                    **({} if problem is None else {"error.type": problem}),
                },
            )

    async def _post(self, exchange: Exchange, trace: Trace) -> Answer:
        found = post_of(exchange.path)
        if found is None:
            raise progress.not_found()
        required_scope, handle = found
        token = await self._token(exchange)
        token.require(required_scope)
        least_s = LEAST_DRY_RUN_S if exchange.is_dry_run() else 0
        deps = self._ready_to_post()
        if not deps.intake.publisher.may_write(token.tenant_id):
            raise ProblemError(Problem(code="tenant_not_allowed"))
        caller = Caller(tenant_id=token.tenant_id, actor=token.actor, traceparent=trace.traceparent)
        with self._in_flight.one(token.tenant_id):
            answer = await handle(deps, exchange, caller)
        applied = exchange.preference(least_s=least_s).applied
        if applied is None:
            return answer
        more = (*answer.headers, ("preference-applied", applied))
        return Answer(answer.status, answer.body, more)

    async def _webhook(self, exchange: Exchange, trace: Trace) -> Answer:
        """What configures webhooks posts nothing, so it needs neither the log nor a signature."""
        operation = webhooks.operation_on(exchange.method, exchange.path)
        token = await self._token(exchange)
        token.require(operation.scope)
        caller = Caller(tenant_id=token.tenant_id, actor=token.actor, traceparent=trace.traceparent)
        with self._in_flight.one(token.tenant_id):
            return await operation.answer(self._ready(), exchange, caller, self.page_secret)

    async def _bank_statement(self, exchange: Exchange, trace: Trace) -> Answer:
        """It posts nothing, so it needs neither the log nor a signature."""
        token = await self._token(exchange)
        token.require(bank_statements.SCOPE)
        caller = Caller(tenant_id=token.tenant_id, actor=token.actor, traceparent=trace.traceparent)
        with self._in_flight.one(token.tenant_id):
            return await bank_statements.take(self._ready(), exchange, caller)

    async def _command(self, exchange: Exchange, trace: Trace) -> Answer:
        del trace
        token = await self._token(exchange)
        command_id = _id_in(COMMAND_PATH, exchange.path)
        exchange.refuse_parameters()
        state = await progress.command_state(
            self._ready().intake.store, token.tenant_id, command_id, _least(exchange)
        )
        # Only now, so that a missing scope tells nothing about another tenant's commands.
        token.require(state.required_scope)
        if state.kind is None:
            return progress.describe(state)
        # In a thread: of a batch it is a sum over thousands of outcomes.
        return await asyncio.to_thread(progress.describe, state)

    async def _accrual(self, exchange: Exchange, trace: Trace) -> Answer:
        del trace
        token = await self._token(exchange)
        token.require(scopes.LEDGER_READ)
        event_id = _id_in(ACCRUAL_PATH, exchange.path)
        exchange.refuse_parameters()
        store = self._ready().intake.store
        return await progress.batch_progress(store, token.tenant_id, event_id, _least(exchange))

    async def _rejections(self, exchange: Exchange, trace: Trace) -> Answer:
        del trace
        token = await self._token(exchange)
        token.require(scopes.LEDGER_READ)
        return await progress.rejections(
            self._ready().intake.store,
            token.tenant_id,
            _id_in(REJECTIONS_PATH, exchange.path),
            _least(exchange),
            query=exchange.query,
            secret=self.page_secret,
        )

    async def _token(self, exchange: Exchange) -> AccessToken:
        """Who asks, and within its rate."""
        token = await self._verifier.verify(
            exchange.header_values(b"authorization"), certificate_of(exchange.scope)
        )
        self._rate_limit.take(token.tenant_id)
        return token

    def _ready_to_post(self) -> Deps:
        deps = self._ready()
        publisher = deps.intake.publisher
        if publisher.fatal or publisher.key is None or deps.guard.fault is not None:
            raise ProblemError(Problem(code="not_ready", headers={"Retry-After": "1"}))
        return deps

    def _ready(self) -> Deps:
        deps = self.deps
        if deps is None:
            raise ProblemError(Problem(code="not_ready", headers={"Retry-After": "1"}))
        return deps


def _template(path: str) -> str:
    """The route that a path of ours is on, with names where it has ids."""
    found = template_of(path)
    if found is not None:
        return found
    if COMMAND_PATH.fullmatch(path) is not None:
        return "/v1/commands/{command_id}"
    if REJECTIONS_PATH.fullmatch(path) is not None:
        return "/v1/accruals/{accrual_event_id}/rejections"
    return "/v1/accruals/{accrual_event_id}"


def _only(method: str) -> Handler:
    async def refuse(exchange: Exchange, trace: Trace) -> Answer:
        del exchange, trace
        raise ProblemError(Problem(code="method_not_allowed", headers={"Allow": method}))

    return refuse


def _least(exchange: Exchange) -> dict[int, int]:
    return read_min_position(exchange.header_values(b"hpts-min-position"))


def _id_in(pattern: re.Pattern[str], path: str) -> UUID:
    """The id in a path that `pattern` matches; raises `invalid_parameter`."""
    found = pattern.fullmatch(path)
    for name, text in found.groupdict().items() if found is not None else ():
        if _UUID.fullmatch(text) is not None:
            return UUID(text)
        error = FieldError(f"/{name}", "invalid_format", "must be a UUID")
        raise ProblemError(Problem(code="invalid_parameter", errors=(error,)))
    raise progress.not_found()
