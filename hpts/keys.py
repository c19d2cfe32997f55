"""`hpts keys`: the ring of the keys that commands are signed with. Words for people.

A key is never deleted, and what it may do never grows: old records bear its signature.
"""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from hpts.database import DatabaseRefused, administrator
from hpts.words import HERE, AsJson, DataDir, end, out, servers
from schemas.signing import UnreadableSecret, resolve_secret

keys = typer.Typer(no_args_is_help=True, help="The keys that commands are signed with.")
KeyId = Annotated[str, typer.Argument(help="The key, as HPTS_SIGNING_KEY_ID names it.")]
_WIDTH: Final = 240
_INSTANTS: Final = ["%Y-%m-%dT%H:%M:%S%z"]


@keys.command("list")
def list_keys(*, data_dir: DataDir = HERE, as_json: AsJson = False) -> None:
    """Show the ring: whose commands each key may sign, from when, until when."""
    rows = _asked("list_signing_keys", data_dir)
    names = ("key_id", "secret_reference", "tenants", "valid_from", "valid_until", "is_in_force")
    found = [dict(zip(names, row, strict=True)) for row in rows]
    if as_json:
        print(json.dumps({"items": found}, indent=1, default=_as_text))
        return
    table = Table("key", "state", "from", "until", "tenants", "secret", box=None)
    for key in found:
        tenants = "all" if key["tenants"] is None else ", ".join(map(str, key["tenants"]))
        state = "in force" if key["is_in_force"] else "not in force"
        dates = (_as_text(key["valid_from"]), _as_text(key["valid_until"] or ""))
        table.add_row(key["key_id"], state, *dates, tenants, key["secret_reference"])
    Console(width=_WIDTH, soft_wrap=True, highlight=False, markup=False).print(table)


@keys.command()
def add(
    key_id: KeyId,
    *,
    secret: Annotated[
        str, typer.Option("--secret", help="file:PATH or env:NAME, as the services can read it.")
    ],
    tenants: Annotated[
        list[UUID] | None, typer.Option("--tenant", help="Only for this tenant; may be repeated.")
    ] = None,
    valid_from: Annotated[
        datetime | None, typer.Option("--from", formats=_INSTANTS, help="[default: now]")
    ] = None,
    data_dir: DataDir = HERE,
) -> None:
    """Put a key into the ring: what it signs from then on counts."""
    try:
        resolve_secret(secret)
    except UnreadableSecret as reason:
        out.print(f"hpts: {reason}; see to it that engine and ingress can read it where they run")
    parameters = {"secret_reference": secret, "tenants": tenants, "valid_from": valid_from}
    added = _asked("add_signing_key", data_dir, key_id=key_id, **parameters)
    if not added:
        end(f"there is a key {key_id} already, and keys never change", 1)
    out.print(f"hpts: {key_id} is valid from {_as_text(added[0][0])}")


@keys.command("end")
def end_key(
    key_id: KeyId,
    *,
    at: Annotated[
        datetime | None,
        typer.Option("--at", formats=_INSTANTS, help="[default, and at the earliest: in 20 s]"),
    ] = None,
    data_dir: DataDir = HERE,
) -> None:
    """Let a key end: what is appended to the log later with its signature is a dead letter.

    First restart whoever signs with it (engines, ingress) with the next one.
    """
    ended = _asked("end_signing_key", data_dir, key_id=key_id, valid_until=at)
    if not ended:
        end(f"no key {key_id} is in force until then: see `hpts keys list`", 1)
    out.print(f"hpts: {key_id} ends at {_as_text(ended[0][0])}")


def _asked(statement: str, data_dir: Path, **parameters: Any) -> Sequence[tuple[Any, ...]]:
    admin_dsn, _ = servers(data_dir)
    try:
        with administrator(admin_dsn) as database:
            return database.ask(statement, **parameters)
    except DatabaseRefused as reason:
        end(str(reason), 1)


def _as_text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
