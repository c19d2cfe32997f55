"""`hpts reconcile now`, `hpts bank import`: what an operator asks the witness. Words for people."""

import json
import time
from typing import Annotated, Any, Final

import typer

from hpts.database import Administrator, DatabaseRefused, administrator
from hpts.words import HERE, AsJson, DataDir, end, out, servers

reconcile = typer.Typer(
    no_args_is_help=True, help="Whether the books are what their entries say, by the witness."
)
MOST_SHOWN: Final = 1000
_LOOK_EVERY_S: Final = 0.2
_SOUND, _DIFFERENT, _UNKNOWN = 0, 1, 3


@reconcile.command()
def now(
    *,
    data_dir: DataDir = HERE,
    within: Annotated[
        float, typer.Option("--within", min=1, help="How many seconds to wait for the run.")
    ] = 120.0,
    as_json: AsJson = False,
) -> None:
    """Compare everything now. Exit status 0 well, 1 findings, 3 not all could be compared."""
    admin_dsn, _ = servers(data_dir)
    try:
        with administrator(admin_dsn) as database:
            told = _asked(database, within)
    except DatabaseRefused as reason:
        end(str(reason), _UNKNOWN)
    if as_json:
        print(json.dumps(told, indent=1, default=str))
    else:
        _show(told)
    raise typer.Exit(
        _DIFFERENT if told["findings"] else _UNKNOWN if told["incomplete_because"] else _SOUND
    )


def _asked(database: Administrator, within_s: float) -> dict[str, Any]:
    [[run_id]] = database.ask("ask_for_run")
    deadline = time.monotonic() + within_s
    while True:
        [(status, why, _, checked, has_ended)] = database.ask("find_run", run_id=run_id)
        if has_ended:
            break
        if time.monotonic() > deadline:
            end(f"run {run_id} is {status} after {within_s:.0f} s: does reconciliation run?", 3)
        time.sleep(_LOOK_EVERY_S)
    names = ("found_at", "tenant_id", "kind", "detail")
    rows = database.ask("list_standing_findings", most=MOST_SHOWN)
    findings = [dict(zip(names, row, strict=True)) for row in rows]
    members = {"run_id": run_id, "status": status, "incomplete_because": why, "checked": checked}
    return {**members, "findings": findings}


def _show(told: dict[str, Any]) -> None:
    checked = told["checked"]
    looked = ", ".join(
        f"{checked[name]} {words}"
        for name, words in (
            ("loans", "loans"),
            ("account_days", "day totals"),
            ("entries", "entries"),
        )
        if name in checked
    )
    out.print(f"hpts: run {told['run_id']}: {told['status']}; looked at {looked}")
    for finding in told["findings"]:
        out.print(f"hpts: {finding['kind']}: {finding['detail']}")
    if told["incomplete_because"]:
        out.print(f"hpts: not all was compared: {told['incomplete_because']}")
