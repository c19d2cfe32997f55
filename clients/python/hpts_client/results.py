"""What reads of the books answer, typed: money is `int` of minor units, ids are UUIDs, days dates.

A member that a later release adds is passed over, so an older client goes on working.
"""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

Layer = Literal["SETTLED", "PENDING", "ENCUMBRANCE"]
Direction = Literal["DR", "CR"]


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON object of an answer."""


class LoanBalance(Result, frozen=True, kw_only=True):
    loan_id: UUID
    currency: str
    as_of_date: date
    principal_outstanding_minor: int
    interest_receivable_minor: int
    fees_receivable_minor: int
    total_exposure_minor: int
    suspense_minor: int
    status: str
    borrower_id: UUID
    last_activity_at: datetime | None


class Loan(LoanBalance, frozen=True, kw_only=True):
    opened_on: date
    accrued_through: date | None
    unsettled_minor: int
    collected_principal_minor: int
    collected_interest_minor: int
    collected_fees_minor: int
    recovered_minor: int
    quarantined: bool


class AccrualProgress(Result, frozen=True, kw_only=True):
    accrual_event_id: UUID
    status: Literal["posting", "posted", "posted_with_rejections"]
    correlation_id: UUID
    journal_entry_id: UUID | None
    loan_count: int
    rejected_count: int
    principal_mismatch_count: int
    total_accrued_minor: int
    chunks_done: int
    chunks_total: int
    posted_at: datetime | None
    accepted_at: datetime | None = None
    accrual_date: date | None = None
    currency: str | None = None
    program_id: UUID | None = None
    expected_loan_count: int | None = None
    expected_total_minor: int | None = None
    rejected_total_minor: int | None = None


class Rejection(Result, frozen=True, kw_only=True):
    loan_id: UUID
    code: str
    step: Literal["accrual", "reversal"]


class Period(Result, frozen=True, kw_only=True):
    period: str
    status: Literal["open", "closing", "closed"]
    closed_at: datetime | None


class Line(Result, frozen=True, kw_only=True):
    sequence: int
    account_code: str
    direction: Direction
    amount_minor: int
    currency: str
    layer: Layer
    loan_id: UUID | None
    borrower_id: UUID | None
    external_ref: str | None


class Entry(Result, frozen=True, kw_only=True):
    """What an entry and a part of one have in common."""

    journal_entry_id: UUID
    event_type: str
    effective_at: date
    posted_at: datetime
    correlation_id: UUID
    actor: str
    lines: list[Line]
    description: str | None
    reverses_entry_id: UUID | None
    reversed_by_entry_id: UUID | None
    metadata: dict[str, str]
    details: dict[str, Any]


class JournalEntry(Entry, frozen=True, kw_only=True):
    """An entry; of one with over 1,000 lines the first ones (`queries.LinesOf` has all)."""

    next_page_token: str | None = None


class JournalEntryPart(Entry, frozen=True, kw_only=True):
    """One part of an entry; 0 where it has but one."""

    part: int


class StatementBalance(Result, frozen=True, kw_only=True):
    principal_outstanding_minor: int
    interest_receivable_minor: int
    fees_receivable_minor: int
    total_exposure_minor: int
    suspense_minor: int


class StatementEntry(Result, frozen=True, kw_only=True):
    journal_entry_id: UUID
    event_type: str
    effective_at: date
    posted_at: datetime
    lines: list[Line]
    balance: StatementBalance
    description: str | None
    external_ref: str | None
    reverses_entry_id: UUID | None
    reversed_by_entry_id: UUID | None


class LoanStatement(Result, frozen=True, kw_only=True):
    loan_id: UUID
    borrower_id: UUID
    currency: str
    from_date: date
    to_date: date
    opening_balance: StatementBalance
    entries: list[StatementEntry]
    closing_balance: StatementBalance


class AccountBalance(Result, frozen=True, kw_only=True):
    account_code: str
    account_name: str
    currency: str
    layer: Layer
    as_of_date: date
    dr_balance_minor: int
    cr_balance_minor: int
    normal_balance_minor: int


class TrialBalanceRow(Result, frozen=True, kw_only=True):
    account_code: str
    account_name: str
    currency: str
    layer: Layer
    dr_balance_minor: int
    cr_balance_minor: int


class TrialBalanceTotal(Result, frozen=True, kw_only=True):
    currency: str
    layer: Layer
    dr_balance_minor: int
    cr_balance_minor: int


class TrialBalance(Result, frozen=True, kw_only=True):
    as_of_date: date
    known_at: datetime | None
    items: list[TrialBalanceRow]
    totals: list[TrialBalanceTotal]


class Account(Result, frozen=True, kw_only=True):
    account_code: str
    account_name: str
    normal_side: Direction


class ChartOfAccounts(Result, frozen=True, kw_only=True):
    items: list[Account]
