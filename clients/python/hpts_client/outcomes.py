"""What postings answer, typed: the event, its entry, and the loan's balance after it."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from hpts_client.results import LoanBalance, Result


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


class PeriodCloseResult(Result, frozen=True, kw_only=True):
    period: str
    status: str
    closed_at: datetime
    correlation_id: UUID


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


class WebhookEndpoint(Result, frozen=True, kw_only=True):
    """`event_types` None: told of every entry."""

    webhook_endpoint_id: UUID
    url: str
    event_types: list[str] | None
    description: str | None
    status: Literal["enabled", "disabled"]
    disabled_because: str | None
    created_at: datetime


class NewEndpoint(WebhookEndpoint, frozen=True, kw_only=True):
    """`secret` is told once, and never by a replay of the request."""

    secret: str | None = None


class WebhookSecret(Result, frozen=True, kw_only=True):
    """Until `previous_secret_until` both sign. `secret` is told once."""

    webhook_endpoint_id: UUID
    previous_secret_until: datetime
    secret: str | None = None


class WebhookReplayResult(Result, frozen=True, kw_only=True, rename={"since": "from"}):
    webhook_replay_id: UUID
    webhook_endpoint_id: UUID
    since: datetime
    requested_at: datetime


class Attempt(Result, frozen=True, kw_only=True):
    attempted_at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None


class Delivery(Result, frozen=True, kw_only=True):
    """What became of one entry at one endpoint, with every attempt."""

    journal_entry_id: UUID
    event_type: str
    occurred_at: datetime
    correlation_id: UUID
    status: Literal["pending", "delivered", "exhausted", "dropped"]
    queued_at: datetime
    finished_at: datetime | None
    next_attempt_at: datetime | None
    attempts: list[Attempt]


class BankStatementResult(Result, frozen=True, kw_only=True):
    bank_statement_id: UUID
    bank_account_ref: str
    statement_ref: str
    line_count: int
    total_in_minor: int
    total_out_minor: int
