"""What the API answers, typed. Money is `int` in minor units, ids are UUIDs, dates are dates.

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


class Posting(Result, frozen=True, kw_only=True):
    """What every posted event tells; `dry_run` where nothing was posted."""

    journal_entry_id: UUID
    posted_at: datetime
    correlation_id: UUID
    dry_run: bool = False


class LoanPosting(Posting, frozen=True, kw_only=True):
    balance: LoanBalance


class DisbursementResult(LoanPosting, frozen=True, kw_only=True):
    disbursement_event_id: UUID


class DisbursementSettlementResult(LoanPosting, frozen=True, kw_only=True):
    settlement_event_id: UUID


class Explained(Result, frozen=True, kw_only=True):
    receivable: Literal["fees", "interest", "principal"]
    owed_minor: int
    applied_minor: int
    rule: str


class Parts(Result, frozen=True, kw_only=True):
    fees_minor: int
    interest_minor: int
    principal_minor: int
    suspense_minor: int


class Allocation(Parts, frozen=True, kw_only=True):
    explained: list[Explained]


class PaymentResult(LoanPosting, frozen=True, kw_only=True):
    payment_event_id: UUID
    allocation: Allocation


class PaymentAllocationResult(LoanPosting, frozen=True, kw_only=True):
    allocation_event_id: UUID
    allocation: Allocation


class PaymentReturnResult(LoanPosting, frozen=True, kw_only=True):
    return_event_id: UUID
    reverses_entry_id: UUID
    debited: Parts


class FeeResult(LoanPosting, frozen=True, kw_only=True):
    fee_event_id: UUID


class FeeWaiverResult(LoanPosting, frozen=True, kw_only=True):
    waiver_event_id: UUID


class ChargeOffResult(LoanPosting, frozen=True, kw_only=True):
    chargeoff_event_id: UUID


class RecoveryResult(LoanPosting, frozen=True, kw_only=True):
    recovery_event_id: UUID


class RestructureResult(LoanPosting, frozen=True, kw_only=True):
    restructure_event_id: UUID


class RefinanceResult(Posting, frozen=True, kw_only=True):
    refinance_event_id: UUID
    balances: list[LoanBalance]
    disbursement_event_id: UUID | None = None


class ReversalResult(Posting, frozen=True, kw_only=True):
    """Of one loan's entry `balance`, of a refinance `balances`, of a batch the counts."""

    reverses_entry_id: UUID
    balance: LoanBalance | None = None
    balances: list[LoanBalance] | None = None
    debited: Parts | None = None
    moved_to_suspense_minor: int | None = None
    accrual_event_id: UUID | None = None
    loan_count: int | None = None
    rejected_count: int | None = None
    total_reversed_minor: int | None = None


class ManualAdjustmentResult(Posting, frozen=True, kw_only=True):
    adjustment_event_id: UUID
    balance: LoanBalance | None = None


class AccrualBatchResult(Result, frozen=True, kw_only=True):
    accrual_event_id: UUID
    journal_entry_id: UUID | None
    correlation_id: UUID
    loan_count: int
    rejected_count: int
    principal_mismatch_count: int
    total_accrued_minor: int
    posted_at: datetime


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


class PeriodCloseResult(Result, frozen=True, kw_only=True):
    period: str
    status: str
    closed_at: datetime
    correlation_id: UUID


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


class Pending(Result, frozen=True, kw_only=True):
    command_id: UUID
    status: Literal["pending", "quarantined"]
    accrual_event_id: UUID | None = None


class CommandState(Result, frozen=True, kw_only=True):
    """`result` as the POST's own answer would be, `problem` where it was refused."""

    command_id: UUID
    status: Literal["pending", "posted", "rejected", "quarantined"]
    result: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None


class QuarantinedCommand(Result, frozen=True, kw_only=True):
    command_id: UUID
    command_type: str
    correlation_id: UUID
    idempotency_key: str
    loan_id: UUID | None
    partition_id: int
    command_offset: int
    appended_at: datetime
    quarantined_at: datetime
    reason: str | None
    is_answered: bool


class ResolvedCommand(Result, frozen=True, kw_only=True):
    command_id: UUID
    command_type: str
    status: Literal["posted", "rejected", "quarantined"]
    code: str | None = None


class QuarantineResult(Result, frozen=True, kw_only=True):
    command_id: UUID
    correlation_id: UUID
    posted_at: datetime
    commands: list[ResolvedCommand]
    waiting_count: int


class DeadLetter(Result, frozen=True, kw_only=True):
    partition_id: int
    command_offset: int
    appended_at: datetime
    claimed_type: str | None
    reason: str
    key: str | None
    value_beginning: str | None
    value_length: int
    headers: list[dict[str, str]]


class PartitionStatus(Result, frozen=True, kw_only=True):
    partition_id: int
    next_offset: int
    last_entry_seq: int
    lag_commands: int | None
    lag_seconds: int
    held_back_commands: int | None
    halted_because: str | None
    quarantined_count: int
    fenced_writer_count: int
    lease_epoch: int
    lease_taken_at: datetime | None
    reached_at: datetime


class OperationsStatus(Result, frozen=True, kw_only=True):
    status: Literal["running", "quarantined", "halted"]
    lag_commands: int
    lag_seconds: int
    dead_letter_count: int
    quarantined_count: int
    fenced_writer_count: int
    halted_partitions: list[int]
    partitions: list[PartitionStatus]


class Live(Result, frozen=True, kw_only=True):
    status: str
    version: str
    git_sha: str


class Ready(Result, frozen=True, kw_only=True):
    status: str
    warnings: dict[str, str] | None = None


class LedgerIntegrity(Result, frozen=True, kw_only=True):
    status: str
    mismatched_account_count: int
    checked_at: datetime | None


class BankReconciliation(Result, frozen=True, kw_only=True):
    bank_account_ref: str
    status: str
    difference_minor: int


class PortfolioRollup(Result, frozen=True, kw_only=True):
    status: str
    gl_principal_minor: int
    sum_of_loan_balances_minor: int


class ReconciliationStatus(Result, frozen=True, kw_only=True):
    as_of_date: date
    ledger_integrity: LedgerIntegrity
    bank_reconciliation: list[BankReconciliation]
    portfolio_rollup: PortfolioRollup


class WebhookEndpoint(Result, frozen=True, kw_only=True):
    """`secret` is told once: by the POST that makes the endpoint, or a new secret."""

    webhook_endpoint_id: UUID
    url: str | None = None
    event_types: list[str] | None = None
    description: str | None = None
    secret: str | None = None
