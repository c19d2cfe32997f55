"""`/periods`: the months, and closing the next one."""

from typing import Final

from nicegui import ui

from console.asking import Answers, ask
from console.fragments import Column, chip, instant, table
from console.frame import Visit, draw, heading, page, panel
from console.lists import further
from schemas import scopes

_COLUMNS: Final = (Column("Month"), Column("State"), Column("Closed at (UTC)"))


@page("/periods", title="Periods", section="/periods")
async def periods(visit: Visit) -> None:
    """The months, the current one first."""
    api = visit.session.api
    heading(
        "Periods",
        "A closed month never changes: what comes later is booked in the oldest open one.",
    )
    found = await api.get(
        "/periods", order="desc", page_size="60", page_token=visit.query.get("page_token")
    )
    open_months = [one["period"] for one in found["items"] if one["status"] == "open"]
    next_month = open_months[-1] if open_months else ""

    async def close(_answers: Answers, key: str) -> str:
        await api.post(f"/periods/{month}/close", {}, key=key)
        return f"{month} is closed."

    if next_month and scopes.PERIODS_WRITE in api.scopes:
        month = next_month

        def open_dialog() -> None:
            ask(
                title=f"Close {month}?",
                text="No entry is booked in it, or in a month before it, ever again. "
                "There is no way back.",
                verb=f"Close {month}",
                do=close,
            )

        with ui.element("div").classes("actions"):
            ui.button(f"Close {month}", on_click=open_dialog).props("outline color=link")
    rows = [
        (one["period"], chip(one["status"]), instant(one["closed_at"])) for one in found["items"]
    ]
    with panel("Months"):
        draw(table(_COLUMNS, rows, empty="No month yet: nothing is posted.", label="Months"))
        draw(further("/periods", visit.query, found))
