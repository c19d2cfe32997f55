"""`python -m hpts.local.api`: the write and the read edge behind one port, and one of partners.

Owns only which of the two answers a request. Each keeps its own settings and lifespan; health
speaks for both.
"""

import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import structlog
from fastapi import FastAPI
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

import ingress_api.app
import ingress_api.settings
import read_api.app
import read_api.settings
from ingress_api import bank_statements
from ingress_api.posts import post_of
from schemas import tracing
from schemas.memory import seldom_collected
from schemas.observing import serve_metrics
from schemas.partners.listener import listening_socket, serve
from schemas.problems import Problem

GRACE_S: Final = 3
_OF_INGRESS: Final = ("/v1/commands/", "/v1/accruals/", "/v1/webhook-endpoints")


def create(ingress: FastAPI, read: FastAPI) -> ASGIApp:
    """One ASGI app of both; its lifespan is theirs, the write edge's inside the read edge's."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            for app in (read, ingress):
                await opened.enter_async_context(app.router.lifespan_context(app))
            yield

    async def ready(request: Request) -> Response:
        checks = [*(await read.state.checks()).items(), *(await ingress.state.checks()).items()]
        faults = {name: why for name, why in checks if why}
        return _readiness(request, faults, {} if faults else await read.state.warnings())

    own = Starlette(routes=[Route("/v1/health/ready", ready)], lifespan=lifespan)
    own.router.redirect_slashes = False

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/v1/health/ready":
            await own(scope, receive, send)
        elif is_for_ingress(scope["path"]):
            await ingress(scope, receive, send)
        else:
            await read(scope, receive, send)

    return dispatch


def is_for_ingress(path: str) -> bool:
    """Whether the write edge answers, whatever the method: posting, what it took, webhooks, and
    statements of banks.
    """
    is_posted_to = post_of(path) is not None or path == bank_statements.PATH
    return is_posted_to or path.startswith(_OF_INGRESS)


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; 0 then, 2 for faulty settings (all are named)."""
    ingress_settings = _settings(lambda: ingress_api.settings.Settings())  # type: ignore[call-arg]
    read_settings = _settings(lambda: read_api.settings.Settings())  # type: ignore[call-arg]
    if ingress_settings is None or read_settings is None:
        return 2
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    # Both edges are one process, so either's settings say where its metrics are.
    log = structlog.get_logger()
    serve_metrics(ingress_settings, lambda why: log.error("no metrics", reason=why))
    app = create(ingress_api.app.create(ingress_settings), read_api.app.create(read_settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn ends in order, then raises the signal again for whoever listened before it.
        signal.signal(number, lambda *_: None)
    seldom_collected()
    with listening_socket(ingress_settings.host, ingress_settings.port) as listener:
        return serve(
            app,
            ingress_settings,
            sockets=[listener],
            loop="uvloop",
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )


def _settings(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except ValidationError as error:
        for fault in error.errors():
            name = "HPTS_" + "_".join(str(part) for part in fault["loc"]).upper()
            sys.stderr.write(f"{name}: {fault['msg']}\n")
        return None


def _readiness(request: Request, faults: dict[str, str], warnings: dict[str, str]) -> Response:
    if not faults:
        return JSONResponse({"status": "ready"} | ({"warnings": warnings} if warnings else {}))
    trace = tracing.begin(request.headers.raw)
    problem = Problem(code="not_ready", members={"not_ready": faults}, headers={"Retry-After": "1"})
    rendered = problem.with_trace(trace.trace_id, request.url.path).to_response()
    response = Response(rendered.body, rendered.status)
    response.raw_headers[:] = [*rendered.headers, *trace.response_headers]
    return response


if __name__ == "__main__":
    sys.exit(main())
