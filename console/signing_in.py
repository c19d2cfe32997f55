"""Signing in and out: plain forms, by OAuth client credentials; a cookie names the session.

A local run's clients may be chosen without typing their secrets, by whoever came with the key
that `hpts up` prints (decision 0055).
"""

import hmac
import json
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup

from console.api import Api, Refused, Unreachable
from console.fragments import document, field, join, tag, trouble
from console.frame import THEME_COOKIE, asset
from console.sessions import Sessions
from console.settings import Settings

_MOST_FORM_BYTES: Final = 8_192


class SigningIn:
    """The routes `/sign-in` and `/sign-out`."""

    def __init__(self, settings: Settings, sessions: Sessions) -> None:
        self._settings = settings
        self._sessions = sessions
        # Cookies know no port: two stacks of one machine would take each other's.
        self.cookie = f"hpts_session_{settings.port}"
        self._key_cookie = f"hpts_key_{settings.port}"

    def add_to(self, app: FastAPI) -> None:
        """Register the routes."""
        app.add_api_route("/sign-in", self.form, methods=["GET"], include_in_schema=False)
        app.add_api_route("/sign-in", self.sign_in, methods=["POST"], include_in_schema=False)
        app.add_api_route("/sign-out", self.sign_out, methods=["POST"], include_in_schema=False)

    async def form(self, request: Request) -> Response:
        """The form; `?key=` becomes a cookie first, so that it does not stay in the address."""
        given = request.query_params.get("key")
        if given is not None:
            moved = RedirectResponse("/sign-in", status_code=303)
            if self._is_key(given):
                self._set(moved, self._key_cookie, given)
            return moved
        return self._shown(request, request.query_params.get("next"), None)

    async def sign_in(self, request: Request) -> Response:
        """Exchange the credentials for a token, and open a session."""
        if not _is_own(request) or int(request.headers.get("content-length", 0)) > _MOST_FORM_BYTES:
            return _foreign()
        given = await request.form()
        client_id, secret = str(given.get("client_id", "")), str(given.get("client_secret", ""))
        back = str(given.get("next", ""))
        if not secret and self._may_choose(request):
            secret = self._local_secrets().get(client_id, "")
        api = Api(
            api_url=self._settings.console_api_url,
            token_url=self._settings.console_token_url,
            client_id=client_id,
            client_secret=secret,
        )
        try:
            await api.sign_in()
        except (Refused, Unreachable) as error:
            await api.close()
            return self._shown(request, back, error)
        moved = RedirectResponse(_local_path(back), status_code=303)
        self._set(moved, self.cookie, await self._sessions.open(api))
        return moved

    async def sign_out(self, request: Request) -> Response:
        """End the session and what runs for it."""
        if not _is_own(request):
            return _foreign()
        await self._sessions.end(request.cookies.get(self.cookie))
        moved = RedirectResponse("/sign-in", status_code=303)
        moved.delete_cookie(self.cookie)
        return moved

    def _shown(
        self, request: Request, back: str | None, error: Refused | Unreachable | None
    ) -> Response:
        scheme = request.cookies.get(THEME_COOKIE)
        scheme = scheme if scheme in ("light", "dark") else "light dark"
        hidden = tag("input", type="hidden", name="next", value=_local_path(back))
        body = join(
            tag("h1", "HPTS console"),
            tag("p", "Sign in with an OAuth client of your tenant.", class_="lead"),
            _told(error) if error else None,
            self._choice(request, hidden),
            _form(hidden),
            tag("p", "The secret goes to the token endpoint only; this page never sees a token.",
                class_="faint small"),
        )  # fmt: skip
        head = join(
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("title", "Sign in · HPTS"),
            tag("style", f":root{{color-scheme:{scheme}}}"),
            tag("link", rel="stylesheet", href=asset("console.css")),
            tag("link", rel="icon", href=asset("icon.svg")),
        )
        html = document(head, tag("main", body, class_="sign-in"))
        return HTMLResponse(html, status_code=200 if error is None else 400)

    def _choice(self, request: Request, hidden: Markup) -> Markup | None:
        """The local run's clients, for who came with the key."""
        if self._settings.console_clients_file is None:
            return None
        if not self._may_choose(request):
            told = "To choose one of this stack's clients, open the address that `hpts up` printed"
            return tag("p", f"{told} (`hpts status` prints it again).", class_="empty")
        buttons = [
            tag("button", tag("strong", client["client_id"]), tag("span", _about(client)),
                name="client_id", value=client["client_id"], class_="choice")
            for client in self._local_clients()
            if not client["partner"]
        ]  # fmt: skip
        return tag("form", tag("h2", "This stack's clients"), *buttons, hidden, method="post",
                   action="/sign-in")  # fmt: skip

    def _may_choose(self, request: Request) -> bool:
        return self._is_key(request.cookies.get(self._key_cookie, ""))

    def _is_key(self, given: str) -> bool:
        path = self._settings.console_key_file
        return path is not None and hmac.compare_digest(
            path.read_text("utf-8").strip().encode(), given.encode()
        )

    def _local_clients(self) -> list[dict[str, Any]]:
        path = self._settings.console_clients_file
        listed: list[dict[str, Any]] = json.loads(path.read_text("utf-8")) if path else []
        return listed

    def _local_secrets(self) -> dict[str, str]:
        return {one["client_id"]: one["client_secret"] for one in self._local_clients()}

    def _set(self, response: Response, name: str, value: str) -> None:
        secure = self._settings.console_is_https
        response.set_cookie(name, value, httponly=True, samesite="lax", secure=secure)


def _form(hidden: Markup) -> Markup:
    return tag(
        "form",
        field("Client id", tag("input", name="client_id", required=True, maxlength="255",
                               autocomplete="username", autocapitalize="none")),
        field("Client secret", tag("input", name="client_secret", type="password", required=True,
                                   maxlength="1000", autocomplete="current-password")),
        hidden, tag("button", "Sign in", class_="primary"), method="post", action="/sign-in",
    )  # fmt: skip


def _told(error: Refused | Unreachable) -> Markup:
    """A wrong secret in plain words; anything else as everywhere."""
    if isinstance(error, Refused) and error.status in (400, 401):
        told = "The token endpoint does not know this client, or the secret is wrong."
        return tag("div", tag("p", tag("strong", told)), class_="trouble", role="alert")
    return trouble(error)


def _about(client: dict[str, Any]) -> str:
    may_write = any(scope.endswith(":write") for scope in client["scopes"])
    may = "may read and write" if may_write else "may only read"
    return f"tenant {client['tenant_id'][:8]}, {may}" + (", operator" * bool(client["operator"]))


def _local_path(text: str | None) -> str:
    """Where to go after signing in: a path of this console and nothing else."""
    is_path = text is not None and text.startswith("/") and text[1:2] not in ("/", "\\")
    return text if text and is_path else "/"


def _foreign() -> Response:
    return HTMLResponse("Refused: this form was not sent by the console.", status_code=403)


def _is_own(request: Request) -> bool:
    """Whether a form was sent by a page of this console: no other site may sign anybody in."""
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2] == request.headers.get("host")
