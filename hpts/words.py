"""What commands share: their options, their consoles, where they find servers, how they end."""

import os
from pathlib import Path
from typing import Annotated, Final, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console

from hpts.local import control
from schemas.kafka_security import KafkaSecurity, Security

USAGE: Final = 2
"""The exit status where the command line cannot be carried out as given."""
HERE: Final = Path(".hpts")
DataDir = Annotated[
    Path, typer.Option("--data-dir", envvar="HPTS_DATA_DIR", help="Where everything is kept.")
]
AsJson = Annotated[bool, typer.Option("--json", help="For scripts.")]
out: Final = Console(soft_wrap=True, highlight=False, markup=False)
err: Final = Console(soft_wrap=True, highlight=False, markup=False, stderr=True)


def end(reason: str, status: int) -> NoReturn:
    """Say why on standard error, and end the process."""
    err.print(f"hpts: {reason}")
    raise typer.Exit(status) from None


def kafka_security() -> Security:
    """How to connect to Kafka, from HPTS_KAFKA_*; ends the process where they make no sense."""
    try:
        return KafkaSecurity().kafka_security
    except ValidationError as error:
        end("; ".join(str(fault["msg"]) for fault in error.errors()), USAGE)
    except OSError as error:
        end(f"HPTS_KAFKA_SASL_PASSWORD_FILE: {error}", USAGE)


def servers(data_dir: Path) -> tuple[str, str]:
    """The administrator's connection and the Kafka bootstrap: those HPTS_* names, else the data
    folder's; ends the process with `USAGE` where there are none.
    """
    found = control.servers(data_dir.absolute(), os.environ)
    if found is None:
        end(
            "set HPTS_POSTGRES_DSN and HPTS_KAFKA_BOOTSTRAP, or name the --data-dir of a running "
            f"stack (nothing runs on {data_dir})",
            USAGE,
        )
    return found
