"""What can be posted: a frozen value for each route. Members are the contract's own, money is
`int` in minor units, and what is None is not sent.

    client.post(Fee(loan_id=loan, amount_minor=25_00, currency="USD", fee_type="late",
                    effective_at=date(2026, 2, 1)), key="fee:loan_42:2026-02")
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from typing import Any, ClassVar, Generic, Literal, TypeVar, get_args
from uuid import UUID

from hpts_client import outcomes
from hpts_client.members import in_path, spelled
from hpts_client.results import Direction, Layer

R = TypeVar("R", covariant=True)
Id = UUID | str
Day = date | str
Method = Literal["ach", "wire", "card", "check", "cash", "book", "other"]


@dataclass(frozen=True, kw_only=True)
class Command(Generic[R]):
    """Something to post, whose answer is an `R`."""

    route: ClassVar[str]
    result: ClassVar[Any]
    verb: ClassVar[str] = "POST"
    renamed: ClassVar[Mapping[str, str]] = {}
    """Members that Python has another name for, because theirs is a word of the language."""

    def __init_subclass__(cls) -> None:
        named = get_args(cls.__orig_bases__[0])  # type: ignore[attr-defined]
        if named and not isinstance(named[0], TypeVar):
            cls.result = named[0]

    @property
    def path(self) -> str:
        """Below `/v1`."""
        return self.route.format_map(vars(self))

    def body(self) -> bytes:
        """The JSON that is sent. The same command gives the same bytes."""
        members = _members(self, without=in_path(self.route))
        named = {self.renamed.get(name, name): value for name, value in members.items()}
        return json.dumps(named).encode()


def _members(value: Any, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for one in fields(value):
        given = getattr(value, one.name)
        if given is None or one.name in without:
            continue
        if is_dataclass(given):
            found[one.name] = _members(given)
        elif isinstance(given, Sequence) and not isinstance(given, str):
            found[one.name] = [_members(x) if is_dataclass(x) else x for x in given]
        else:
            found[one.name] = spelled(one.name, given)
    return found


@dataclass(frozen=True, kw_only=True)
class Event(Command[R]):
    """What happened on a day."""

    effective_at: Day
    description: str | None = None
    external_ref: str | None = None
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Disbursement(Event[outcomes.DisbursementResult]):
    route = "/disbursements"
    loan_id: Id
    borrower_id: Id
    amount_minor: int
    currency: str
    method: Method
    destination_ref: str | None = None


@dataclass(frozen=True, kw_only=True)
class DisbursementSettlement(Event[outcomes.DisbursementSettlementResult]):
    """The bank has paid; without an amount, what is unsettled of that disbursement."""

    route = "/disbursement-settlements"
    disbursement_event_id: Id
    amount_minor: int | None = None
    currency: str | None = None
    loan_id: Id | None = None


@dataclass(frozen=True, kw_only=True)
class Payment(Event[outcomes.PaymentResult]):
    route = "/payments"
    loan_id: Id
    borrower_id: Id
    amount_minor: int
    currency: str
    source_method: Method
    allocation: Literal["auto", "hold"] | None = None


@dataclass(frozen=True, kw_only=True)
class Split:
    fees_minor: int | None = None
    interest_minor: int | None = None
    principal_minor: int | None = None


@dataclass(frozen=True, kw_only=True)
class PaymentAllocation(Event[outcomes.PaymentAllocationResult]):
    route = "/payment-allocations"
    loan_id: Id
    amount_minor: int
    currency: str
    split: Split | None = None


@dataclass(frozen=True, kw_only=True)
class PaymentReturn(Event[outcomes.PaymentReturnResult]):
    """The bank took the whole payment back; `return_code` is NACHA's, or `other`."""

    route = "/payment-returns"
    payment_event_id: Id
    return_code: str
    loan_id: Id | None = None


@dataclass(frozen=True, kw_only=True)
class Fee(Event[outcomes.FeeResult]):
    route = "/fees"
    loan_id: Id
    amount_minor: int
    currency: str
    fee_type: Literal["origination", "late", "nsf", "servicing", "other"]


@dataclass(frozen=True, kw_only=True)
class FeeWaiver(Event[outcomes.FeeWaiverResult]):
    route = "/fee-waivers"
    loan_id: Id
    amount_minor: int
    currency: str
    reason_code: Literal["goodwill", "error", "hardship", "settlement", "other"]


@dataclass(frozen=True, kw_only=True)
class ChargeOff(Event[outcomes.ChargeOffResult]):
    route = "/charge-offs"
    loan_id: Id
    reason_code: Literal["delinquency", "bankruptcy", "fraud", "deceased", "other"]


@dataclass(frozen=True, kw_only=True)
class Recovery(Event[outcomes.RecoveryResult]):
    route = "/recoveries"
    loan_id: Id
    amount_minor: int
    currency: str
    source_method: Method


@dataclass(frozen=True, kw_only=True)
class Restructure(Event[outcomes.RestructureResult]):
    route = "/restructures"
    loan_id: Id
    capitalize_interest_minor: int
    capitalize_fees_minor: int


@dataclass(frozen=True, kw_only=True)
class Refinance(Event[outcomes.RefinanceResult]):
    route = "/refinances"
    loan_id: Id
    new_loan_id: Id
    additional_principal_minor: int | None = None
    currency: str | None = None


@dataclass(frozen=True, kw_only=True)
class Reversal(Event[outcomes.ReversalResult]):
    """Of a whole entry, or with `loan_id` of one loan of an accrual."""

    route = "/reversals"
    reverses_entry_id: Id
    reason_code: Literal[
        "error_correction",
        "duplicate",
        "customer_request",
        "fraud",
        "returned_payment",
        "system_error",
        "other",
    ]
    reason_description: str
    loan_id: Id | None = None


@dataclass(frozen=True, kw_only=True)
class AdjustmentLine:
    account_code: str
    direction: Direction
    amount_minor: int
    currency: str
    layer: Layer = "SETTLED"


@dataclass(frozen=True, kw_only=True)
class ManualAdjustment(Event[outcomes.ManualAdjustmentResult]):
    """`description` is required of this one."""

    route = "/manual-adjustments"
    lines: Sequence[AdjustmentLine]
    reason_code: Literal["migration", "correction", "refund", "rounding", "other"]
    loan_id: Id | None = None
    borrower_id: Id | None = None
    accrued_through: Day | None = None


@dataclass(frozen=True, kw_only=True)
class AccruedLoan:
    loan_id: Id
    outstanding_principal_minor: int
    interest_minor: int


@dataclass(frozen=True, kw_only=True)
class AccrualBatch(Command[outcomes.AccrualBatchResult]):
    """Up to 10,000 loans in one document; a night's file goes by `http.BatchClient`."""

    route = "/accruals/batch"
    program_id: Id
    accrual_date: Day
    day_count_convention: Literal["ACT_365", "ACT_360", "ACT_364", "ACT_ACT", "30_360", "30E_360"]
    loans: Sequence[AccruedLoan]
    currency: str | None = None
    expected_loan_count: int | None = None
    expected_total_minor: int | None = None
    require_principal_match: bool | None = None
    backfill: bool | None = None


@dataclass(frozen=True, kw_only=True)
class PeriodClose(Command[outcomes.PeriodCloseResult]):
    """Closes a month, `YYYY-MM`."""

    route = "/periods/{period}/close"
    period: str


@dataclass(frozen=True, kw_only=True)
class QuarantineResume(Command[outcomes.QuarantineResult]):
    route = "/quarantine/{command_id}/resume"
    command_id: Id
    loan_id: Id | None = None


@dataclass(frozen=True, kw_only=True)
class QuarantineReject(Command[outcomes.QuarantineResult]):
    route = "/quarantine/{command_id}/reject"
    command_id: Id
    explanation: str
    loan_id: Id | None = None


@dataclass(frozen=True, kw_only=True)
class NewWebhookEndpoint(Command[outcomes.NewEndpoint]):
    route = "/webhook-endpoints"
    url: str
    event_types: Sequence[str] | None = None
    description: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewWebhookSecret(Command[outcomes.WebhookSecret]):
    route = "/webhook-endpoints/{webhook_endpoint_id}/rotate-secret"
    webhook_endpoint_id: Id


@dataclass(frozen=True, kw_only=True)
class WebhookReplay(Command[outcomes.WebhookReplayResult]):
    """Sends again what was posted since an instant."""

    route = "/webhook-endpoints/{webhook_endpoint_id}/replays"
    renamed: ClassVar[Mapping[str, str]] = {"since": "from"}
    webhook_endpoint_id: Id
    since: datetime


@dataclass(frozen=True, kw_only=True)
class WebhookEndpointRemoval(Command[None]):
    verb = "DELETE"
    route = "/webhook-endpoints/{webhook_endpoint_id}"
    webhook_endpoint_id: Id


@dataclass(frozen=True, kw_only=True)
class BankLine:
    """`reference` ties it to an entry: the `external_ref` of its line of account 1000."""

    booked_on: Day
    direction: Literal["in", "out"]
    amount_minor: int
    reference: str | None = None
    description: str | None = None


@dataclass(frozen=True, kw_only=True)
class BankStatement(Command[outcomes.BankStatementResult]):
    """What a bank says of one account, to be matched with account 1000."""

    route = "/bank-statements"
    bank_account_ref: str
    statement_ref: str
    currency: str
    from_date: Day
    to_date: Day
    lines: Sequence[BankLine]
    expected_in_minor: int | None = None
    expected_out_minor: int | None = None


@dataclass(frozen=True, kw_only=True)
class Given(Command[dict[str, Any]]):
    """A body as somebody else wrote it, for any route; the API judges it."""

    route = "{to}"
    to: str
    members: Mapping[str, Any]

    def body(self) -> bytes:
        return json.dumps(self.members).encode()
