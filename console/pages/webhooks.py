"""`/webhooks`: endpoints; `/webhooks/{id}`: its deliveries with every attempt, and replay."""

from datetime import UTC, datetime, timedelta
from typing import Final

from markupsafe import Markup
from nicegui import ui

from console import words
from console.api import Api, Body, Refused
from console.asking import Answers, Asked, ask
from console.fragments import (
    Cell,
    Column,
    chip,
    entry,
    instant,
    join,
    link,
    nothing,
    pairs,
    table,
    tag,
)
from console.frame import Visit, draw, heading, page, panel, shielded
from console.lists import PAGE_SIZE, further
from schemas import scopes

_ENDPOINTS: Final = (Column("Address"), Column("Events"), Column("State"), Column("Description"))
_DELIVERIES: Final = (
    Column("Occurred (UTC)"),
    Column("Entry"),
    Column("Event"),
    Column("State"),
    Column("Attempts"),
)


@page("/webhooks", title="Webhooks", section="/webhooks")
async def webhooks(visit: Visit) -> None:
    """The endpoints, and adding one."""
    api = visit.session.api
    heading("Webhooks", "Every posted entry is told to these addresses, signed, at least once.")
    try:
        found = await api.get("/webhook-endpoints", page_token=visit.query.get("page_token"))
    except Refused as refusal:
        if refusal.status != 404:
            raise
        with panel("Endpoints"):
            draw(nothing(words.NOT_HERE))
        return

    if scopes.WEBHOOKS_WRITE in api.scopes:
        _add_button(api)
    rows = [
        (
            link(one["url"], f"/webhooks/{one['webhook_endpoint_id']}", class_="wide"),
            ", ".join(map(words.event, one.get("event_types") or ())) or "all",
            chip(str(one.get("status", "enabled"))),
            one.get("description") or "",
        )
        for one in found["items"]
    ]
    with panel("Endpoints"):
        empty = "There is no endpoint. Add one to have entries told to it."
        draw(table(_ENDPOINTS, rows, empty=empty, label="Endpoints"))
        draw(further("/webhooks", visit.query, found))


def _add_button(api: Api) -> None:
    async def add(answers: Answers, key: str) -> str:
        body: Body = {"url": answers["url"]}
        if answers["events"]:
            body["event_types"] = answers["events"].replace(",", " ").split()
        if answers["description"]:
            body["description"] = answers["description"]
        _show_secret(await api.post("/webhook-endpoints", body, key=key))
        return "The endpoint is registered."

    def ask_add() -> None:
        ask(
            title="Add an endpoint",
            text="https only, and no private address unless the deployment allows it by name.",
            verb="Add",
            do=add,
            fields=[
                Asked("url", "Address", "https://"),
                Asked("events", "Event types; empty for all", is_required=False),
                Asked("description", "Description", is_required=False),
            ],
            again=False,
        )

    with ui.element("div").classes("actions"):
        ui.button("Add an endpoint", on_click=ask_add).props("outline color=link")


def _show_secret(made: Body) -> None:
    secret = made.get("secret")
    page_itself = ui.context.client.content  # the dialog that asked is about to go
    with page_itself, ui.dialog(value=True).props("persistent") as dialog, ui.card().classes("ask"):
        ui.label("The signing secret").classes("text-h6").props("role=heading aria-level=2")
        ui.label("It is shown this once. Keep it where your consumer reads it.")
        draw(tag("code", secret or "not told: this was a replay", class_="wide"))
        ui.button("I have it", on_click=ui.navigate.reload).props("unelevated")
    dialog.on("hide", dialog.delete)


@page("/webhooks/{endpoint_id}", title="Webhook endpoint", section="/webhooks")
async def webhook(visit: Visit) -> None:
    """One endpoint: its deliveries, and what can be done about them."""
    api, path = visit.session.api, f"/webhook-endpoints/{visit.path['endpoint_id']}"
    found = await api.get(path)
    heading("Webhook endpoint", found["url"])
    if scopes.WEBHOOKS_WRITE in api.scopes:
        _actions(api, path)
    with panel("Endpoint"):
        draw(pairs({name.replace("_", " "): _plain(value) for name, value in found.items()}))
    with panel("Deliveries", "with every attempt, the last one first"):
        draw(await shielded(_deliveries(api, visit, path)))


def _actions(api: Api, path: str) -> None:
    async def replay(answers: Answers, key: str) -> str:
        await api.post(f"{path}/replays", {"from": answers["from"]}, key=key)
        return "The replay is queued: consumers drop duplicates by journal_entry_id."

    async def rotate(_answers: Answers, key: str) -> str:
        _show_secret(await api.post(f"{path}/rotate-secret", {}, key=key))
        return "The secret is changed."

    async def delete(_answers: Answers, _key: str) -> str:
        await api.delete(path)
        ui.navigate.to("/webhooks")
        return "The endpoint is deleted."

    def ask_replay() -> None:
        yesterday = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        ask(
            title="Send again",
            text="Everything posted since this instant (UTC) is told to this endpoint once more.",
            verb="Replay",
            do=replay,
            fields=[Asked("from", "From", yesterday.isoformat().replace("+00:00", "Z"))],
        )

    def ask_rotate() -> None:
        ask(title="Change the secret?", text="You see the new one once.", verb="Change it",
            do=rotate, again=False)  # fmt: skip

    def ask_delete() -> None:
        ask(title="Delete the endpoint?", text="Nothing is told to it any more.", verb="Delete",
            do=delete, again=False)  # fmt: skip

    with ui.element("div").classes("actions"):
        ui.button("Replay", on_click=ask_replay).props("outline color=link")
        ui.button("Change the secret", on_click=ask_rotate).props("outline color=link")
        ui.button("Delete", on_click=ask_delete).props("outline color=bad")


async def _deliveries(api: Api, visit: Visit, path: str) -> Markup:
    found = await api.get(
        f"{path}/deliveries",
        order="desc",
        page_size=PAGE_SIZE,
        page_token=visit.query.get("page_token"),
    )
    rows = [
        (
            instant(one.get("occurred_at")),
            entry(one.get("journal_entry_id")),
            words.event(str(one.get("event_type", ""))),
            chip(str(one.get("status", ""))),
            _attempts(one.get("attempts", [])),
        )
        for one in found["items"]
    ]
    empty = "Nothing was told to it yet. The next posted entry will be."
    here = f"/webhooks/{visit.path['endpoint_id']}"
    return join(
        table(_DELIVERIES, rows, empty=empty, label="Deliveries"),
        further(here, visit.query, found),
    )


def _attempts(attempts: list[Body]) -> Cell:
    """Every attempt with all that is told of it."""
    items = [
        tag("li", join(*(join(f"{name.replace('_', ' ')} ", _plain(value), "; ")
                         for name, value in one.items() if value is not None)))
        for one in attempts
    ]  # fmt: skip
    if not items:
        return "none yet"
    return tag("details", tag("summary", f"{len(items)}"), tag("ol", *items, class_="small wide"))


def _plain(value: object) -> Cell:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = "–" if value is None else str(value)
    return instant(text) if text[4:5] == "-" and text.endswith("Z") else text
