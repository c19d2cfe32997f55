"""`/quarantine`: what waits for an operator, with resume and reject; and the dead letters."""

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup
from nicegui import ui

from console.api import Api, Body
from console.asking import Answers, Asked, ask
from console.fragments import Column, chip, instant, join, loan, nothing, pairs, table, tag
from console.frame import Visit, draw, heading, page, panel, shielded
from console.lists import further
from schemas import scopes

_LETTERS: Final = (
    Column("Appended (UTC)"),
    Column("Partition"),
    Column("Offset", is_number=True),
    Column("Claims to be"),
    Column("Bytes", is_number=True),
    Column("Why"),
)


@page("/quarantine", title="Quarantine", section="/quarantine")
async def quarantine(visit: Visit) -> None:
    """Both lists."""
    api = visit.session.api
    heading(
        "Quarantine",
        "A command that would break a rule of the ledger stands still with its loan until an "
        "operator decides. Other loans go on.",
    )
    found = await api.get("/quarantine", page_size="50", page_token=visit.query.get("page_token"))
    with panel("Commands that wait"):
        if not found["items"]:
            draw(nothing("Nothing waits."))
        for one in found["items"]:
            _waiting(api, one)
        draw(further("/quarantine", visit.query, found))
    with panel("Dead letters", "records of the log that are no command of this ledger"):
        if api.is_operator:
            draw(await shielded(_dead_letters(api, visit.query)))
        else:
            draw(nothing("They belong to no tenant: only an operator's client may read them."))


def _waiting(api: Api, one: Body) -> None:
    draw(_told(one))
    if one["reason"] is None:
        return
    if scopes.OPERATIONS_WRITE not in api.scopes:
        draw(nothing("This client may not decide: it lacks hpts:operations:write."))
        return
    command_id, body = one["command_id"], {"loan_id": one["loan_id"]} if one["loan_id"] else {}

    async def resume(_answers: Answers, key: str) -> str:
        return _came(await api.post(f"/quarantine/{command_id}/resume", body, key=key))

    async def reject(answers: Answers, key: str) -> str:
        told = {**body, "explanation": answers["explanation"]}
        return _came(await api.post(f"/quarantine/{command_id}/reject", told, key=key))

    def ask_resume() -> None:
        ask(
            title="Resume this command?",
            text="It is decided again in its place. If the cause still stands, it waits again.",
            verb="Resume",
            do=resume,
        )

    def ask_reject() -> None:
        ask(
            title="Reject this command?",
            text="It is refused for good, with your words; what waits behind it goes on.",
            verb="Reject",
            do=reject,
            fields=[Asked("explanation", "Why")],
        )

    with ui.element("div").classes("actions"):
        ui.button("Resume", on_click=ask_resume).props("outline color=link")
        ui.button("Reject", on_click=ask_reject).props("outline color=bad")


def _came(result: Body) -> str:
    """What became of the command and of those behind it."""
    states = ", ".join(one["status"] for one in result["commands"])
    return f"Decided: {states}. {result['waiting_count']} still wait."


def _told(one: Body) -> Markup:
    answered = chip("its sender was answered" if one["is_answered"] else "its sender waits", "busy")
    return join(
        tag(
            "p",
            tag("strong", one["command_type"]),
            " of loan ",
            loan(one["loan_id"]),
            " ",
            answered,
        ),
        tag("p", one["reason"] or "It waits behind the one before it.", class_="wide"),
        pairs(
            {
                "Command": tag("code", one["command_id"]),
                "Key": tag("code", one["idempotency_key"], class_="wide"),
                "Where": f"partition {one['partition_id']}, offset {one['command_offset']}",
                "Since": instant(one["quarantined_at"]),
            }
        ),
    )


async def _dead_letters(api: Api, query: Mapping[str, str]) -> Markup:
    found = await api.get("/dead-letters", page_size="50", page_token=query.get("letters"))
    rows = [
        (
            instant(one["appended_at"]),
            str(one["partition_id"]),
            f"{one['command_offset']:,}",
            one["claimed_type"] or "–",
            f"{one['value_length']:,}",
            tag("span", one["reason"], class_="wide"),
        )
        for one in found["items"]
    ]
    told = table(_LETTERS, rows, empty="There is none.", label="Dead letters")
    token = found.get("next_page_token")
    more = (
        tag("a", "Next page", href=f"/quarantine?letters={token}", class_="button")
        if token
        else None
    )
    return join(told, tag("div", more, class_="more") if more else None)
