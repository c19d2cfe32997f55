"""What is wrong with the books, each fault with the place it was found at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

PLACES: Final = {
    "partition_id": "partition",
    "entry_seq": "entry",
    "journal_entry_id": "id",
    "line": "line",
    "tenant_id": "tenant",
    "loan_id": "loan",
    "account_code": "account",
    "currency": "currency",
    "layer": "layer",
    "day": "day",
    "command_id": "command",
    "reversed_entry_seq": "reversed entry",
    "checkpoint": "checkpoint",
}
"""Member of a place -> how it is called, in the order in which it is told."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault: `check` names what does not hold (docs/verification.md), `told` says how; `place`
    has members of `PLACES`.
    """

    check: str
    told: str
    place: Mapping[str, str | int] = field(default_factory=dict)

    def where(self) -> str:
        """The place, in words."""
        named = (
            f"{word} {self.place[name]}" for name, word in PLACES.items() if name in self.place
        )
        return ", ".join(named)

    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {"check": self.check, "told": self.told, **self.place}


def placed(row: Mapping[str, Any]) -> dict[str, str | int]:
    """The members of a place in a row of the database."""
    return {
        name: value if isinstance(value, int) else str(value)
        for name in PLACES
        if (value := row.get(name)) is not None
    }


@dataclass(slots=True)
class Report:
    """What a verification found. `notes` are no faults; `covered` counts the entries that a signed
    checkpoint covers.
    """

    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    partitions: int = 0
    entries: int = 0
    lines: int = 0
    covered: int = 0
    checkpoints: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def add(self, findings: Iterable[Finding], notes: Iterable[str] = ()) -> None:
        """Take faults and notes in."""
        self.findings += findings
        self.notes += notes
