"""Every event and its reversal on one loan, in an order in which all of them post: what a log made
by chance may lack.
"""

from datetime import date
from typing import Any
from uuid import UUID

from posting_engine.posting.rules import EVENT_KINDS
from schemas import ids
from schemas.commands import (
    AdjustmentLine,
    AnyCommand,
    ChargeOff,
    DisbursementSettlement,
    FeeAssessment,
    FeeWaiver,
    ManualAdjustment,
    Payment,
    PaymentAllocation,
    PaymentReturn,
    Recovery,
    Refinance,
    RefinanceReversal,
    Restructure,
)
from tests.books import ledger
from tests.books.ledger import BORROWER, TENANT, envelope

LOAN, NEXT_LOAN = ledger.loan_number(9_000), ledger.loan_number(9_001)
OWNER = ledger.owner_of(LOAN)
DAY = date(2026, 3, 1)


def whole_life() -> list[AnyCommand]:
    """The commands, in order; the steps that some cause come in between."""
    return [
        ledger.disbursement("life:disburse", LOAN, 1_000_00),
        *_and_back("life:draw", ledger.disbursement("life:draw", LOAN, 500_00)),
        *_and_back("life:settle", _settlement("life:settle")),
        _settlement("life:settle again"),
        FeeAssessment(**_money("life:fee", 10_00), fee_type="late"),
        *_and_back("life:waive", FeeWaiver(**_money("life:waive", 4_00), reason_code="goodwill")),
        *_and_back("life:restructure", _restructure("life:restructure")),
        ledger.reversal("undo life:fee", entry_id("life:fee", OWNER)),
        _held_payment("life:pay"),
        *_and_back("life:allocate", PaymentAllocation(**_money("life:allocate", 20_00))),
        ledger.reversal("undo life:pay", entry_id("life:pay", OWNER)),
        ChargeOff(**_of_loan("life:charge off"), reason_code="fraud"),
        *_and_back("life:recover", Recovery(**_money("life:recover", 5_00), source_method="ach")),
        ledger.reversal("undo life:charge off", entry_id("life:charge off", OWNER)),
        ledger.accrual("life:accrue", OWNER, [LOAN], day=28),
        ledger.reversal("undo accrue", entry_id("life:accrue", ids.IN_PARTS), loan_id=LOAN),
        *_and_back("life:adjust", _adjustment("life:adjust")),
        _held_payment("life:bounce"),
        _return("life:bounced", "life:bounce"),
        Refinance(**_of_loan("life:refinance"), new_loan_id=NEXT_LOAN),
        RefinanceReversal(
            **_of_loan("undo life:refinance"),
            new_loan_id=NEXT_LOAN,
            reverses_entry_id=entry_id("life:refinance", ids.IN_PARTS),
            reason_code="other",
            reason_description="a test",
        ),
    ]


def entry_id(key: str, partition_id: int) -> UUID:
    """The entry that a command with this key brings about."""
    return _derived(ids.JOURNAL_ENTRY, key, partition_id)


def event_id(event_type: str, key: str, partition_id: int) -> UUID:
    """The event that a command with this key brings about."""
    return _derived(EVENT_KINDS[event_type], key, partition_id)


def _and_back(key: str, command: AnyCommand) -> list[AnyCommand]:
    return [command, ledger.reversal(f"undo {key}", entry_id(key, OWNER))]


def _of_loan(key: str) -> dict[str, Any]:
    return {**envelope(key), "loan_id": LOAN, "effective_on": DAY}


def _money(key: str, amount_minor: int) -> dict[str, Any]:
    return {**_of_loan(key), "amount_minor": amount_minor, "currency": "USD"}


def _settlement(key: str) -> DisbursementSettlement:
    return DisbursementSettlement(
        **envelope(key),
        disbursement_event_id=event_id("disbursement", "life:disburse", OWNER),
        effective_on=DAY,
    )


def _restructure(key: str) -> Restructure:
    return Restructure(**_of_loan(key), capitalize_interest_minor=0, capitalize_fees_minor=2_00)


def _held_payment(key: str) -> Payment:
    return Payment(
        **_money(key, 50_00), borrower_id=BORROWER, source_method="ach", allocation="hold"
    )


def _return(key: str, paid: str) -> PaymentReturn:
    return PaymentReturn(
        **envelope(key),
        payment_event_id=event_id("payment_received", paid, OWNER),
        return_code="R01",
        effective_on=DAY,
    )


def _adjustment(key: str) -> ManualAdjustment:
    lines = tuple(
        AdjustmentLine(
            account_code=code, direction=side, amount_minor=1_00, currency="USD", layer="SETTLED"
        )
        for code, side in (("1100", "DR"), ("3000", "CR"))
    )
    return ManualAdjustment(**_of_loan(key), lines=lines, reason_code="correction")


def _derived(kind: str, key: str, partition_id: int) -> UUID:
    return ids.derive(
        kind,
        tenant_id=TENANT,
        key=key,
        accepted_at=ledger.BEGINNING,
        partition_id=partition_id,
    )
