"""The published contract: one OpenAPI 3.1 document of both edges, checked in and never edited.

`hpts openapi` prints it, `hpts openapi --write` replaces `schemas/openapi.json`; a test fails
when the file and the code differ.
"""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from ingress_api import described as ingress
from read_api import described as read

TITLE: Final = "HPTS: the lending ledger"
VERSION: Final = "0.1.0"
CHECKED_IN: Final = Path(str(files("schemas") / "openapi.json"))


class Contradiction(Exception):
    """Both edges describe the same thing, each in its own way."""


def contract() -> str:
    """The whole contract as canonical JSON: members sorted, two spaces, a newline at the end."""
    documents = [edge.document(TITLE, VERSION) for edge in (ingress, read)]
    whole: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": VERSION},
        "servers": [{"url": "/"}],
        "paths": _merged([document["paths"] for document in documents]),
        "components": {
            kind: _merged([document["components"][kind] for document in documents])
            for kind in ("schemas", "headers", "securitySchemes")
        },
    }
    return json.dumps(whole, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def write(path: Path = CHECKED_IN) -> None:
    """Replace the checked-in contract by what the code says now."""
    path.write_text(contract(), encoding="utf-8")


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    whole: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            if whole.setdefault(name, value) != value:
                raise Contradiction(f"{name} is described twice and differently")
    return whole
