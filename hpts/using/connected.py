"""A client for a command, and its errors as words: which ledger, as whom, what was refused."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer

from hpts.words import USAGE, end
from hpts_client import (
    Client,
    Connection,
    NoConnection,
    Patience,
    Refused,
    Stalled,
    Unreachable,
    connection,
)
from schemas.currencies import MINOR_UNITS

As = Annotated[
    str | None,
    typer.Option("--client", help="Act as this client of the stack. [default: the first that may]"),
]
Where = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        envvar="HPTS_DATA_DIR",
        help="The running stack, unless HPTS_API_URL names another.",
    ),
]
PATIENCE: Final = Patience(give_up_after_s=30.0)
_AGAIN: Final = "What it posts may be posted by now: run it again, the same key never posts twice."


def found(data_dir: Path, client_id: str | None, scopes: tuple[str, ...] = ()) -> Connection:
    """Where to and as whom; ends the process with `USAGE` where that is not known."""
    try:
        return connection(data_dir.absolute(), client_id, scopes=scopes)
    except NoConnection as reason:
        end(str(reason), USAGE)


@contextmanager
def told() -> Iterator[None]:
    """What the SDK raises inside ends the process with 1, in words that say what to do."""
    try:
        yield
    except Refused as refused:
        lines = [str(refused), *refused.faults]
        if refused.code == "insufficient_scope":
            lines.append("Act as a client that may: --client, or HPTS_CLIENT_ID and its secret.")
        elif refused.code == "invalid_client":
            lines.append("Are HPTS_CLIENT_ID and HPTS_CLIENT_SECRET those of HPTS_TOKEN_URL?")
        elif refused.document.get("type"):
            lines.append(f"What it means: GET {refused.document['type']}")
        end("\n".join(lines), 1)
    except Unreachable as reason:
        end(f"{reason}\nIs it running? `hpts status`, or `hpts doctor`. {_AGAIN}", 1)
    except Stalled as reason:
        end(f"{reason}\n{_AGAIN}", 1)


@contextmanager
def ledger(data_dir: Path, client_id: str | None, scopes: tuple[str, ...] = ()) -> Iterator[Client]:
    """A client; what it raises ends the process in words."""
    with told(), Client.of(found(data_dir, client_id, scopes), PATIENCE) as client:
        yield client


def amount(minor: int, currency: str) -> str:
    """An amount as people write it: 1,000.00."""
    places = MINOR_UNITS.get(currency, 0)
    sign, digits = ("-" if minor < 0 else ""), str(abs(minor)).rjust(places + 1, "0")
    whole, part = (digits[:-places], digits[-places:]) if places else (digits, "")
    return f"{sign}{int(whole):,}" + (f".{part}" if part else "")
