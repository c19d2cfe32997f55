"""`hpts reconcile now`, `hpts bank import`: what an operator asks the witness. Words for people."""

import json
import time
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from hpts import api_client
from hpts.bank_files.camt053 import read_camt053
from hpts.bank_files.csv_file import read_csv, read_mapping
from hpts.bank_files.statement import BadFile, Statement
from hpts.database import Administrator, DatabaseRefused, administrator
from hpts.words import HERE, AsJson, DataDir, end, out, servers

reconcile = typer.Typer(
    no_args_is_help=True, help="Whether the books are what their entries say, by the witness."
)
bank = typer.Typer(no_args_is_help=True, help="Statements of banks, matched with account 1000.")
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


@bank.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="camt.053 (.xml), or CSV with --mapping.")],
    *,
    mapping: Annotated[
        Path | None, typer.Option("--mapping", help="Which column of a CSV is what (JSON).")
    ] = None,
    account: Annotated[
        str | None, typer.Option("--account", help="The bank account. [camt.053: as it says]")
    ] = None,
    statement: Annotated[
        str | None, typer.Option("--statement", help="Of CSV. [default: the file's name]")
    ] = None,
    currency: Annotated[str, typer.Option("--currency", help="Of CSV.")] = "USD",
    client: Annotated[
        str | None, typer.Option("--client", help="Act as this client. [default: the first]")
    ] = None,
    data_dir: DataDir = HERE,
) -> None:
    """Import a bank's statements. The same file again changes nothing."""
    try:
        if mapping is None:
            found = read_camt053(file.read_bytes())
        elif account is None:
            end("CSV does not say whose it is: give --account", 2)
        else:
            columns = read_mapping(mapping.read_text(encoding="utf-8"))
            name = statement or file.name
            named = {"account": account, "statement": name, "currency": currency}
            found = [read_csv(file.read_bytes(), columns, **named)]
        importer = api_client.clients(data_dir.absolute(), client)[0]
        for one in found:
            _import(importer, one, account)
    except (BadFile, OSError, api_client.OperatorRefused, api_client.Unreachable) as reason:
        end(f"{file}: {reason}", 1)


def _import(importer: api_client.Client, one: Statement, account: str | None) -> None:
    body = one.as_sent() | ({} if account is None else {"bank_account_ref": account})
    content = json.dumps(body, sort_keys=True).encode()
    told = importer.send("/v1/bank-statements", body, f"bank:{sha256(content).hexdigest()}")
    out.print(
        f"hpts: {told['bank_account_ref']}, statement {told['statement_ref']}: "
        f"{told['line_count']} lines, in {told['total_in_minor']}, out {told['total_out_minor']} "
        "(minor units)"
    )
