"""HTML that cannot be broken by what it shows: the only module that makes `Markup`.

Whatever is not already `Markup` is escaped, text and attributes alike. The page passes it through
DOMPurify again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from console import money, words
from console.api import Pending, Refused, Unreachable

Cell = str | Markup | None
_VOID: Final = frozenset({"input", "link", "meta"})
EMPTY: Final = Markup("")
"""Nothing yet, or nothing here."""
_TONES: Final = {
    "good": ("posted", "active", "paid_off", "ready", "ok", "closed", "running", "matched",
             "balanced", "succeeded", "delivered", "enabled"),
    "bad": ("rejected", "quarantined", "halted", "charged_off", "failed", "mismatched",
            "unbalanced", "exhausted", "disabled", "mismatch", "broken"),
    "busy": ("incomplete", "posting", "pending", "closing", "posted_with_rejections", "retrying"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table. Numbers stand at the right."""

    name: str
    is_number: bool = False


def document(head: Markup, body: Markup) -> str:
    """A whole page, for what NiceGUI does not draw."""
    whole = tag("html", tag("head", head), tag("body", body), lang="en")
    return Markup("<!doctype html>") + whole


def tag(name: str, /, *children: Cell, **attributes: str | bool | None) -> Markup:
    """An element. `class_` is `class`, `_` within is `-`; None or False: no such attribute."""
    written = Markup("").join(
        Markup(" {}").format(key) if value is True else Markup(' {}="{}"').format(key, value)
        for key, value in (
            (key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items()
        )
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup("<{}{}>").format(name, written)
    inner = Markup("").join(escape(child) for child in children if child is not None)
    return Markup("<{0}{1}>{2}</{0}>").format(name, written, inner)


def join(*parts: Cell) -> Markup:
    """One after the other."""
    return Markup("").join(escape(part) for part in parts if part is not None)


def link(text: Cell, href: str, **attributes: str | bool | None) -> Markup:
    """A link within the console."""
    return tag("a", text, href=href, **attributes)


def identifier(value: str | None, href: str | None = None) -> Markup:
    """An id, its end only (ids of one moment begin alike); whole in its title."""
    if not value:
        return tag("span", "–", class_="faint")
    short = tag("code", f"…{value[-8:]}", title=value)
    return link(short, href) if href else short


def loan(loan_id: str | None) -> Markup:
    """A link to a loan."""
    return identifier(loan_id, f"/loans/{loan_id}" if loan_id else None)


def entry(entry_id: str | None) -> Markup:
    """A link to a journal entry."""
    return identifier(entry_id, f"/journal/{entry_id}" if entry_id else None)


def instant(text: str | None) -> Markup:
    """An instant, UTC."""
    return tag("time", words.instant(text), datetime=text, title=text)


def amount(amount_minor: int | str, currency: str) -> Markup:
    """Money in a column; zero is faint."""
    is_zero = int(amount_minor) == 0
    return tag("span", money.shown(amount_minor, currency), class_="faint" if is_zero else None)


def chip(state: str, tone: str | None = None) -> Markup:
    """A state in a word, coloured by what it means; the word says it without the colour."""
    found = tone or next((name for name, states in _TONES.items() if state in states), "plain")
    return tag("span", state.replace("_", " "), class_=f"chip {found}")


def table(
    columns: Sequence[Column],
    rows: Iterable[Sequence[Cell]],
    *,
    empty: Cell,
    label: str,
    total: Sequence[Cell] | None = None,
) -> Markup:
    """A table that becomes cards on a narrow screen; a sentence where there is no row."""
    body = [_row(columns, row) for row in rows]
    if not body:
        return nothing(empty)
    head = tag("tr", *(
        tag("th", column.name, scope="col", class_="number" if column.is_number else None)
        for column in columns
    ))  # fmt: skip
    if total is not None:
        body.append(_row(columns, total, class_="total"))
    inner = tag("table", tag("thead", head), tag("tbody", *body), aria_label=label)
    return tag("div", inner, class_="scroll")


def _row(columns: Sequence[Column], row: Sequence[Cell], class_: str | None = None) -> Markup:
    cells = (
        tag("td", cell, class_="number" if column.is_number else None, data_label=column.name)
        for column, cell in zip(columns, row, strict=True)
    )
    return tag("tr", *cells, class_=class_)


def nothing(text: Cell) -> Markup:
    """What an empty list says: what it would hold, and how that comes about."""
    return tag("p", text, class_="empty")


def pairs(items: Mapping[str, Cell]) -> Markup:
    """Names and values."""
    written = [join(tag("dt", name), tag("dd", value)) for name, value in items.items()]
    return tag("dl", *written, class_="pairs")


def trouble(error: Refused | Unreachable | Pending) -> Markup:
    """What went wrong and what to do, where the answer should stand."""
    happened, advice = words.sentence(error)
    trace = error.problem.get("trace_id") if isinstance(error, Refused) else None
    more = tag("p", f"trace {trace}", class_="faint small") if trace else None
    return tag(
        "div", tag("p", tag("strong", happened)), tag("p", advice) if advice else None, more,
        class_="trouble", role="alert",
    )  # fmt: skip


def options(values: Iterable[tuple[str, str]], chosen: str | None) -> Markup:
    """The options of a select: (value, text)."""
    return join(
        *(tag("option", text, value=value, selected=value == chosen) for value, text in values)
    )


def field(label: str, control: Markup) -> Markup:
    """A labelled control."""
    return tag("label", tag("span", label), control, class_="field")


def text_input(name: str, value: str | None, **attributes: str | bool | None) -> Markup:
    """A text input of a filter."""
    return tag("input", name=name, value=value or "", autocomplete="off", **attributes)
