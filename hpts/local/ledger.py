"""What the local run itself asks of the ledger's database, as its administrator."""

import socket
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Final
from uuid import UUID

import psycopg
from psycopg.conninfo import make_conninfo

_TIMEOUT_S: Final = 3
_SQL: Final = files("hpts.local") / "sql"
_REGISTER_SIGNING_KEY: Final = (_SQL / "register_signing_key.sql").read_bytes()
_COUNT_UNSERVED: Final = (_SQL / "count_unserved.sql").read_bytes()


def as_role(admin_dsn: str, role: str, password: str) -> str:
    """The connection string of a service's role on the administrator's server."""
    return make_conninfo(admin_dsn, user=role, password=password)


def register_signing_key(
    admin_dsn: str, *, key_id: str, secret: Path, tenants: Sequence[UUID] | None = None
) -> None:
    """Put the key in the ring, for these tenants or for all; a folder that was moved gets its
    new place.
    """
    named = {"key_id": key_id, "secret_reference": f"file:{secret}"}
    with psycopg.connect(admin_dsn, connect_timeout=_TIMEOUT_S) as connection:
        connection.execute(
            _REGISTER_SIGNING_KEY, {**named, "tenants": None if tenants is None else list(tenants)}
        )


def is_served(admin_dsn: str, engine_pids: Iterable[int]) -> bool:
    """Whether engines among these processes hold every partition that is not halted."""
    owners = [f"{socket.gethostname()}/{pid}/" for pid in engine_pids]
    try:
        with psycopg.connect(admin_dsn, connect_timeout=_TIMEOUT_S) as connection:
            row = connection.execute(_COUNT_UNSERVED, {"owners": owners}).fetchone()
    except psycopg.OperationalError:
        return False
    return row is not None and row[0] == 0 and row[1] > 0
