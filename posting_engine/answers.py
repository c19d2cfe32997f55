"""What Postgres answered, held against what was asked of it, before the commit. No driver here."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from posting_engine import metrics
from posting_engine.pages import Statement
from posting_engine.positions import DataRefused, Fenced, Position

_GUARDED: Final = {"update_loans": "loan_id", "accrue_loans": "loan_id"}
"""What must match as many rows as this parameter has elements."""


class Cursor(Protocol):
    """The answer to one statement."""

    @property
    def rowcount(self) -> int:
        """How many rows it found or wrote."""

    def fetchall(self) -> list[Any]:
        """The rows."""


def positions_from(found: Sequence[dict[str, Any]]) -> dict[int, Position]:
    """Partition -> position, from rows of `partitions`."""
    return {row["partition_id"]: Position(**row) for row in found}


def check_fence(statements: Sequence[Statement], cursors: Sequence[Cursor]) -> None:
    """The positions, moved by the first statement, must have been what we believed."""
    if cursors and cursors[0].rowcount != len(statements[0][1]["partition_ids"]):
        raise Fenced("another process has moved a position or taken a lease")


def check(statements: Sequence[Statement], cursors: Sequence[Cursor]) -> None:
    """Hold the answers against what was asked, before the commit."""
    check_fence(statements, cursors)
    for (name, parameters), cursor in zip(statements, cursors, strict=True):
        guarded = _GUARDED.get(name)
        if guarded is not None and cursor.rowcount != len(parameters[guarded]):
            raise Fenced("a loan was written by somebody else")
        if name == "check_balance" and (unbalanced := cursor.fetchall()):
            metrics.INVARIANT_BREAKS.labels(metrics.DOUBLE_ENTRY).inc()
            raise DataRefused(f"entries do not balance: {unbalanced}")


def told_by(error: Any) -> str:
    """What Postgres refused (the driver's error), without the rows that its detail quotes: others
    may read it.
    """
    message: str = error.diag.message_primary or str(error)
    return message if error.sqlstate is None else f"{message} ({error.sqlstate})"
