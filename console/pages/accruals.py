"""`/accruals`: batches, the last one first; `/accruals/{id}`: its progress and rejections, live.

The API has no listing of batches: they are found by their entries. A batch that still posts, or
that was refused whole, is found by its id.
"""

from collections.abc import Mapping
from typing import Any, Final

from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup
from nicegui import ui

from console import words
from console.api import Api, Body
from console.fragments import Column, amount, chip, entry, instant, link, loan, pairs, table, tag
from console.frame import Visit, draw, heading, page, panel, shielded
from console.lists import filters, further, text

_EVERY_S: Final = 1.0
_BATCHES: Final = (
    Column("Posted (UTC)"),
    Column("Accrual date"),
    Column("Batch"),
    Column("Part"),
    Column("Loans", is_number=True),
    Column("Interest", is_number=True),
    Column("Currency"),
)
_REJECTIONS: Final = (Column("Loan"), Column("Step"), Column("Code"), Column("What it means"))


@page("/accruals", title="Accruals", section="/accruals")
async def accruals(visit: Visit) -> None:
    """Batches by the entries they posted."""
    heading("Accrual batches", "A night's interest: one entry, in parts that post by themselves.")
    with panel("Open a batch"):
        draw(
            filters(
                "/search",
                text("Accrual event id", "q", {}, size="36", required="required"),
                can_clear=False,
            )
        )
    found = await visit.session.api.get(
        "/journal-entries",
        event_type="accrual",
        order="desc",
        page_size="100",
        page_token=visit.query.get("page_token"),
    )
    rows = [_batch(one) for one in found["items"]]
    empty = (
        "No interest has accrued yet. `hpts accrue` sends a night's batch; demo traffic does, too."
    )
    with panel("Posted parts"):
        draw(table(_BATCHES, rows, empty=empty, label="Accrual batches"))
        draw(further("/accruals", visit.query, found))


def _batch(one: Body) -> tuple[str | Markup | None, ...]:
    debits = [line for line in one["lines"] if line["direction"] == "DR"]
    total_minor = sum(int(line["amount_minor"]) for line in debits)
    currency = one["lines"][0]["currency"] if one["lines"] else "USD"
    return (
        instant(one["posted_at"]),
        one["effective_at"],
        link("progress and rejections", f"/accruals/of/{one['correlation_id']}"),
        str(one.get("part", "")),
        f"{len(debits):,}",
        amount(total_minor, currency),
        currency,
    )


@page("/accruals/of/{command_id}", title="Accrual batch", section="/accruals")
async def accrual_of(visit: Visit) -> Response | None:
    """To the batch that a command began: entries name the command, not the batch."""
    found = await visit.session.api.get(f"/commands/{visit.path['command_id']}")
    event_id = (found.get("result") or found)["accrual_event_id"]
    return RedirectResponse(f"/accruals/{event_id}", status_code=303)


@page("/accruals/{event_id}", title="Accrual batch", section="/accruals")
async def accrual(visit: Visit) -> None:
    """One batch; while it posts, its progress moves."""
    api, event_id = visit.session.api, visit.path["event_id"]
    found = await api.get(f"/accruals/{event_id}")
    heading("Accrual batch", tag("code", found["accrual_event_id"]))
    with panel("Progress"):
        progress = draw(_progress(found))
    with panel("Rejections", "loans that could not accrue; the others post"):
        rejections = draw(await shielded(_rejections(api, event_id, visit.query)))

    async def refresh() -> None:
        now = await api.get(f"/accruals/{event_id}")
        progress.content = str(_progress(now))
        rejections.content = str(await shielded(_rejections(api, event_id, visit.query)))
        if now["status"] != "posting":
            timer.cancel()

    if found["status"] == "posting":
        timer = ui.timer(_EVERY_S, refresh)


def _progress(found: Body) -> Markup:
    done, total = found["chunks_done"], found["chunks_total"]
    share = 100 * done // total if total else 0
    bar = tag("div", tag("div", style=f"width: {share}%"), class_="progress", role="progressbar",
              aria_valuenow=str(share), aria_valuemin="0", aria_valuemax="100",
              aria_label="Chunks done")  # fmt: skip
    return tag(
        "div",
        tag("p", chip(found["status"]), f" {done:,} of {total:,} chunks"),
        bar,
        pairs(_figures(found)),
    )


def _figures(found: dict[str, Any]) -> dict[str, Markup | str | None]:
    currency = found["currency"]

    def money(member: str) -> Markup:
        return tag("span", amount(found[member], currency), f" {currency}")

    return {
        "Accrual date": found["accrual_date"],
        "Expected": tag("span", f"{found['expected_loan_count']:,} loans, ",
                        money("expected_total_minor")),
        "Posted": tag("span", f"{found['loan_count']:,} loans, ", money("total_accrued_minor")),
        "Rejected": tag("span", f"{found['rejected_count']:,} loans, ",
                        money("rejected_total_minor")),
        "Principal differs": f"{found['principal_mismatch_count']:,} loans",
        "Entry": entry(found["journal_entry_id"]),
        "Program": tag("code", found["program_id"]),
        "Accepted": instant(found["accepted_at"]),
        "Posted at": instant(found["posted_at"]),
    }  # fmt: skip


async def _rejections(api: Api, event_id: str, query: Mapping[str, str]) -> Markup:
    found = await api.get(
        f"/accruals/{event_id}/rejections", page_size="100", page_token=query.get("page_token")
    )
    rows = [
        (loan(one["loan_id"]), one["step"], tag("code", one["code"]), words.meaning(one["code"]))
        for one in found["items"]
    ]
    return tag(
        "div",
        table(_REJECTIONS, rows, empty="No loan was rejected.", label="Rejections"),
        further(f"/accruals/{event_id}", query, found),
    )
