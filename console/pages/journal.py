"""`/journal`: everything posted, filtered; and one entry."""

from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup

from console import words
from console.api import Api
from console.fragments import (
    Cell,
    Column,
    amount,
    chip,
    entry,
    identifier,
    instant,
    join,
    link,
    loan,
    pairs,
    table,
    tag,
)
from console.frame import Visit, draw, heading, page, panel, shielded
from console.lists import PAGE_SIZE, address, choice, filters, further, text
from schemas.chart_of_accounts import CHART

_COLUMNS: Final = (
    Column("Effective, posted (UTC)"),
    Column("Event"),
    Column("Entry"),
    Column("Loan"),
    Column("Lines"),
    Column("Amount", is_number=True),
    Column("Reference"),
)
_LINES: Final = (
    Column("#", is_number=True),
    Column("Account"),
    Column("Debit", is_number=True),
    Column("Credit", is_number=True),
    Column("Currency"),
    Column("Layer"),
    Column("Loan"),
    Column("Reference"),
)
_MOST_SHOWN_LINES: Final = 4


@page("/journal", title="Journal", section="/journal")
async def journal(visit: Visit) -> None:
    """A page of entries, the last posted first unless told otherwise."""
    query = {"order": "desc", **visit.query}
    heading(
        "Journal",
        "Everything posted, entry by entry. A batch comes in parts; nothing is changed ever.",
    )
    with panel("Filter"):
        draw(_filters(query))
    found = await visit.session.api.get(
        "/journal-entries",
        **{
            name: query.get(name) for name in ("from_date", "to_date", "event_type", "account_code")
        },
        external_ref=query.get("external_ref"),
        order=query["order"],
        page_token=query.get("page_token"),
        page_size=PAGE_SIZE,
    )
    with panel("Entries"):
        draw(entries_table(found["items"], is_filtered=bool(visit.query)))
        draw(further("/journal", query, found))


def entries_table(items: list[dict[str, Any]], *, is_filtered: bool = False) -> Markup:
    """Entries as rows."""
    empty = (
        "No entry fits. Widen the dates or clear the filters."
        if is_filtered
        else "Nothing is posted yet. Turn on “Demo traffic” above to see the books move."
    )
    rows = [
        (
            _days(one),
            join(words.event(one["event_type"]), _reversed_chip(one)),
            entry(one["journal_entry_id"]),
            loan(next((line["loan_id"] for line in one["lines"] if line["loan_id"]), None)),
            _summary(one["lines"]),
            _total(one["lines"]),
            _references(one["lines"]),
        )
        for one in items
    ]
    return table(_COLUMNS, rows, empty=empty, label="Journal entries")


@page("/journal/{entry_id}", title="Entry", section="/journal")
async def journal_entry(visit: Visit) -> None:
    """One entry: its lines, what it belongs to, and how a payment was applied."""
    api = visit.session.api
    path = f"/journal-entries/{visit.path['entry_id']}"
    found = await api.get(path, page_token=visit.query.get("page_token"))
    heading(words.event(found["event_type"]), tag("code", found["journal_entry_id"]))
    with panel("Lines"):
        draw(_lines(found["lines"]))
        draw(further(f"/journal/{found['journal_entry_id']}", visit.query, found))
    if found["event_type"] in ("payment_received", "payment_allocated"):
        with panel("How it was applied", "as the engine decided it"):
            draw(await shielded(_allocation(api, found)))
    with panel("About it"):
        draw(_about(found))


def _filters(query: dict[str, str]) -> Markup:
    return filters(
        "/journal",
        text("Effective from", "from_date", query, type="date"),
        text("Effective to", "to_date", query, type="date"),
        choice("Event", "event_type", query, list(words.EVENTS.items())),
        choice("Account", "account_code", query, [(code, words.account(code)) for code in CHART]),
        text("External reference", "external_ref", query, maxlength="255"),
        choice("Order", "order", query, [("desc", "last posted first"), ("asc", "as posted")]),
    )


def _lines(lines: list[dict[str, Any]]) -> Markup:
    rows: list[Sequence[Cell]] = []
    for line in lines:
        money = amount(line["amount_minor"], line["currency"])
        is_debit = line["direction"] == "DR"
        rows.append(
            (
                str(line["sequence"]),
                link(
                    words.account(line["account_code"]),
                    address("/journal", {"account_code": line["account_code"]}),
                ),
                money if is_debit else "",
                "" if is_debit else money,
                line["currency"],
                line["layer"],
                loan(line["loan_id"]),
                line["external_ref"] or "",
            )
        )
    return table(_LINES, rows, empty="This entry has no lines.", label="Lines of the entry")


def _about(found: dict[str, Any]) -> Markup:
    borrower = next((x["borrower_id"] for x in found["lines"] if x["borrower_id"]), None)
    return pairs(
        {
            "Effective": found["effective_at"],
            "Posted": instant(found["posted_at"]),
            "Borrower": identifier(borrower, f"/loans?borrower_id={borrower}"),
            "Posted by": found["actor"] or "–",
            "Correlation": tag("code", found["correlation_id"]),
            "Reverses": entry(found["reverses_entry_id"]),
            "Reversed by": entry(found["reversed_by_entry_id"]),
            "Description": found["description"] or "–",
            **{name.replace("_", " "): value for name, value in found["details"].items()},
            **{f"metadata: {name}": value for name, value in found["metadata"].items()},
        }
    )


async def _allocation(api: Api, found: dict[str, Any]) -> Markup:
    command = await api.get(f"/commands/{found['correlation_id']}")
    allocation = command["result"]["allocation"]
    currency = found["lines"][0]["currency"]
    rows: list[Sequence[Cell]] = [
        (
            one["receivable"],
            amount(one["owed_minor"], currency),
            amount(one["applied_minor"], currency),
            one["rule"],
        )
        for one in allocation["explained"]
    ]
    rows.append(("kept in suspense", "", amount(allocation["suspense_minor"], currency), ""))
    columns = (
        Column("To"),
        Column("Owed", is_number=True),
        Column("Applied", is_number=True),
        Column("Rule"),
    )
    return table(columns, rows, empty="", label="Allocation")


def _days(one: dict[str, Any]) -> Markup:
    posted = tag("div", instant(one["posted_at"]), class_="faint small")
    return tag("div", one["effective_at"], posted)


def _summary(lines: list[dict[str, Any]]) -> Markup:
    shown = [
        tag("div", f"{line['direction']} {words.account(line['account_code'])}")
        for line in lines[:_MOST_SHOWN_LINES]
    ]
    left = len(lines) - _MOST_SHOWN_LINES
    more = tag("div", f"and {left} more", class_="faint") if left > 0 else None
    return tag("div", *shown, more, class_="small")


def _total(lines: list[dict[str, Any]]) -> Markup:
    """The debits of each currency."""
    totals_minor: dict[str, int] = {}
    for line in lines:
        if line["direction"] == "DR":
            held_minor = totals_minor.get(line["currency"], 0)
            totals_minor[line["currency"]] = held_minor + int(line["amount_minor"])
    return join(
        *(
            tag(
                "div",
                amount(total_minor, currency),
                " ",
                tag("span", currency, class_="faint small"),
            )
            for currency, total_minor in totals_minor.items()
        )
    )


def _references(lines: list[dict[str, Any]]) -> Markup:
    found = dict.fromkeys(line["external_ref"] for line in lines if line["external_ref"])
    return join(
        *(
            tag("div", link(text, address("/journal", {"external_ref": text})), class_="wide")
            for text in found
        )
    )


def _reversed_chip(one: dict[str, Any]) -> Markup | None:
    return join(" ", chip("reversed", "busy")) if one["reversed_by_entry_id"] else None
