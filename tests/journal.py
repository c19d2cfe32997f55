"""A vocabulary in which core tests read like bookkeeping.

The books before (`loan`), the event (`payment(113_22)`), the expected journal in debits and
credits (`DR(CASH, 113_22)`), the balances after. Amounts are minor units, written `1_000_00`.
What takes the events is `tests.posting.books.Books`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from struct import pack
from typing import Any, NamedTuple
from uuid import UUID

from posting_engine.posting.journal import SETTLED, Entry
from posting_engine.posting.loan import Loan
from posting_engine.posting.page import Posting
from schemas.chart_of_accounts import CHART, Account
from schemas.commands import (
    AccrualChunk,
    AdjustmentLine,
    ChargeOff,
    Disbursement,
    DisbursementSettlement,
    FeeAssessment,
    FeeWaiver,
    ManualAdjustment,
    Payment,
    PaymentAllocation,
    PaymentReturn,
    PeriodClose,
    Recovery,
    Refinance,
    RefinanceReversal,
    Restructure,
    Reversal,
)
from schemas.money import MAX_AMOUNT_MINOR

TENANT = UUID("7e4a47f0-0000-4000-8000-000000000001")
OTHER_TENANT = UUID("7e4a47f0-0000-4000-8000-000000000002")
LOAN = UUID("10a40000-0000-4000-8000-000000000001")
SECOND_LOAN = UUID("10a40000-0000-4000-8000-000000000002")
THIRD_LOAN = UUID("10a40000-0000-4000-8000-000000000003")
FOURTH_LOAN = UUID("10a40000-0000-4000-8000-000000000004")
BORROWER = UUID("b0440000-0000-4000-8000-000000000001")
OTHER_BORROWER = UUID("b0440000-0000-4000-8000-000000000002")
PROGRAM = UUID("94000000-0000-4000-8000-000000000001")
NO_SUCH_ENTRY = UUID("e0000000-0000-8000-8000-000000000000")

OPENED_ON = date(2026, 1, 5)
ACCEPTED_AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
POSTED_AT = datetime(2026, 1, 5, 9, 0, 1, tzinfo=UTC)
PARTITION = 3
PARTITIONS = 4
LARGEST = MAX_AMOUNT_MINOR


class Leg(NamedTuple):
    """One line, expected or of an adjustment: side, account, amount, layer."""

    side: str
    account: str
    amount_minor: int
    layer: str = SETTLED


def DR(account: Account, amount_minor: int, layer: str = SETTLED) -> Leg:
    """A debit."""
    return Leg("DR", f"{account.code} {account.name}", amount_minor, layer)


def CR(account: Account, amount_minor: int, layer: str = SETTLED) -> Leg:
    """A credit."""
    return Leg("CR", f"{account.code} {account.name}", amount_minor, layer)


def journal_of(posting: Posting) -> list[Leg]:
    """The lines of a posting's entry, in order, as `DR` and `CR` write them."""
    lines = entry_of(posting).lines
    return [
        Leg(x.direction, f"{x.account_code} {CHART[x.account_code].name}", x.amount_minor, x.layer)
        for x in lines
    ]


def entry_of(posting: Posting) -> Entry:
    """The entry of a posting that must have one."""
    if posting.entry is None:
        raise AssertionError("the event posted without an entry")
    return posting.entry


@dataclass(frozen=True)
class Balances:
    """A loan's sub-balances: what a line `P I F S U` of the specification's table says."""

    principal: int = 0
    interest: int = 0
    fees: int = 0
    suspense: int = 0
    unsettled: int = 0


@dataclass(frozen=True)
class Collected:
    """The cash that has been applied to each receivable and not taken back."""

    principal: int = 0
    interest: int = 0
    fees: int = 0


def loan(
    before: Balances | None = None, collected: Collected | None = None, **changes: Any
) -> Loan:
    """A loan as the books have it before the event: opened once, nothing else unless said."""
    amounts = {f"{name}_minor": amount for name, amount in vars(before or Balances()).items()}
    cash = vars(collected or Collected()).items()
    opened = Loan(
        tenant_id=TENANT,
        loan_id=LOAN,
        borrower_id=BORROWER,
        currency="USD",
        opened_on=OPENED_ON,
        last_activity_at=POSTED_AT,
        standing_openings=1,
        version=1,
        **amounts,
        **{f"collected_{name}_minor": amount for name, amount in cash},
    )
    return replace(opened, **changes)


ENVELOPE: dict[str, Any] = {
    "tenant_id": TENANT,
    "idempotency_key": "",
    "fingerprint": bytes(32),
    "accepted_at": ACCEPTED_AT,
    "actor": "test-client",
}


def _on(day: str) -> dict[str, Any]:
    """What every event of `LOAN` carries."""
    return {**ENVELOPE, "loan_id": LOAN, "effective_on": date.fromisoformat(day)}


def _moving(amount: int, day: str) -> dict[str, Any]:
    """What every event of `LOAN` that moves an amount carries."""
    return {**_on(day), "amount_minor": amount, "currency": "USD"}


def disbursement(amount: int, on: str = "2026-01-05", **changes: Any) -> Disbursement:
    """Money on its way to the borrower of `LOAN`."""
    return replace(
        Disbursement(**_moving(amount, on), borrower_id=BORROWER, method="ach"), **changes
    )


def settlement(
    of: Posting | UUID, amount: int | None = None, on: str = "2026-01-06", **changes: Any
) -> DisbursementSettlement:
    """The money of a disbursement (or of a refinance's additional principal) has arrived."""
    event_id = of if isinstance(of, UUID) else UUID(str(of.result["disbursement_event_id"]))
    command = DisbursementSettlement(
        **ENVELOPE,
        disbursement_event_id=event_id,
        amount_minor=amount,
        currency=None if amount is None else "USD",
        effective_on=date.fromisoformat(on),
    )
    return replace(command, **changes)


def payment(amount: int, on: str = "2026-02-02", **changes: Any) -> Payment:
    """Cash from the borrower of `LOAN`."""
    return replace(
        Payment(**_moving(amount, on), borrower_id=BORROWER, source_method="ach"), **changes
    )


def allocation(amount: int, on: str = "2026-02-05", **changes: Any) -> PaymentAllocation:
    """Suspense of `LOAN` meets what it owes; `split` says how much of each receivable."""
    return replace(PaymentAllocation(**_moving(amount, on)), **changes)


def payment_return(of: Posting | UUID, on: str = "2026-02-09", **changes: Any) -> PaymentReturn:
    """The bank takes a payment back."""
    event_id = of if isinstance(of, UUID) else entry_of(of).event_id
    command = PaymentReturn(
        **ENVELOPE,
        payment_event_id=event_id,
        return_code="R01",
        effective_on=date.fromisoformat(on),
    )
    return replace(command, **changes)


def fee(amount: int, on: str = "2026-02-01", **changes: Any) -> FeeAssessment:
    """A late fee on `LOAN`."""
    return replace(FeeAssessment(**_moving(amount, on), fee_type="late"), **changes)


def waiver(amount: int, on: str = "2026-02-03", **changes: Any) -> FeeWaiver:
    """Fees of `LOAN` are let go."""
    return replace(FeeWaiver(**_moving(amount, on), reason_code="goodwill"), **changes)


def charge_off(on: str = "2026-06-30", **changes: Any) -> ChargeOff:
    """`LOAN` is written off."""
    return replace(ChargeOff(**_on(on), reason_code="delinquency"), **changes)


def recovery(amount: int, on: str = "2026-07-15", **changes: Any) -> Recovery:
    """Cash for `LOAN` after it was written off."""
    return replace(Recovery(**_moving(amount, on), source_method="ach"), **changes)


def restructure(
    *, interest: int = 0, fees: int = 0, on: str = "2026-03-01", **changes: Any
) -> Restructure:
    """Interest and fees of `LOAN` become principal."""
    command = Restructure(**_on(on), capitalize_interest_minor=interest, capitalize_fees_minor=fees)
    return replace(command, **changes)


def refinance(additional: int = 0, on: str = "2026-04-01", **changes: Any) -> Refinance:
    """`SECOND_LOAN` takes over what `LOAN` owes, and lends `additional` on top."""
    command = Refinance(
        **_on(on),
        new_loan_id=SECOND_LOAN,
        additional_principal_minor=additional,
        currency="USD" if additional else None,
    )
    return replace(command, **changes)


def refinance_reversal(
    of: Posting | UUID, on: str = "2026-04-30", **changes: Any
) -> RefinanceReversal:
    """The reversal of a refinance of `LOAN` by `SECOND_LOAN`, named by either of its parts."""
    command = RefinanceReversal(
        **_on(on),
        new_loan_id=SECOND_LOAN,
        reverses_entry_id=of if isinstance(of, UUID) else entry_of(of).journal_entry_id,
        reason_code="error_correction",
        reason_description="as the test says",
    )
    return replace(command, **changes)


def adjustment(
    *legs: Leg, on: str = "2026-02-10", currency: str = "USD", **changes: Any
) -> ManualAdjustment:
    """The client's own lines, of `LOAN` unless `loan_id` says otherwise (None: of no loan)."""
    lines = tuple(
        AdjustmentLine(
            account_code=leg.account.split()[0],
            direction=leg.side,
            amount_minor=leg.amount_minor,
            currency=currency,
            layer=leg.layer,
        )
        for leg in legs
    )
    command = ManualAdjustment(
        **_on(on), lines=lines, reason_code="correction", description="as the test says"
    )
    return replace(command, **changes)


def close(month: str, **changes: Any) -> PeriodClose:
    """Close the books through a month, written `2026-01`."""
    first = date.fromisoformat(f"{month}-01")
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return replace(PeriodClose(**ENVELOPE, closed_through=last), **changes)


def accrual(
    interests: Mapping[UUID, int] | int,
    on: str = "2026-01-31",
    principals: Mapping[UUID, int] | None = None,
    **changes: Any,
) -> AccrualChunk:
    """A chunk: interest by loan (a bare amount: of `LOAN`), principal as the client believes it."""
    shares = {LOAN: interests} if isinstance(interests, int) else dict(interests)
    stated = principals or {}
    loan_ids = sorted(shares)
    command = AccrualChunk(
        **ENVELOPE,
        program_id=PROGRAM,
        accrued_on=date.fromisoformat(on),
        day_count_convention="ACT_365",
        currency="USD",
        require_principal_match=False,
        backfill=False,
        chunks_total=1,
        loans_total=len(loan_ids),
        interest_total_minor=sum(shares.values()),
        loan_ids=b"".join(one.bytes for one in loan_ids),
        principals=pack(f">{len(loan_ids)}q", *(stated.get(one, 0) for one in loan_ids)),
        interests=pack(f">{len(loan_ids)}q", *(shares[one] for one in loan_ids)),
    )
    return replace(command, **changes)


def reversal(original: Posting | Entry | UUID, on: str = "2026-03-01", **changes: Any) -> Reversal:
    """The reversal of an entry; `loan_id` for one loan of an accrual, `part` for one part."""
    if isinstance(original, Posting):
        original = entry_of(original)
    command = Reversal(
        **ENVELOPE,
        reverses_entry_id=original.journal_entry_id if isinstance(original, Entry) else original,
        reason_code="error_correction",
        reason_description="as the test says",
        effective_on=date.fromisoformat(on),
    )
    return replace(command, **changes)
