"""`hpts bench`: measures, by `python -m bench` of a checkout."""

import subprocess
import sys
from importlib.util import find_spec
from typing import Any, Final

import typer

from hpts.words import USAGE, end

PASSED_ON: Final[dict[str, Any]] = {"allow_extra_args": True, "ignore_unknown_options": True}
"""Of the command: what follows is not ours to judge."""


def bench(arguments: typer.Context) -> None:
    """Measure payments, reads and accruals; all that follows goes to `python -m bench`.

    `hpts bench --short` takes less than a minute; `hpts bench -- --help` says what else there is.
    """
    if find_spec("bench") is None:
        end("the benchmark comes with a checkout of the repository: run `make bench` there", USAGE)
    command = [sys.executable, "-m", "bench", *arguments.args]
    raise typer.Exit(subprocess.run(command, check=False).returncode)
