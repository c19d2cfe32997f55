"""What every page has: who is signed in, the way to the others, search, the demo switch, themes.

`page` registers a builder. It is called with a `Visit` once the browser is known to be signed in;
what the API refuses it becomes a sentence in its place.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup
from nicegui import ui

from console import words
from console.fragments import join, link, tag, trouble
from console.sessions import Session, Sessions

STATIC: Final = Path(__file__).parent / "static"
THEME_COOKIE: Final = "hpts_theme"
RESPONSE_TIMEOUT_S: Final = 30.0
SECTIONS: Final = (
    ("/", "Overview", "o"),
    ("/loans", "Loans", "l"),
    ("/journal", "Journal", "j"),
    ("/trial-balance", "Trial balance", "t"),
    ("/accruals", "Accruals", "a"),
    ("/periods", "Periods", "p"),
    ("/webhooks", "Webhooks", "w"),
    ("/quarantine", "Quarantine", "q"),
    ("/reconciliation", "Reconciliation", "r"),
)
"""Path, name, and the key that goes there after `g`."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One page for one signed-in browser: the path's parts and the query."""

    session: Session
    path: Mapping[str, str]
    query: Mapping[str, str]


Build = Callable[[Visit], Awaitable[Response | None]]
"""Draws the page; or returns an answer in its stead, to send the browser elsewhere."""


def page(path: str, *, title: str, section: str) -> Callable[[Build], Build]:
    """Register the builder of a page below one of the sections."""

    def register(build: Build) -> Build:
        @ui.page(path, response_timeout=RESPONSE_TIMEOUT_S)
        async def show(request: Request) -> Response | None:
            sessions: Sessions = request.app.state.sessions
            session = sessions.find(request.cookies.get(request.app.state.cookie))
            if session is None:
                back = quote(
                    request.url.path + (f"?{query}" if (query := request.url.query) else "")
                )
                return RedirectResponse(f"/sign-in?next={back}", status_code=303)
            visit = Visit(session, dict(request.path_params), dict(request.query_params))
            with _shell(visit, title, section, request.cookies.get(THEME_COOKIE)):
                try:
                    return await build(visit)
                except words.EXPECTED as error:
                    draw(trouble(error))
            return None

        return build

    return register


def draw(fragment: Markup, *, classes: str = "") -> ui.html:
    """Put a fragment on the page."""
    return ui.html(str(fragment), sanitize=True).classes(classes)


@contextmanager
def panel(title: str, note: str | Markup = "") -> Iterator[None]:
    """A titled part of a page, with a word on it."""
    with ui.element("section").classes("panel"):
        told = tag("span", note, class_="faint small") if note else None
        draw(tag("h2", title, told))
        yield


async def shielded(made: Awaitable[Markup]) -> Markup:
    """What is made, or why it could not be: one part's trouble leaves the others standing."""
    try:
        return await made
    except words.EXPECTED as error:
        if getattr(error, "status", None) == 404:
            return tag("p", words.NOT_HERE, class_="empty")
        return trouble(error)


def heading(title: str, lead: str | Markup = "") -> None:
    """The page's name and one sentence on what it shows."""
    draw(join(tag("h1", title), tag("p", lead, class_="lead") if lead else None))


@contextmanager
def _shell(visit: Visit, title: str, section: str, theme: str | None) -> Iterator[None]:
    scheme = theme if theme in ("light", "dark") else "light dark"
    ui.add_head_html(
        f"<style>:root{{color-scheme:{scheme}}}</style>"
        f'<link rel="stylesheet" href="{asset("console.css")}">'
        f'<script defer src="{asset("console.js")}"></script>'
    )
    ui.page_title(f"{title} · HPTS")
    ui.colors(primary="#0f766e")
    ui.dark_mode({"light": False, "dark": True}.get(scheme))
    draw(link("Skip to the content", "#content", class_="skip"))
    with ui.element("header").classes("top"):
        draw(_brand_and_search(), classes="grow")
        _demo_switch(visit)
        draw(_who(visit), classes="box")
    with ui.element("div").classes("below"):
        draw(_sections(section), classes="side")
        with ui.element("div").classes("content").props("id=content tabindex=-1"):
            yield
    draw(_shortcuts())


def asset(name: str) -> str:
    """A static file's address, another one whenever its content changes."""
    return f"/static/{name}?{sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"


def _brand_and_search() -> Markup:
    search = tag(
        "form",
        tag("input", type="search", name="q", id="search", autocomplete="off",
            placeholder="Find a loan, entry, borrower or reference",
            aria_label="Search by id or external reference"),
        tag("kbd", "/", aria_hidden="true"),
        action="/search", role="search", class_="search",
    )  # fmt: skip
    return tag("div", link("HPTS", "/", class_="brand"), search, class_="brandline")


def _sections(current: str) -> Markup:
    links = [
        link(name, href, aria_current="page" if href == current else None, data_key=key,
             title=f"g then {key}")
        for href, name, key in SECTIONS
    ]  # fmt: skip
    return tag("nav", *links, aria_label="Sections")


def _who(visit: Visit) -> Markup:
    api = visit.session.api
    told = f"tenant {api.tenant_id or 'not told by the token'}" + (
        ", operator" if api.is_operator else ""
    )
    theme = tag("button", "◐", type="button", class_="quiet", data_act="theme",
                aria_label="Change the theme", title="As the system, light, dark")  # fmt: skip
    out = tag("form", tag("button", "Sign out", class_="quiet"), action="/sign-out", method="post")
    who = tag("span", api.client_id, title=told, class_="who")
    return tag("div", who, theme, out, class_="account")


def _demo_switch(visit: Visit) -> None:
    traffic = visit.session.traffic

    def turn(event: object) -> None:
        if getattr(event, "value", False):
            traffic.start()
            ui.notify("Demo traffic posts a few commands a second. They stay in the books.")
        else:
            traffic.stop()

    switch = ui.switch("Demo traffic", value=traffic.is_on, on_change=turn).classes("demo")
    if not traffic.is_allowed:
        switch.disable()
        switch.tooltip("Needs a client that may write disbursements and payments.")


def _shortcuts() -> Markup:
    rows = [
        (tag("kbd", "/"), "search"),
        (tag("kbd", "?"), "this list"),
        *(
            (join(tag("kbd", "g"), " ", tag("kbd", key)), f"go to {name}")
            for _, name, key in SECTIONS
        ),
    ]
    listed = [join(tag("dt", key), tag("dd", name)) for key, name in rows]
    close = tag("button", "Close", class_="quiet", value="close")
    return tag(
        "dialog", tag("h2", "Keyboard"), tag("dl", *listed, class_="keys"),
        tag("form", close, method="dialog"), id="shortcuts", aria_label="Keyboard shortcuts",
    )  # fmt: skip
