"""`python -m hpts` and `hpts`: the command line."""

import os
import sys

import typer

from hpts.using import commands as using

_COMPLETING = "_HPTS_COMPLETE"


def main() -> None:
    """Run the command that the arguments name; ends the process."""
    if sys.argv[1:2] and sys.argv[1] in using.NAMES and _COMPLETING not in os.environ:
        app = typer.Typer(**using.LOOKS)
        using.register(app)
    else:
        from hpts.cli import app  # takes a second: it knows how to run everything
    app(prog_name="hpts")


if __name__ == "__main__":
    main()
