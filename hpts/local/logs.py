"""The children's logs: `DATA_DIR/logs/NAME.log`, what went into them last, and our notes there."""

import json
import sys
from pathlib import Path
from typing import Final

_TAIL_LINES: Final = 15


class Logs:
    """The logs below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        """The file that the child's output is appended to."""
        return self._folder / f"{name}.log"

    def tail(self, name: str) -> str:
        """The last lines, indented, and where to find the rest."""
        try:
            lines = self.path(name).read_text(encoding="utf-8", errors="replace").splitlines()
        except FileNotFoundError:
            lines = []
        return "\n".join(f"    {line}" for line in [*lines[-_TAIL_LINES:], f"({self.path(name)})"])

    def note(self, name: str, message: str) -> None:
        """Say something about a child, in its log and on standard error."""
        line = json.dumps({"event": message, "level": "warning", "logger": "supervisor"})
        with self.path(name).open("a", encoding="utf-8") as log:
            log.write(line + "\n")
        print(f"hpts: {message}", file=sys.stderr, flush=True)
