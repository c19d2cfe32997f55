"""The commands of the log, as frozen values: what ingress accepts and the engine decides.

A command is complete: tenant, time, actor and rules version are in it, so deciding it needs no
clock and no configuration. Ids are not in it; they derive from it (`ids.derive`). Amounts are
`int` minor units; dates are the client's effective dates.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

RULES_VERSION: Final = 1
"""The posting rules that a command accepted today is decided by, whenever it is decided."""

WATERFALL_VERSION: Final = 1
"""The default order of allocation."""

WATERFALL_ORDERS: Final[dict[int, tuple[str, ...]]] = {
    1: ("fees", "interest", "principal"),
    2: ("interest", "fees", "principal"),
}
"""Waterfall version -> receivables, first paid first. A version is never changed, only added to.
What is left goes to suspense.
"""

MAX_ADJUSTMENT_LINES: Final = 200
LAYERS: Final = ("SETTLED", "PENDING", "ENCUMBRANCE")

AllocationMode = Literal["auto", "hold"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What every command carries.

    `idempotency_key` is the client's key, or `<key>/<step>` for a step of it; `fingerprint` is
    the SHA-256 of the validated payload; `accepted_at` (UTC) is ingress's acceptance of the
    first command; `actor` the OAuth client.
    """

    tenant_id: UUID
    idempotency_key: str
    fingerprint: bytes
    accepted_at: datetime
    actor: str
    rules_version: int = RULES_VERSION
    dry_run: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Remarks(Command):
    """A client's words on an event, stored and returned byte for byte."""

    description: str | None = None
    external_ref: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoanEvent(Remarks):
    """An event of one loan."""

    loan_id: UUID
    effective_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyEvent(LoanEvent):
    """An event of one loan that moves an amount (> 0)."""

    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disbursement(MoneyEvent):
    """Money is on its way to the borrower; the first one opens the loan."""

    borrower_id: UUID
    method: str
    destination_ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisbursementSettlement(Remarks):
    """The money has arrived. No amount: what of the disbursement is unsettled."""

    disbursement_event_id: UUID
    effective_on: date
    amount_minor: int | None = None
    currency: str | None = None
    loan_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment(MoneyEvent):
    """Cash came in for a loan. `hold` keeps all of it in suspense."""

    borrower_id: UUID
    source_method: str
    allocation: AllocationMode = "auto"
    waterfall_version: int = WATERFALL_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentAllocation(MoneyEvent):
    """Suspense meets what is owed: by the waterfall, or by a `split` (receivable -> minor units)
    that sums to the amount.
    """

    split: dict[str, int] | None = None
    waterfall_version: int = WATERFALL_VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReturn(Remarks):
    """The bank has taken a payment back."""

    payment_event_id: UUID
    return_code: str
    effective_on: date
    loan_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeAssessment(MoneyEvent):
    """A fee is owed."""

    fee_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeWaiver(MoneyEvent):
    """Part of the fees owed is let go."""

    reason_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeOff(LoanEvent):
    """Everything receivable is written off."""

    reason_code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery(MoneyEvent):
    """Cash came in for a loan that was charged off."""

    source_method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Restructure(LoanEvent):
    """Interest and fees owed become principal. Either amount may be zero, not both."""

    capitalize_interest_minor: int
    capitalize_fees_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinanceTerms(LoanEvent):
    """A new loan takes over what the loan owes. `currency` is that of an additional principal."""

    new_loan_id: UUID
    additional_principal_minor: int = 0
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refinance(RefinanceTerms):
    """First step, on the new loan's partition: the new loan's id is reserved, or it refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinancePayoff(RefinanceTerms):
    """Second step, on the old loan's partition: it is paid off, or refuses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinanceOpening(LoanEvent):
    """Last step, on the new loan's partition: it opens, owing `carried_minor` and the rest."""

    new_loan_id: UUID
    borrower_id: UUID
    carried_minor: int
    additional_principal_minor: int
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinanceRelease(Command):
    """Last step after a refusal, on the new loan's partition: its id is free again."""

    loan_id: UUID
    new_loan_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AccrualChunk(Command):
    """The loans of one partition in one chunk of an accrual batch: parallel packed arrays.

    `loan_ids` holds 16 bytes a loan, ascending; `principals` and `interests` 8 bytes a loan,
    big-endian signed minor units. The key is `<batch key>/<partition>/<n>`; every chunk carries
    the manifest of the whole batch, so a batch can be read from its outcomes alone.
    """

    program_id: UUID
    accrued_on: date
    day_count_convention: str
    currency: str
    require_principal_match: bool
    backfill: bool
    chunks_total: int
    loans_total: int
    interest_total_minor: int
    loan_ids: bytes
    principals: bytes
    interests: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal(Remarks):
    """Mirror an entry.

    `loan_id` of a one-loan reversal of an accrual, or as the client gave it. A whole batch is
    reversed by one command a part, keyed `<key>/<partition>/<part>`, with `part` and
    `chunks_total` set.
    """

    reverses_entry_id: UUID
    reason_code: str
    reason_description: str
    effective_on: date
    loan_id: UUID | None = None
    part: int | None = None
    chunks_total: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinanceMirror(LoanEvent):
    """Mirror a refinance, of which `loan_id` is the old loan."""

    new_loan_id: UUID
    reverses_entry_id: UUID
    reason_code: str
    reason_description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RefinanceReversal(RefinanceMirror):
    """First step, on the new loan's partition: the only one that can refuse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoffReversal(RefinanceMirror):
    """Last step, on the old loan's partition: what it owed is owed again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustmentLine:
    """One line as the client gave it."""

    account_code: str
    direction: str
    amount_minor: int
    currency: str
    layer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualAdjustment(Remarks):
    """Lines as given. With `borrower_id` it may open the loan, accrued through a date."""

    lines: tuple[AdjustmentLine, ...]
    reason_code: str
    effective_on: date
    loan_id: UUID | None = None
    borrower_id: UUID | None = None
    accrued_through: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodClose(Command):
    """Close the books through the last day of a month: decided on the tenant's own partition."""

    closed_through: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodClosed(Command):
    """The decision, for one partition; it cannot be refused."""

    closed_through: date
    partition_id: int


AnyCommand = (
    Disbursement
    | DisbursementSettlement
    | Payment
    | PaymentAllocation
    | PaymentReturn
    | AccrualChunk
    | FeeAssessment
    | FeeWaiver
    | ChargeOff
    | Recovery
    | Restructure
    | Refinance
    | RefinancePayoff
    | RefinanceOpening
    | RefinanceRelease
    | RefinanceReversal
    | PayoffReversal
    | Reversal
    | ManualAdjustment
    | PeriodClose
    | PeriodClosed
)

PART_OF_STEP: Final[dict[type, int]] = {
    RefinancePayoff: 0,
    RefinanceOpening: 1,
    RefinanceReversal: 1,
    PayoffReversal: 0,
}
"""Which part of a refinance's entry a step writes: 0 the old loan's, 1 the new loan's."""

FIRST_STEPS: Final = (Refinance, RefinanceReversal, PeriodClose)
"""What a client's request becomes when more steps follow from it."""

FOLLOWING_STEPS: Final = (
    RefinancePayoff,
    RefinanceOpening,
    RefinanceRelease,
    PayoffReversal,
    PeriodClosed,
)
"""What the engine itself sends; keyed `<key>/<step>`."""
