"""The engine's SQL, one statement a file, read once at import."""

from importlib.resources import files
from typing import Final

STATEMENTS: Final[dict[str, str]] = {
    file.name.removesuffix(".sql"): file.read_text().rstrip().rstrip(";")
    for file in (files("posting_engine") / "sql").iterdir()
    if file.name.endswith(".sql")
}
"""Statement name -> its text, without the closing semicolon."""
