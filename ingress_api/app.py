"""The write edge as an ASGI app: opens its parts, mounts the routes, says whether it is ready.

`app.state.checks` answers readiness for whoever serves the app; `app.state.fatal` says why the
process must end, once it must.
"""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final
from zlib import crc32

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from ingress_api import described, metrics, own_key
from ingress_api.caller import Deps
from ingress_api.guard import Guard
from ingress_api.idempotency import Reservations
from ingress_api.intake import Intake
from ingress_api.lasting import lasting_task
from ingress_api.outcomes import Outcomes
from ingress_api.publisher import Publisher
from ingress_api.routes import Routes
from ingress_api.settings import Settings
from ingress_api.store import Store, StoreUnavailable
from ingress_api.tenants import Tenants
from schemas import tracing
from schemas.access_token import TokenVerifier
from schemas.in_flight import InFlight
from schemas.probe import Probe
from schemas.problems import Problem
from schemas.rate_limit import RateLimit
from schemas.signing import SigningKey, UnreadableSecret
from schemas.spans import spans_of
from schemas.topics import OUTCOME_PARTITIONS
from schemas.webhook_targets import names_in

VERSION: Final = "0.1.0"
TRY_AGAIN_S: Final = 1.0
CHECK_WITHIN_S: Final = 2.0
FATAL_EXIT: Final = 70
RETRY_STREAM_AFTER_S: Final = 5
NOT_IN_FORCE: Final = "the signing key is not in force in the key ring: see `hpts keys list`"

log = structlog.get_logger("ingress")


class IngressApp(FastAPI):
    """FastAPI with the bare routes in front of its own."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            title="HPTS write API",
            version=VERSION,
            lifespan=_lifespan,
            openapi_url="/v1/openapi.json",
            docs_url="/v1/docs",
            redoc_url=None,
            redirect_slashes=False,
        )
        self.settings = settings
        self.verifier = TokenVerifier(
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            jwks_url=settings.jwks_url,
            algorithm=settings.token_algorithm,
        )
        in_flight = InFlight(settings.max_in_flight, settings.max_in_flight_per_tenant)
        rate_limit = RateLimit(settings.max_requests_per_second_per_tenant)
        self.spans = spans_of("hpts-ingress", settings)
        self.routes_of_ours = Routes(self.verifier, in_flight, rate_limit, self.spans)
        self.streams = InFlight(
            settings.max_batch_streams,
            settings.max_batch_streams_per_tenant,
            retry_after_s=RETRY_STREAM_AFTER_S,
        )
        metrics.IN_FLIGHT.set_function(in_flight.total)
        metrics.BATCH_STREAMS.set_function(self.streams.total)
        self._ledger = Probe(self._load_ledger)
        self.state.fatal = None
        self.state.why_not_ready = "starting"
        self.state.checks = self._checks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a route of ours without the framework's layers; leave the rest to them."""
        if scope["type"] == "http":
            handler = self.routes_of_ours.find(scope["method"], scope["path"])
            if handler is not None:
                await self.routes_of_ours.answer(handler, scope, receive, send)
                return
        await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The contract of these routes, from the tables that check them."""
        return described.document(self.title, self.version)

    async def _load_ledger(self) -> None:
        deps = self.routes_of_ours.deps
        if deps is not None:
            await deps.intake.store.one("load_ledger", {})

    async def _checks(self) -> dict[str, str | None]:
        deps = self.routes_of_ours.deps
        if deps is None:
            return {"ingress": self.state.fatal or self.state.why_not_ready}
        try:
            await self._ledger.ask(CHECK_WITHIN_S)
            database = None
        except (StoreUnavailable, TimeoutError) as error:
            database = str(error)
        return {
            "ingress": self.state.fatal,
            "log": deps.guard.fault,
            "signing key": None if deps.intake.publisher.key else NOT_IN_FORCE,
            "database": database,
            "broker": await deps.intake.publisher.fault(),
            "outcomes": deps.intake.outcomes.fault,
            "issuer": self.verifier.fault,
        }


def create(settings: Settings) -> FastAPI:
    """The app; its lifespan opens and closes everything it needs."""
    app = IngressApp(settings)
    app.add_api_route("/v1/health/live", _live, include_in_schema=False)
    app.add_api_route("/v1/health/ready", _ready, include_in_schema=False)
    app.add_exception_handler(HTTPException, _as_problem)
    return app


async def _live() -> dict[str, str]:
    return {"status": "ok", "version": VERSION, "git_sha": os.environ.get("HPTS_GIT_SHA", "")}


async def _ready(request: Request) -> Response:
    faults = {name: why for name, why in (await request.app.state.checks()).items() if why}
    if not faults:
        return Response(b'{"status":"ready"}', media_type="application/json")
    problem = Problem(code="not_ready", members={"not_ready": faults}, headers={"Retry-After": "1"})
    return _rendered(problem, request)


async def _as_problem(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    code = "method_not_allowed" if status == 405 else "not_found"
    return _rendered(Problem(code=code), request)


def _rendered(problem: Problem, request: Request) -> Response:
    trace = tracing.begin(request.headers.raw)
    rendered = problem.with_trace(trace.trace_id, request.url.path).to_response()
    response = Response(rendered.body, rendered.status)
    response.raw_headers[:] = [*rendered.headers, *trace.response_headers]
    return response


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    if not isinstance(app, IngressApp):
        raise TypeError("the lifespan belongs to IngressApp")
    try:
        async with AsyncExitStack() as opened:
            if app.spans is not None:
                opened.push_async_callback(asyncio.to_thread, app.spans.close)
            await app.verifier.start()
            opened.push_async_callback(app.verifier.stop)
            starting = lasting_task(_open(app, opened), name="start", on_fatal=partial(_end, app))
            try:
                yield
            finally:
                app.routes_of_ours.deps = None
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
    finally:
        _end_by_status(app)


def _end_by_status(app: IngressApp) -> None:
    """After a fatal error the process must not end as one that was asked to, whatever closing it
    has raised.
    """
    if app.state.fatal is not None:
        log.error("ended after a fatal error", reason=app.state.fatal)
        os._exit(FATAL_EXIT)


async def _open(app: IngressApp, opened: AsyncExitStack) -> None:
    """Open everything, however long the servers take; then take requests."""
    settings = app.settings
    store = Store(
        settings.ingress_postgres_dsn.get_secret_value(),
        connections=settings.postgres_connections,
    )
    opened.push_async_callback(store.close)
    key = await _opened_store(app, store)
    on_fatal = partial(_end, app)
    guard = Guard(settings, store)
    while (why := await guard.judge()) is not None:
        _not_ready(app, why)
        await asyncio.sleep(TRY_AGAIN_S)
    watching = lasting_task(guard.watch(), name="watch the log", on_fatal=on_fatal)
    opened.callback(watching.cancel)
    reservations = Reservations(store, on_fatal)
    reservations.start()
    opened.push_async_callback(reservations.close)
    publisher = _publisher(app, opened, store, key)
    outcomes = Outcomes(
        settings.kafka_bootstrap,
        _reply_partition(settings),
        store,
        on_fatal,
        security=settings.kafka_security,
    )
    metrics.AWAITED.set_function(outcomes.awaited)
    metrics.watch_pool(store.pool_stats)
    opened.push_async_callback(outcomes.close)
    while (why := await outcomes.start()) is not None:
        _not_ready(app, why)
        await asyncio.sleep(TRY_AGAIN_S)
    app.routes_of_ours.page_secret = key.secret
    app.routes_of_ours.deps = Deps(
        Intake(store, reservations, publisher, outcomes),
        Tenants(store),
        guard,
        app.streams,
        names_in(settings.webhook_allowed),
    )
    log.info("ready", reply_partition=outcomes.partition)


def _publisher(app: IngressApp, opened: AsyncExitStack, store: Store, key: SigningKey) -> Publisher:
    """What sends commands, and signs them while the key ring says so."""
    settings, on_fatal = app.settings, partial(_end, app)
    publisher = Publisher(
        settings.kafka_bootstrap,
        key,
        delivery_timeout_ms=settings.delivery_timeout_ms,
        on_fatal=on_fatal,
        security=settings.kafka_security,
    )
    publisher.start()
    opened.push_async_callback(publisher.close)
    watching = lasting_task(
        own_key.watch(store, key, publisher), name="watch the signing key", on_fatal=on_fatal
    )
    opened.callback(watching.cancel)
    return publisher


async def _opened_store(app: IngressApp, store: Store) -> SigningKey:
    """The signing key, once Postgres answers and the key ring has it."""
    is_open = False
    while True:
        try:
            if not is_open:
                await store.open()
                is_open = True
            key = await own_key.load(store, app.settings.signing_key_id)
            if key is not None:
                return key
            why = NOT_IN_FORCE
        except (StoreUnavailable, UnreadableSecret) as error:
            why = str(error)
        _not_ready(app, why)
        await asyncio.sleep(TRY_AGAIN_S)


def _not_ready(app: IngressApp, why: str) -> None:
    if why != app.state.why_not_ready:
        log.warning("not ready", reason=why)
    app.state.why_not_ready = why


def _reply_partition(settings: Settings) -> int:
    instance = settings.instance or f"{socket.gethostname()}/{os.getpid()}"
    return crc32(instance.encode()) % OUTCOME_PARTITIONS


def _end(app: IngressApp, reason: str) -> None:
    """Take nothing more and let the server end in order; the lifespan then exits non-zero."""
    log.error("fatal", reason=reason)
    if app.state.fatal is not None:
        return
    app.state.fatal = reason
    app.routes_of_ours.deps = None
    signal.raise_signal(signal.SIGTERM)
