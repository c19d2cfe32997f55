"""The write edge's SQL, one statement a file, read once at import."""

from importlib.resources import files
from typing import Final, LiteralString

SQL: Final[dict[str, LiteralString]] = {
    file.name.removesuffix(".sql"): file.read_text().rstrip().rstrip(";")
    for file in (files("ingress_api") / "sql").iterdir()
    if file.name.endswith(".sql")
}
"""Statement name -> its text, without the closing semicolon."""
