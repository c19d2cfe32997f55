"""Journal entries: lines in debits and credits that cannot be built unbalanced.

Nothing here knows of loans' states or commands; amounts are `int` minor units, always > 0.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

from schemas.chart_of_accounts import CHART, Account

Direction = Literal["DR", "CR"]
SETTLED: Final = "SETTLED"


class BrokenInvariant(Exception):
    """A rule of the ledger would not hold. Never caused by a client: a bug, or a damaged log."""


@dataclass(frozen=True, slots=True)
class Line:
    """One debit or credit of one account, in one currency and layer."""

    account_code: str
    direction: Direction
    amount_minor: int
    currency: str
    loan_id: UUID | None = None
    borrower_id: UUID | None = None
    external_ref: str | None = None
    layer: str = SETTLED

    @property
    def signed_minor(self) -> int:
        """The amount as a debit: a credit is negative."""
        return self.amount_minor if self.direction == "DR" else -self.amount_minor

    def mirrored(self, external_ref: str | None = None) -> "Line":
        """The same line with its side swapped, by another reference where one is given."""
        return Line(
            self.account_code,
            "CR" if self.direction == "DR" else "DR",
            self.amount_minor,
            self.currency,
            self.loan_id,
            self.borrower_id,
            external_ref or self.external_ref,
            self.layer,
        )


@dataclass(frozen=True, slots=True)
class Subject:
    """What the lines of an entry concern: their currency, loan, borrower, reference."""

    currency: str
    loan_id: UUID | None = None
    borrower_id: UUID | None = None
    external_ref: str | None = None


def debit(account: Account, amount_minor: int, subject: Subject) -> Line:
    """A debit line."""
    return _line(account, "DR", amount_minor, subject)


def credit(account: Account, amount_minor: int, subject: Subject) -> Line:
    """A credit line."""
    return _line(account, "CR", amount_minor, subject)


def _line(account: Account, direction: Direction, amount_minor: int, subject: Subject) -> Line:
    return Line(
        account.code,
        direction,
        amount_minor,
        subject.currency,
        subject.loan_id,
        subject.borrower_id,
        subject.external_ref,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A journal entry, or one part of an entry in parts; balanced per currency and layer.

    `effective_on` is when it counts for the loan, `booked_on` the day it counts for the general
    ledger, `posted_at` when the ledger learned it. `metadata` is the client's own, `details` the
    event's codes and words (reason, method, fee type). Raises `BrokenInvariant` when unbalanced,
    with fewer than two lines, with a line that is not > 0, or on an unknown account.
    """

    tenant_id: UUID
    journal_entry_id: UUID
    part: int
    event_type: str
    event_id: UUID
    effective_on: date
    booked_on: date
    posted_at: datetime
    correlation_id: UUID
    actor: str
    lines: tuple[Line, ...]
    reverses_entry_id: UUID | None = None
    reverses_part: int | None = None
    description: str | None = None
    metadata: dict[str, str]
    details: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.lines) < 2:
            raise BrokenInvariant(f"entry {self.journal_entry_id} has fewer than two lines")
        difference_minor: dict[tuple[str, str], int] = defaultdict(int)
        for line in self.lines:
            if line.amount_minor <= 0 or line.account_code not in CHART:
                raise BrokenInvariant(f"entry {self.journal_entry_id} has an impossible line")
            difference_minor[line.currency, line.layer] += line.signed_minor
        if any(difference_minor.values()):
            raise BrokenInvariant(f"entry {self.journal_entry_id} does not balance")
