"""Which files are made from the code, and what stands in each. A test holds them equal."""

from collections.abc import Callable
from typing import Final

from hpts.reference import asyncapi, command_line, metrics, problems, settings

MADE: Final[dict[str, Callable[[], str]]] = {
    "docs/reference/command-line.md": command_line.page,
    "docs/reference/metrics.md": metrics.page,
    "docs/reference/problems.md": problems.page,
    "docs/reference/settings.md": settings.page,
    "docs/reference/topics.md": asyncapi.page,
    "schemas/asyncapi.yaml": asyncapi.document,
}


def texts() -> dict[str, str]:
    """File -> what must stand in it."""
    return {name: make() for name, make in MADE.items()}
