"""What the witness finds: each names what it is about, what was expected, and what stands there."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Final
from uuid import UUID


class Kind(StrEnum):
    """The kinds of findings."""

    LOAN_BALANCE = "loan_balance_differs"
    ACCOUNT_DAY = "account_day_differs"
    ENTRY = "entry_differs"
    ENTRY_MISSING = "entry_missing"
    ROLLUP = "portfolio_differs"
    CLEARING = "refinance_clearing_open"
    KEY_TWICE = "key_on_two_partitions"
    BOOKS_BEHIND = "books_behind"
    EVENT_MISSING = "event_missing"
    UNREADABLE = "message_unreadable"
    MORE = "more_findings"


MOST_NAMED: Final = 500
"""Findings that one check names; how many more there are is a finding, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One. `subject` is what it is about: the same thing found again is the same finding."""

    kind: Kind
    subject: str
    detail: str
    tenant_id: UUID | None = None
    partition_id: int | None = None
    entry_seq: int | None = None
    journal_entry_id: UUID | None = None
    loan_id: UUID | None = None
    account_code: str | None = None
    currency: str | None = None
    layer: str | None = None
    booked_on: date | None = None
    expected: str | None = None
    found: str | None = None

    def told(self) -> dict[str, Any]:
        """Its members that are known, as a log line has them."""
        members = ((name, getattr(self, name)) for name in self.__dataclass_fields__)
        return {name: str(value) for name, value in members if value is not None}


@dataclass(frozen=True, slots=True)
class Standing:
    """A finding that stands from earlier, as far as is needed to clear it."""

    subject: str
    kind: str
    partition_id: int | None
    entry_seq: int | None
