"""What a planted fault is: a small change of our own source, and the tests that must notice it.

Data only. A change names the exact text that it replaces, which must stand in its file exactly
once: when the code moves, the fault says so instead of planting nothing.
"""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Moved(Exception):
    """The text that a change replaces is not, or not once, in its file."""


@dataclass(frozen=True, slots=True)
class Change:
    """One edit: `old`, which stands in `file` (from the root) exactly once, becomes `new`."""

    file: str
    old: str
    new: str

    def applied_to(self, text: str) -> str:
        """The file's text with the edit; raises `Moved`."""
        found = text.count(self.old)
        if found != 1:
            raise Moved(f"{self.file} has {found} times what is to be replaced: {self.old!r}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of the catalogue, planted.

    `row` is the catalogue's; `planted` one sentence; `caught_by` node ids of tests, of which at
    least one must fail while it is planted, by an assertion or by an error named in `errors`.
    """

    row: str
    planted: str
    changes: tuple[Change, ...]
    caught_by: tuple[str, ...]
    errors: tuple[str, ...] = ()


def changed(fault: Fault, root: Path = ROOT) -> dict[Path, str]:
    """The files that a fault changes, as they are while it is planted; raises `Moved`."""
    texts: dict[Path, str] = {}
    for change in fault.changes:
        path = root / change.file
        before = texts[path] if path in texts else path.read_text("utf-8")
        texts[path] = change.applied_to(before)
    return texts
