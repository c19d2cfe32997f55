"""The read edge as an ASGI app: opens its parts, mounts the routes, says whether it is ready.

`app.state.checks` answers readiness for whoever serves the app, `app.state.warnings` what else
somebody must look at.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.resources import files
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from read_api import (
    described,
    journal_stream,
    metrics,
    page_frame,
    pages,
    registry,
    watching,
)
from read_api.journal_stream import JournalStreams
from read_api.queries import Desk
from read_api.reconciliation import FRESH_S
from read_api.routes import Routes
from read_api.settings import Settings
from read_api.store import Position, Row, Store, StoreUnavailable
from schemas import tracing
from schemas.access_token import TokenVerifier
from schemas.in_flight import InFlight
from schemas.probe import Probe
from schemas.problems import Problem
from schemas.rate_limit import RateLimit
from schemas.spans import spans_of

VERSION: Final = "0.1.0"
CHECK_WITHIN_S: Final = 2.0
LEAST_SECRET_BYTES: Final = 32


class ReadApp(FastAPI):
    """FastAPI with the bare routes in front of its own."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(
            title="HPTS read API",
            version=VERSION,
            lifespan=_lifespan,
            openapi_url=None,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,
        )
        self.settings = settings
        self.store = Store(
            settings.read_postgres_dsn.get_secret_value(), settings.postgres_connections
        )
        self.verifier = TokenVerifier(
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            jwks_url=settings.jwks_url,
            algorithm=settings.token_algorithm,
        )
        in_flight = InFlight(settings.max_in_flight, settings.max_in_flight_per_tenant)
        rate_limit = RateLimit(settings.max_requests_per_second_per_tenant)
        desk = Desk(self.store, _page_secret(settings))
        self.spans = spans_of("hpts-read", settings)
        self._routes = Routes(self.verifier, desk, in_flight, rate_limit, self.spans)
        self._streams = JournalStreams(self.verifier, self.store, rate_limit)
        metrics.watch_pool(self.store.pool_stats)
        self._positions = Probe(self.store.positions)
        self.state.checks = self._checks
        self.state.warnings = self._warnings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an operation without the framework's layers; leave the rest to them."""
        if scope["type"] == "http" and scope["path"] == journal_stream.PATH:
            await self._streams.answer(scope, receive, send)
            return
        if scope["type"] == "http" and (found := self._routes.find(scope["path"])) is not None:
            await self._routes.answer(*found, scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    def openapi(self) -> dict[str, Any]:
        """The contract of these routes, from the table that they are answered by."""
        return described.document(self.title, self.version)

    async def _checks(self) -> dict[str, str | None]:
        try:
            positions = await self._positions.ask(CHECK_WITHIN_S)
        except (StoreUnavailable, TimeoutError) as error:
            return {"database": str(error), "issuer": self.verifier.fault}
        return {
            "database": None if positions else "no ledger yet: run `hpts migrate`",
            "engine": halted_text(positions) or behind_text(positions, self.settings.most_lag_s),
            "issuer": self.verifier.fault,
        }

    async def _warnings(self) -> dict[str, str]:
        """What somebody must look at, though requests are served all the same."""
        try:
            positions = await self.store.positions()
            deliveries = await self.store.deliveries()
            reconciled = await self.store.reconciled()
        except StoreUnavailable:
            return {}
        warnings = {row["name"]: why for row in deliveries if (why := self._late_text(row))}
        if (why := reconciliation_text(reconciled)) is not None:
            warnings["reconciliation"] = why
        waiting = {p.partition_id: p.quarantined_count for p in positions if p.quarantined_count}
        if waiting:
            told = f"{sum(waiting.values())} commands wait for an operator, in partitions "
            warnings["quarantine"] = f"{told}{sorted(waiting)}: see `hpts quarantine list`"
        return warnings

    def _late_text(self, row: Row) -> str | None:
        """What is wrong with something that leaves the ledger."""
        if row["halted_partitions"]:
            return f"stands still in partitions {row['halted_partitions']}: {row['halted_because']}"
        if row["lag_s"] > self.settings.most_lag_s:
            return f"{row['lag_entries']} entries and {row['lag_s']:.0f} s behind the journal"
        return None


def halted_text(positions: list[Position]) -> str | None:
    """Which partitions stand still, why, and what to do: one sentence for each reason."""
    by_reason: dict[str, list[int]] = {}
    for position in positions:
        if position.halted_because is not None:
            by_reason.setdefault(position.halted_because, []).append(position.partition_id)
    told = [f"partitions halted: {ids}: {reason}" for reason, ids in by_reason.items()]
    return " ".join(told) or None


def reconciliation_text(reconciled: Row | None) -> str | None:
    """What the last run found, of all tenants; or that nobody has compared the books lately."""
    if reconciled is None:
        return None  # the first run is still to come
    if reconciled["age_s"] > FRESH_S:
        why = reconciled["incomplete_because"]
        return "the books have not been compared lately" + (f": {why}" if why else "")
    if reconciled["status"] == "mismatch":
        return "the books are not what their entries say: see `hpts reconcile now`"
    return None


def behind_text(positions: list[Position], most_lag_s: float) -> str | None:
    """Which partitions have not been applied up to now, and of which of them somebody else's
    transaction may be the reason.
    """
    behind = [p for p in positions if p.lag_s > most_lag_s]
    if not behind:
        return None
    told = f"partitions behind: {[p.partition_id for p in behind]}"
    if held_back := [p.partition_id for p in behind if p.is_held_back]:
        told += (
            f"; of {held_back} the log is written further than it can be read: a transaction that "
            "somebody left open holds the rest back, until it ends or the broker ends it "
            "(transaction.max.timeout.ms). Nothing is lost."
        )
    return told


def create(settings: Settings) -> FastAPI:
    """The app; its lifespan opens and closes everything it needs.

    Raises `OSError` or `ValueError` for a page token secret that cannot be used.
    """
    app = ReadApp(settings)
    for path, answer in (
        ("/v1/health/live", _live),
        ("/v1/health/ready", _ready),
        ("/v1/openapi.json", _contract),
        ("/v1/docs", _docs),
        ("/v1/problems/{code}", _problem_page),
        ("/problems/{code}", _problem_page),
        ("/v1/schema-registry/{path:path}", _registry),
    ):
        app.add_route(path, answer, include_in_schema=False)
    app.add_exception_handler(HTTPException, _as_problem)
    return app


def published() -> dict[str, Any]:
    """The contract of the whole API, as it is checked in."""
    document: dict[str, Any] = json.loads((files("schemas") / "openapi.json").read_text())
    return document


async def _live(request: Request) -> Response:
    del request
    sha = os.environ.get("HPTS_GIT_SHA", "")
    return JSONResponse({"status": "ok", "version": VERSION, "git_sha": sha})


async def _ready(request: Request) -> Response:
    faults = {name: why for name, why in (await request.app.state.checks()).items() if why}
    if not faults:
        warnings = await request.app.state.warnings()
        return JSONResponse({"status": "ready"} | ({"warnings": warnings} if warnings else {}))
    problem = Problem(code="not_ready", members={"not_ready": faults}, headers={"Retry-After": "1"})
    return _rendered(problem, request)


async def _contract(request: Request) -> Response:
    del request
    return JSONResponse(published())


async def _docs(request: Request) -> Response:
    del request
    return _page(pages.contract_page(published()))


async def _problem_page(request: Request) -> Response:
    page = pages.problem_page(request.path_params["code"])
    if page is None:
        return _rendered(Problem(code="not_found"), request)
    return _page(page)


async def _registry(request: Request) -> Response:
    status, body = registry.answer(request.path_params["path"])
    return JSONResponse(body, status, media_type=registry.MEDIA_TYPE)


def _page(content: str) -> Response:
    response = Response(content.encode())
    response.raw_headers[:] = [
        *page_frame.HEADERS,
        (b"content-length", str(len(response.body)).encode()),
    ]
    return response


async def _as_problem(request: Request, error: Exception) -> Response:
    headers = {}
    code = "not_found"
    if isinstance(error, HTTPException) and error.status_code == 405:
        code, headers = "method_not_allowed", {"Allow": "GET, HEAD"}
    return _rendered(Problem(code=code, headers=headers), request)


def _rendered(problem: Problem, request: Request) -> Response:
    trace = tracing.begin(request.headers.raw)
    rendered = problem.with_trace(trace.trace_id, request.scope["path"]).to_response()
    response = Response(rendered.body, rendered.status)
    response.raw_headers[:] = [*rendered.headers, *trace.response_headers]
    return response


def _page_secret(settings: Settings) -> bytes:
    secret = settings.page_token_secret_file.read_bytes()
    if len(secret) < LEAST_SECRET_BYTES:
        raise ValueError(f"HPTS_PAGE_TOKEN_SECRET_FILE holds less than {LEAST_SECRET_BYTES} bytes")
    return secret


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    if not isinstance(app, ReadApp):
        raise TypeError("the lifespan belongs to ReadApp")
    async with AsyncExitStack() as opened:
        if app.spans is not None:
            opened.push_async_callback(asyncio.to_thread, app.spans.close)
        await app.verifier.start()
        opened.push_async_callback(app.verifier.stop)
        opened.push_async_callback(app.store.close)
        await app.store.open()
        if app.settings.metrics_port is not None:
            await opened.enter_async_context(watching.books_watched(app.store))
        yield
