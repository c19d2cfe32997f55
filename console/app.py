"""The console as one ASGI app: NiceGUI's pages, signing in, static files, and headers.

`create` may be called once in a process: NiceGUI keeps its pages in a global.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import nicegui
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from nicegui import ui

from console import pages
from console.frame import STATIC
from console.sessions import Sessions
from console.settings import Settings
from console.signing_in import SigningIn

# NiceGUI has inline scripts and compiles templates in the browser; nothing comes from elsewhere.
_CSP: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


def create(settings: Settings) -> FastAPI:
    """The app; its lifespan ends all sessions."""
    sessions = Sessions()
    signing_in = SigningIn(settings, sessions)
    pages.register()
    nicegui.app.state.sessions = sessions
    nicegui.app.state.cookie = signing_in.cookie

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await sessions.end_all()

    app = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None)

    @app.middleware("http")
    async def guard(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await answer(request)
        response.headers.update(_HEADERS)
        if not request.url.path.startswith(("/static/", "/_nicegui/")):
            response.headers["Cache-Control"] = "no-store"
        return response

    app.add_api_route("/health", _health, include_in_schema=False)
    signing_in.add_to(app)
    app.mount("/static", StaticFiles(directory=STATIC))
    ui.run_with(
        app,
        title="HPTS",
        dark=None,
        tailwind=False,
        show_welcome_message=False,
        favicon=STATIC / "icon.svg",
        reconnect_timeout=10.0,
    )
    return app


async def _health() -> Response:
    return JSONResponse({"status": "ok"})
