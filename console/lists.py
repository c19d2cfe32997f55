"""Filters and pages of a listing: both are in the address, so a view can be kept and sent."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

from markupsafe import Markup

from console.fragments import EMPTY, Cell, field, link, options, tag, text_input

PAGE_SIZE = "50"


def filters(action: str, *fields: Markup, can_clear: bool = True) -> Markup:
    """A form that leads to the same listing, filtered."""
    show = tag("button", "Show", class_="primary")
    clear = link("Clear", action, class_="button") if can_clear else None
    return tag("form", *fields, show, clear, action=action, class_="filters")


def text(label: str, name: str, query: Mapping[str, str], **attributes: str | None) -> Markup:
    """A filter to type."""
    return field(label, text_input(name, query.get(name), **attributes))


def choice(
    label: str, name: str, query: Mapping[str, str], values: Sequence[tuple[str, str]]
) -> Markup:
    """A filter to choose; the first choice is everything."""
    listed = options([("", "any"), *values], query.get(name, ""))
    return field(label, tag("select", listed, name=name))


def address(path: str, query: Mapping[str, str | None]) -> str:
    """A listing's address with what is set of the query."""
    chosen = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(chosen)}" if chosen else path


def further(path: str, query: Mapping[str, str], page: Mapping[str, object]) -> Markup:
    """The way to the first and to the next page, where there is one."""
    token = page.get("next_page_token")
    links: list[Cell] = []
    if query.get("page_token"):
        links.append(
            link("First page", address(path, {**query, "page_token": None}), class_="button")
        )
    if token:
        href = address(path, {**query, "page_token": str(token)})
        links.append(link("Next page", href, class_="button", rel="next"))
    return tag("div", *links, class_="more") if links else EMPTY
