"""`hpts quarantine`, `hpts dead-letters`: what an operator reads and decides. Words for people."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table

from hpts import api_client
from hpts.words import HERE, AsJson, DataDir, end, out

quarantine = typer.Typer(
    no_args_is_help=True, help="Commands that could not be applied, and what waits behind them."
)
ClientId = Annotated[
    str | None, typer.Option("--client", help="Act as this client. [default: one of each tenant]")
]
Loan = Annotated[
    str | None, typer.Option("--loan", help="Of a chunk that quarantined several loans: this one.")
]
CommandId = Annotated[str, typer.Argument(help="The command, as `hpts quarantine list` names it.")]
_WIDTH: Final = 240


@quarantine.command("list")
def list_quarantined(
    *, data_dir: DataDir = HERE, client: ClientId = None, as_json: AsJson = False
) -> None:
    """Show what waits for an operator, in order, and why."""
    found = _told(lambda: api_client.quarantined(api_client.clients(data_dir.absolute(), client)))
    if as_json:
        print(json.dumps({"items": found}, indent=1))
    elif not found:
        out.print("hpts: nothing is quarantined")
    else:
        _print(_quarantine_table(found))


@quarantine.command()
def resume(
    command_id: CommandId,
    *,
    loan: Loan = None,
    data_dir: DataDir = HERE,
    client: ClientId = None,
    as_json: AsJson = False,
) -> None:
    """Decide again what waits for the command's loan, once what was wrong is mended."""
    body = {} if loan is None else {"loan_id": loan}
    _resolve(command_id, "resume", body, data_dir, client, as_json=as_json)


@quarantine.command()
def reject(
    command_id: CommandId,
    *,
    because: Annotated[str, typer.Option("--because", help="What its sender is told.")],
    loan: Loan = None,
    data_dir: DataDir = HERE,
    client: ClientId = None,
    as_json: AsJson = False,
) -> None:
    """Refuse the command for good; what waits behind it goes on."""
    body = {"explanation": because} | ({} if loan is None else {"loan_id": loan})
    _resolve(command_id, "reject", body, data_dir, client, as_json=as_json)


def dead_letters(
    *, data_dir: DataDir = HERE, client: ClientId = None, as_json: AsJson = False
) -> None:
    """Show records of the log that are no command of this ledger, and why."""
    found = _told(lambda: api_client.dead_letters(api_client.clients(data_dir.absolute(), client)))
    if as_json:
        print(json.dumps({"items": found}, indent=1))
    elif not found:
        out.print("hpts: there are no dead letters")
    else:
        table = Table("place", "appended at", "claims to be", "bytes", "reason", box=None)
        for one in found:
            claimed = one["claimed_type"] or "-"
            size = str(one["value_length"])
            table.add_row(_place(one), one["appended_at"], claimed, size, one["reason"])
        _print(table)


def _print(table: Table) -> None:
    """As wide as it is: a terminal wraps it, and nothing is cut off."""
    Console(width=_WIDTH, soft_wrap=True, highlight=False, markup=False).print(table)


def _resolve(
    command_id: str,
    verb: str,
    body: dict[str, str],
    data_dir: Path,
    client: str | None,
    *,
    as_json: bool,
) -> None:
    def ask() -> dict[str, Any]:
        operators = api_client.clients(data_dir.absolute(), client)
        return api_client.resolve(operators, command_id, verb, body)

    resolved = _told(ask)
    if as_json:
        print(json.dumps(resolved, indent=1))
        return
    if "commands" not in resolved:
        out.print(f"hpts: accepted as command {resolved['command_id']}, not yet applied")
        return
    for one in resolved["commands"]:
        code = f" ({one['code']})" if "code" in one else ""
        out.print(f"hpts: {one['command_type']} {one['command_id']}: {one['status']}{code}")
    if resolved["waiting_count"]:
        out.print(f"hpts: {resolved['waiting_count']} of the same loan still wait")


def _told(ask: Callable[[], Any]) -> Any:
    """What was asked for; ends the process with 1 where it is refused."""
    try:
        return ask()
    except (api_client.OperatorRefused, api_client.Unreachable) as reason:
        end(str(reason), 1)


def _quarantine_table(found: Sequence[dict[str, Any]]) -> Table:
    """Ids whole, because they are copied from here; what is long comes last."""
    table = Table(box=None)
    for title in ("command", "type", "loan", "place", "since"):
        table.add_column(title, no_wrap=True)
    table.add_column("reason", overflow="fold")
    for one in found:
        table.add_row(
            one["command_id"],
            one["command_type"],
            one["loan_id"] or "none",
            _place(one),
            one["quarantined_at"][:19],
            one["reason"] or "waits behind another",
        )
    return table


def _place(one: dict[str, Any]) -> str:
    return f"{one['partition_id']}:{one['command_offset']}"
