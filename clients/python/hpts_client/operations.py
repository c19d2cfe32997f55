"""What the running ledger tells of itself: its state, what waits for an operator, its checks."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from hpts_client.results import Result


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


class DeliveryStatus(Result, frozen=True, kw_only=True):
    name: Literal["journal_topic", "webhooks"]
    lag_entries: int
    lag_seconds: int
    halted_partitions: list[int]
    halted_because: str | None


class OperationsStatus(Result, frozen=True, kw_only=True):
    status: Literal["running", "quarantined", "halted"]
    lag_commands: int
    lag_seconds: int
    dead_letter_count: int
    quarantined_count: int
    fenced_writer_count: int
    halted_partitions: list[int]
    partitions: list[PartitionStatus]
    deliveries: list[DeliveryStatus]


class Live(Result, frozen=True, kw_only=True):
    status: str
    version: str
    git_sha: str


class Ready(Result, frozen=True, kw_only=True):
    status: str
    warnings: dict[str, str] | None = None


class Finding(Result, frozen=True, kw_only=True):
    """Something that is not as the entries say; `cleared_at` None: it still stands."""

    finding_id: int
    kind: str
    detail: str
    partition_id: int | None
    entry_seq: int | None
    journal_entry_id: UUID | None
    loan_id: UUID | None
    account_code: str | None
    currency: str | None
    layer: str | None
    booked_on: date | None
    expected: str | None
    found: str | None
    found_at: datetime
    cleared_at: datetime | None


class Unmatched(Result, frozen=True, kw_only=True):
    """A movement of money that one side has, the bank or the ledger, and the other has not."""

    source: Literal["bank", "ledger"]
    bank_account_ref: str | None
    moved_on: date
    direction: Literal["in", "out"]
    amount_minor: int
    currency: str
    reference: str | None
    description: str | None
    journal_entry_id: UUID | None


class ReconciliationRun(Result, frozen=True, kw_only=True):
    run_id: int
    trigger: Literal["schedule", "request"]
    started_at: datetime
    finished_at: datetime
    status: Literal["ok", "mismatch", "incomplete"]
    incomplete_because: str | None
    finding_count: int
    findings: list[Finding]


class LedgerIntegrity(Result, frozen=True, kw_only=True):
    status: Literal["ok", "mismatch", "unknown"]
    mismatched_account_count: int
    checked_at: datetime | None


class BankReconciliation(Result, frozen=True, kw_only=True):
    bank_account_ref: str
    status: Literal["ok", "mismatch"]
    difference_minor: int
    currency: str
    unmatched_line_count: int
    unmatched_entry_count: int
    checked_at: datetime


class PortfolioRollup(Result, frozen=True, kw_only=True):
    status: Literal["ok", "mismatch", "unknown"]
    gl_principal_minor: int
    sum_of_loan_balances_minor: int
    currency: str | None
    checked_at: datetime | None


class ReconciliationStatus(Result, frozen=True, kw_only=True):
    as_of_date: date
    ledger_integrity: LedgerIntegrity
    bank_reconciliation: list[BankReconciliation]
    portfolio_rollup: PortfolioRollup
    findings: list[Finding]
