"""A ledger to break: what Postgres refuses is planted as a constraint that an administrator adds
(`REFUSED_MINOR` in a line), what the rules refuse as a rule more than ours (`breaks`). The product
knows of neither.
"""

from collections.abc import Callable
from datetime import date
from typing import Any
from uuid import UUID

import psycopg

from posting_engine.books import Books
from posting_engine.posting.decide import decide
from posting_engine.posting.journal import BrokenInvariant
from posting_engine.posting.page import Decision, Page, Place
from posting_engine.quarantine import Decide
from schemas import codec
from schemas.commands import AdjustmentLine, AnyCommand, ManualAdjustment
from schemas.quarantine import DeadLetter, Resolution
from tests import audit
from tests.books import ledger
from tests.books.ledger import Engine, LogOfCommands, loan_number, owner_of

REFUSED_MINOR = 7_77
BREAKING_MINOR = 6_66
HOME = owner_of(loan_number(1))
AT_HOME = [loan for n in range(80) if owner_of(loan := loan_number(n)) == HOME]
LOAN, OTHER = AT_HOME[:2]
Made = Callable[[], tuple[str, str]]


def breaks(command: AnyCommand, place: Place, page: Page) -> Decision:
    """Our rules, and one that nobody can keep."""
    if getattr(command, "amount_minor", None) == BREAKING_MINOR:
        raise BrokenInvariant("a rule of a test would be broken")
    if getattr(command, "amount_minor", None) == BREAKING_MINOR + 1:
        raise KeyError("a bug of a test")
    return decide(command, place, page)


class Case:
    """A ledger whose Postgres refuses `REFUSED_MINOR`, with its log."""

    def __init__(self, dsns: tuple[str, str], rule: Decide = breaks) -> None:
        self.dsn, engine_dsn = dsns
        self.books = Books(engine_dsn)
        self.engine = Engine(self.books, rule)
        self.log = LogOfCommands()
        self.run(
            "ALTER TABLE hpts.journal_lines ADD CONSTRAINT planted CHECK (amount_minor <> 777)"
        )

    def run(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Run a statement as the administrator."""
        with psycopg.connect(self.dsn) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description is not None else []

    def mend(self) -> None:
        """Let Postgres take everything again."""
        self.run("ALTER TABLE hpts.journal_lines DROP CONSTRAINT planted")

    def end(self) -> None:
        """Whatever was held, rejected or resumed, the books of what has posted are sound."""
        counted = self.run("SELECT sum(quarantined_count)::int FROM hpts.partitions")
        assert counted == [(len(self.waiting()),)]
        self.books.close()
        assert audit.faults_of_books(self.dsn) == []

    def take(self, *commands: AnyCommand | Resolution) -> None:
        """Append commands to the home partition and apply them as one batch."""
        for command in commands:
            self.log.append(HOME, command)
        self.engine.apply(self.log.records[-len(commands) :])

    def outcome(self, key: str) -> tuple[str, dict[str, Any]] | None:
        """Status and result of a command; None while it has no outcome."""
        rows = self.run(
            "SELECT status, result FROM hpts.command_outcomes WHERE idempotency_key = %s", key
        )
        assert len(rows) <= 1
        return rows[0] if rows else None

    def status(self, key: str) -> str | None:
        found = self.outcome(key)
        return None if found is None else found[0]

    def code(self, key: str) -> str:
        found = self.outcome(key)
        assert found is not None
        return str(found[1]["code"])

    def waiting(self) -> list[tuple[str, bool]]:
        """(key, whether it broke itself) of what waits, in order."""
        rows = self.run(
            "SELECT idempotency_key, reason IS NOT NULL FROM hpts.quarantined_commands "
            "ORDER BY command_offset, loan_id"
        )
        return [(key, is_broken) for key, is_broken in rows]

    def is_quarantined(self, loan_id: UUID) -> bool:
        rows = self.run("SELECT quarantined FROM hpts.loans WHERE loan_id = %s", loan_id)
        return bool(rows and rows[0][0])

    def row_of(self, key: str) -> Any:
        """What waits under a key."""
        return next(r for r in self.engine.waiting.values() if r.idempotency_key == key)

    def published(self) -> list[DeadLetter]:
        """The messages queued for the dead letters topic."""
        rows = self.run("SELECT record_value FROM hpts.outgoing_dead_letters ORDER BY outgoing_seq")
        letters = [codec.decode(value) for (value,) in rows]
        return [letter for letter in letters if isinstance(letter, DeadLetter)]


def adjustment(key: str, amount_minor: int) -> ManualAdjustment:
    """A correction of income that concerns no loan."""
    lines = tuple(
        AdjustmentLine(
            account_code=code,
            direction=side,
            amount_minor=amount_minor,
            currency="USD",
            layer="SETTLED",
        )
        for code, side in (("5000", "DR"), ("3000", "CR"))
    )
    return ManualAdjustment(
        **ledger.envelope(key),
        lines=lines,
        reason_code="correction",
        effective_on=date(2026, 2, 1),
    )
