"""Asking before something is posted: one dialog, its fields, and what the API answered."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from nicegui import ui

from console import words
from console.fragments import trouble
from console.frame import draw

_READ_WITHIN_MS: Final = 1_500
"""How long what came of it is shown before the page is loaded anew."""

Answers = Mapping[str, str]
Do = Callable[[Answers, str], Awaitable[str]]
"""Takes the fields' values and an idempotency key; returns a sentence on what came of it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One field of the dialog."""

    name: str
    label: str
    value: str = ""
    is_required: bool = True


def ask(
    *, title: str, text: str, verb: str, do: Do, fields: Sequence[Asked] = (), again: bool = True
) -> None:
    """Open the dialog. However often its button is pressed, there is one key. `again`: the page is
    loaded anew once it is done."""
    key = f"console:{uuid4()}"
    with ui.dialog(value=True) as dialog, ui.card().classes("ask"):
        ui.label(title).classes("text-h6").props("role=heading aria-level=2")
        ui.label(text)
        inputs = {one.name: ui.input(one.label, value=one.value) for one in fields}
        told = ui.element("div")

        async def go() -> None:
            answers = {name: str(given.value or "").strip() for name, given in inputs.items()}
            missing = [one.label for one in fields if one.is_required and not answers[one.name]]
            told.clear()
            if missing:
                with told:
                    ui.label(f"Still empty: {', '.join(missing)}.").props("role=alert")
                return
            button.disable()
            try:
                came = await do(answers, key)
            except words.EXPECTED as error:
                with told:
                    draw(trouble(error))
                button.enable()
                return
            ui.notify(came)
            if again:
                ui.run_javascript(f"setTimeout(() => location.reload(), {_READ_WITHIN_MS})")
            dialog.close()

        with ui.row().classes("justify-end w-full"):
            ui.button("Cancel", on_click=dialog.close).props("flat color=link")
            button = ui.button(verb, on_click=go).props("unelevated")
    dialog.on("hide", dialog.delete)
