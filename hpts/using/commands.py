"""The commands of those who use the ledger; they need neither its servers nor its services.

`hpts post` is typed by people and called by scripts, so it must not take a second to say hello:
`main` carries these out without importing what runs the ledger.
"""

from typing import Any, Final

import typer

from hpts import developing
from hpts.using import benching, journal, posting, reading, tokens, webhooks

dev: Final = typer.Typer(no_args_is_help=True, help="For development, never for production.")
dev.command()(tokens.token)
dev.command()(tokens.tenant)
dev.command()(developing.pki)

NAMES: Final = ("post", "balance", "journal", "trial-balance", "tail", "webhooks", "bench", "dev")
LOOKS: Final[dict[str, Any]] = {
    "no_args_is_help": True,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": "markdown",  # else [default: ...] in a help text is taken for a style
    "help": "HPTS, a lending ledger: run it on this machine, and look after it.",
}


def register(app: typer.Typer) -> None:
    """Add them to a command line."""
    app.command()(posting.post)
    app.command()(reading.balance)
    app.command()(journal.journal)
    app.command("trial-balance")(reading.trial_balance)
    app.command()(journal.tail)
    app.add_typer(webhooks.webhooks, name="webhooks")
    app.command(context_settings=benching.PASSED_ON)(benching.bench)
    app.add_typer(dev, name="dev")
