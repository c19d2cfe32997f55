"""`hpts dev token`, `hpts dev tenant`: who to be while one develops. Words for people."""

import json
import shlex
from dataclasses import replace
from typing import Annotated
from uuid import uuid4

import typer

from hpts.api_client import OperatorRefused, local_json
from hpts.local.credentials import Credentials
from hpts.using.connected import As, Where, found, told
from hpts.words import HERE, USAGE, AsJson, end
from hpts_client import Client


def token(
    *,
    scope: Annotated[
        str | None, typer.Option(help="Only these scopes, separated by blanks. [default: all]")
    ] = None,
    client: As = None,
    data_dir: Where = HERE,
    as_json: AsJson = False,
) -> None:
    """Print an access token, for curl: -H "Authorization: Bearer $(hpts dev token)"."""
    where = found(data_dir, client)
    credentials = replace(where.credentials, scope=scope)
    with told(), Client.of(replace(where, credentials=credentials)) as api:
        given = api.token()
    print(json.dumps({"access_token": given}, indent=1) if as_json else given)


def tenant(
    name: Annotated[
        str | None, typer.Argument(help="Its client's id; one that is there is kept.")
    ] = None,
    *,
    data_dir: Where = HERE,
    as_json: AsJson = False,
) -> None:
    """Make a tenant whose books are empty, and print what a shell needs to act as it.

    eval "$(hpts dev tenant)"
    """
    folder = data_dir.absolute()
    try:
        stack = local_json(folder)
    except OperatorRefused as reason:
        end(f"{reason}: start it (`hpts up`), or name its --data-dir", USAGE)
    chosen = name or f"tenant-{uuid4().hex[:8]}"
    made = Credentials(folder / "secrets").add_tenant(chosen)
    variables = {
        "HPTS_API_URL": stack["api_url"],
        "HPTS_TOKEN_URL": stack["token_url"],
        "HPTS_CLIENT_ID": made["client_id"],
        "HPTS_CLIENT_SECRET": made["client_secret"],
    }
    if as_json:
        print(json.dumps({**variables, "tenant_id": made["tenant_id"]}, indent=1))
        return
    for variable, value in variables.items():
        print(f"export {variable}={shlex.quote(value)}")
