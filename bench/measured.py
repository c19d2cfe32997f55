"""One run of all parts: what they share, and the one table and the JSON file that they end in."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

Row = dict[str, Any]
"""One line of the table: `of`, and what was measured of it; see `COLUMNS`."""

COLUMNS: Final = (
    ("clients", "clients"),
    ("count", "done"),
    ("seconds", "s"),
    ("per_second", "a second"),
    ("p50_ms", "p50 ms"),
    ("p95_ms", "p95 ms"),
    ("p99_ms", "p99 ms"),
)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asked for."""

    seconds: float = 10.0
    loans: int = 20_000
    rate: int = 200
    ways: tuple[str, ...] = ("http", "kafka")
    sizes: tuple[int, ...] = (10_000, 100_000)
    engines: tuple[int, ...] = (1, 2, 4)
    nights: int = 5


@dataclass(slots=True)
class Bench:
    """A stack under measurement. `faults` are what must not happen, however slow the machine."""

    stack: dict[str, Any]
    token: str
    options: Options
    faults: list[str] = field(default_factory=list)

    @property
    def api(self) -> str:
        """The API's URL, without /v1."""
        return str(self.stack["api_url"])

    @property
    def dsn(self) -> str:
        """The database, as its administrator."""
        return str(self.stack["postgres_dsn"])

    @property
    def tenant_id(self) -> UUID:
        """The tenant of everything that is posted."""
        return UUID(self.stack["clients"][0]["tenant_id"])

    @property
    def processes(self) -> dict[str, list[int]]:
        """The stack's processes as they are now: one that died has been started again."""
        described = json.loads((Path(self.stack["data_dir"]) / "local.json").read_text())
        found: dict[str, list[int]] = described["processes"]
        return found

    def expect_no_refusal(self, of: str, other_answers: dict[int, int]) -> None:
        """Note what no slowness excuses; a 202 only says that the outcome took its time."""
        refused = {status: count for status, count in other_answers.items() if status != 202}
        self.expect(not refused, f"{of}: {refused}")

    def expect(self, is_so: bool, otherwise: str) -> None:
        """Note a fault."""
        if not is_so:
            self.faults.append(otherwise)


def print_table(rows: list[Row]) -> None:
    """All parts in one table; below each line what else was measured of it."""
    print(f"{'':<36}" + "".join(f"{title:>10}" for _, title in COLUMNS))
    for row in rows:
        cells = (row.get(name, "") for name, _ in COLUMNS)
        print(f"{row['of']:<36}" + "".join(f"{_told(cell):>10}" for cell in cells))
        for name, more in row.items():
            if isinstance(more, dict) and more:
                told = ", ".join(f"{part} {_told(one)}" for part, one in more.items() if one)
                print(f"    {name.replace('_', ' ')}: {told}")


def _told(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | float) else str(value)
