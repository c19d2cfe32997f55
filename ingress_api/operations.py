"""The POSTs that become one command, or a first one: path, scope, body, and the command it makes.

Pure. The members of a body have the names of the command's own, but for the few that `_INSIDE`
and the makers here translate; what a client left out has the command's default.
"""

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, TypeVar

from ingress_api import members
from ingress_api.bodies import Envelope, Values
from ingress_api.fields import Body
from schemas import commands, scopes
from schemas.commands import AnyCommand
from schemas.quarantine import Resolution

_INSIDE: Final = {"effective_at": "effective_on"}
"""Public name -> our own, where they differ."""

Make = Callable[[Values, Envelope], AnyCommand | Resolution]
Made = TypeVar("Made", bound=AnyCommand)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A POST. `name` is that of its schemas; `may_be_tried`: whether `dry_run` can be asked for."""

    path: str
    name: str
    summary: str
    scope: str
    body: Body
    command: Make
    may_be_tried: bool = True


def made_by(kind: Callable[..., Made]) -> Callable[[Values, Envelope], Made]:
    """The maker of a command whose members are the body's."""

    def make(values: Values, envelope: Envelope) -> Made:
        return kind(**envelope.common(), **_inside(values))

    return make


def allocated_by(kind: Callable[..., AnyCommand]) -> Make:
    """The maker of a command that the tenant's waterfall is written into."""

    def make(values: Values, envelope: Envelope) -> AnyCommand:
        given = _inside(values)
        if "split" in given:
            parts = given["split"].items()
            given["split"] = {name.removesuffix("_minor"): amount for name, amount in parts}
        version = envelope.waterfall_version
        return kind(**envelope.common(), **given, waterfall_version=version)

    return make


def _adjustment(values: Values, envelope: Envelope) -> AnyCommand:
    given = _inside(values)
    given["lines"] = tuple(commands.AdjustmentLine(**line) for line in given["lines"])
    return commands.ManualAdjustment(**envelope.common(), **given)


def _period_close(values: Values, envelope: Envelope) -> AnyCommand:
    return commands.PeriodClose(**envelope.common(), closed_through=values["closed_through"])


def _inside(values: Values) -> dict[str, Any]:
    return {_INSIDE.get(name, name): value for name, value in values.items()}


reversal: Final = made_by(commands.Reversal)

REVERSALS: Final = Operation(
    path="/v1/reversals",
    name="Reversal",
    summary="Reverse an entry, or one loan of an accrual",
    scope=scopes.REVERSALS_WRITE,
    body=members.REVERSAL,
    command=reversal,
)
PERIOD_CLOSES: Final = Operation(
    path="/v1/periods/{period}/close",
    name="PeriodClose",
    summary="Close the books of a month",
    scope=scopes.PERIODS_WRITE,
    body=members.PERIOD_CLOSE,
    command=_period_close,
    may_be_tried=False,
)
"""The command's `closed_through` is added to the values: it comes from the path."""

OPERATIONS: Final = (
    Operation(
        path="/v1/disbursements",
        name="Disbursement",
        summary="Disburse: open a loan, or draw more of it",
        scope=scopes.DISBURSEMENTS_WRITE,
        body=members.DISBURSEMENT,
        command=made_by(commands.Disbursement),
    ),
    Operation(
        path="/v1/disbursement-settlements",
        name="DisbursementSettlement",
        summary="Confirm that a disbursement, or a part of it, has left the bank",
        scope=scopes.DISBURSEMENTS_WRITE,
        body=members.DISBURSEMENT_SETTLEMENT,
        command=made_by(commands.DisbursementSettlement),
    ),
    Operation(
        path="/v1/payments",
        name="Payment",
        summary="Receive a payment",
        scope=scopes.PAYMENTS_WRITE,
        body=members.PAYMENT,
        command=allocated_by(commands.Payment),
    ),
    Operation(
        path="/v1/payment-allocations",
        name="PaymentAllocation",
        summary="Apply suspense to what is owed",
        scope=scopes.PAYMENTS_WRITE,
        body=members.PAYMENT_ALLOCATION,
        command=allocated_by(commands.PaymentAllocation),
    ),
    Operation(
        path="/v1/payment-returns",
        name="PaymentReturn",
        summary="Take note that the bank has taken a payment back",
        scope=scopes.PAYMENTS_WRITE,
        body=members.PAYMENT_RETURN,
        command=made_by(commands.PaymentReturn),
    ),
    Operation(
        path="/v1/fees",
        name="Fee",
        summary="Assess a fee",
        scope=scopes.FEES_WRITE,
        body=members.FEE,
        command=made_by(commands.FeeAssessment),
    ),
    Operation(
        path="/v1/fee-waivers",
        name="FeeWaiver",
        summary="Waive fees that are owed",
        scope=scopes.FEES_WRITE,
        body=members.FEE_WAIVER,
        command=made_by(commands.FeeWaiver),
    ),
    Operation(
        path="/v1/charge-offs",
        name="ChargeOff",
        summary="Write a loan's whole exposure off",
        scope=scopes.LOANS_WRITE,
        body=members.CHARGE_OFF,
        command=made_by(commands.ChargeOff),
    ),
    Operation(
        path="/v1/recoveries",
        name="Recovery",
        summary="Receive cash for a loan that was charged off",
        scope=scopes.LOANS_WRITE,
        body=members.RECOVERY,
        command=made_by(commands.Recovery),
    ),
    Operation(
        path="/v1/restructures",
        name="Restructure",
        summary="Make interest and fees principal",
        scope=scopes.LOANS_WRITE,
        body=members.RESTRUCTURE,
        command=made_by(commands.Restructure),
    ),
    Operation(
        path="/v1/refinances",
        name="Refinance",
        summary="Let a new loan take over what a loan owes",
        scope=scopes.LOANS_WRITE,
        body=members.REFINANCE,
        command=made_by(commands.Refinance),
        may_be_tried=False,
    ),
    REVERSALS,
    Operation(
        path="/v1/manual-adjustments",
        name="ManualAdjustment",
        summary="Post lines as given; open a migrated loan",
        scope=scopes.ADJUSTMENTS_WRITE,
        body=members.MANUAL_ADJUSTMENT,
        command=_adjustment,
    ),
)
"""The POSTs without a parameter in their path. Accrual batches are `accrual_batches`."""

_CLOSE_PATH: Final = re.compile(r"/v1/periods/(?P<period>[^/]+)/close")
_PERIOD: Final = re.compile(r"([0-9]{4})-([0-9]{2})", re.ASCII)


def is_close(path: str) -> bool:
    """Whether a path is that of a month's close, whatever stands for the month."""
    return _CLOSE_PATH.fullmatch(path) is not None


def last_day_in(path: str) -> date | None:
    """The last day of the month that a close names; None where it names none."""
    found = _CLOSE_PATH.fullmatch(path)
    month = _PERIOD.fullmatch(found["period"]) if found is not None else None
    if month is None or month[1] == "0000" or not 1 <= int(month[2]) <= 12:
        return None
    year, number = int(month[1]), int(month[2])
    return date(year, number, monthrange(year, number)[1])
