"""docs/reference/command-line.md: every command with its options, as `--help` has them."""

from collections.abc import Iterator
from typing import Any

import typer

HEAD = """\
# Command line

`hpts --help` and `hpts COMMAND --help` say the same. Exit status: 0 done, 1 it could not be done or
a fault was found, 2 it was called wrongly.

This page is made by `python -m hpts.reference` from the commands themselves.
"""


def page() -> str:
    """The whole page."""
    from hpts.cli import app

    return "\n".join([HEAD, *_sections(typer.main.get_command(app), "hpts")])


def _sections(command: Any, name: str) -> Iterator[str]:
    context = command.make_context(name, [], resilient_parsing=True)
    if hasattr(command, "list_commands"):
        for one in command.list_commands(context):
            child = command.get_command(context, one)
            if not child.hidden:
                yield from _sections(child, f"{name} {one}")
        return
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"## {name}\n\n{_line(command.help)}\n\n```\n{name} {usage}\n```\n"
    records = [
        record
        for one in command.get_params(context)
        if one.param_type_name == "option" and "--help" not in one.opts
        if (record := one.get_help_record(context)) is not None
    ]
    if records:
        rows = "".join(f"| `{option}` | {_line(text)} |\n" for option, text in records)
        yield f"| option | what |\n|---|---|\n{rows}"


def _line(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "&#124;")
