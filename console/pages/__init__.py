"""One module per page, or per pair of a list and its item."""

from importlib import import_module
from typing import Final

_PAGES: Final = (
    *("overview", "search", "loans", "loan", "journal", "trial_balance", "accruals", "periods"),
    *("webhooks", "quarantine", "reconciliation"),
)


def register() -> None:
    """Make every page known to NiceGUI: importing it does."""
    for name in _PAGES:
        import_module(f"{__name__}.{name}")
