"""Where the ledger is and as whom to speak to it: HPTS_* variables, else a local stack's own file.

HPTS_API_URL, HPTS_TOKEN_URL, HPTS_CLIENT_ID, HPTS_CLIENT_SECRET
HPTS_CLIENT_CERT, HPTS_CLIENT_KEY, HPTS_CA_CERT     a partner's, where it has them
HPTS_DATA_DIR                                       of a stack on this machine; else `.hpts`
"""

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hpts_client.errors import ClientError
from hpts_client.exchange import Credentials
from hpts_client.transport import Certificate

_LOCAL_JSON: Final = "local.json"
_NEEDED: Final = ("HPTS_TOKEN_URL", "HPTS_CLIENT_ID", "HPTS_CLIENT_SECRET")


class NoConnection(ClientError):
    """What was given names no ledger. The message says what is missing."""


@dataclass(frozen=True, slots=True)
class Connection:
    """An API, and who we are there; `api_url` without /v1."""

    api_url: str
    credentials: Credentials
    certificate: Certificate | None = None


def connection(
    data_dir: Path | None = None,
    client_id: str | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    scopes: Collection[str] = (),
) -> Connection:
    """As the variables say where HPTS_API_URL is set, else of the stack that runs on a folder: as
    `client_id`, or as the first client that has all of `scopes`. Raises `NoConnection`.
    """
    if environment.get("HPTS_API_URL"):
        return _given(environment)
    folder = data_dir or Path(environment.get("HPTS_DATA_DIR") or ".hpts")
    return _local(folder, client_id, scopes)


def _given(environment: Mapping[str, str]) -> Connection:
    missing = [name for name in _NEEDED if not environment.get(name)]
    if missing:
        raise NoConnection(f"HPTS_API_URL is set, so set {', '.join(missing)}, too")
    for name in ("HPTS_API_URL", "HPTS_TOKEN_URL"):
        if not environment[name].startswith(("http://", "https://")):
            raise NoConnection(
                f"{name} is {environment[name]!r}: begin it with https:// (or http://)"
            )
    credentials = Credentials(*(environment[name] for name in _NEEDED))
    return Connection(environment["HPTS_API_URL"], credentials, _certificate(environment))


def _certificate(environment: Mapping[str, str]) -> Certificate | None:
    cert, key = environment.get("HPTS_CLIENT_CERT"), environment.get("HPTS_CLIENT_KEY")
    if not cert and not key:
        return None
    if not cert or not key:
        raise NoConnection("HPTS_CLIENT_CERT and HPTS_CLIENT_KEY belong together")
    return Certificate(cert, key, environment.get("HPTS_CA_CERT") or None)


def _local(folder: Path, client_id: str | None, scopes: Collection[str]) -> Connection:
    try:
        stack: dict[str, Any] = json.loads((folder / _LOCAL_JSON).read_text("utf-8"))
    except FileNotFoundError:
        raise NoConnection(
            f"nothing runs on {folder}: start it (`hpts up`), name its --data-dir or "
            "HPTS_DATA_DIR, or set HPTS_API_URL and what goes with it"
        ) from None
    known = stack["clients"]
    may = [c for c in known if set(scopes) <= set(c["scopes"]) and (client_id or not c["partner"])]
    chosen = next((c for c in may if client_id in (None, c["client_id"])), None)
    if chosen is None:
        names = ", ".join(str(c["client_id"]) for c in may) or "none"
        raise NoConnection(
            f"no client {client_id or ''} of the stack may do this; these may: {names}"
        )
    credentials = Credentials(stack["token_url"], chosen["client_id"], chosen["client_secret"])
    if not chosen["partner"]:
        return Connection(stack["api_url"], credentials)
    certificate = Certificate(stack["partner_cert"], stack["partner_key"], stack["ca_cert"])
    return Connection(stack["partner_api_url"], credentials, certificate)
