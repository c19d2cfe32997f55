"""A loan is written off whole, a payment is refused, and what is collected later is a recovery."""

from datetime import date
from uuid import uuid4

from hpts_client import Client, Refused
from hpts_client.events import (
    ChargeOff,
    Disbursement,
    DisbursementSettlement,
    Fee,
    Payment,
    Recovery,
)

who = {"loan_id": uuid4(), "borrower_id": uuid4(), "currency": "USD"}
loan_id = who["loan_id"]

with Client.from_environment() as ledger:
    opening = Disbursement(
        **who, amount_minor=1_000_00, method="ach", effective_at=date(2026, 1, 5)
    )
    opened = ledger.post(opening, key=f"disbursement:{loan_id}")
    settlement = DisbursementSettlement(
        disbursement_event_id=opened.disbursement_event_id, effective_at=date(2026, 1, 6)
    )
    ledger.post(settlement, key=f"settlement:{loan_id}")
    fee = Fee(
        loan_id=loan_id,
        amount_minor=25_00,
        currency="USD",
        fee_type="late",
        effective_at=date(2026, 3, 1),
    )
    ledger.post(fee, key=f"fee:{loan_id}:2026-03")
    written_off = ChargeOff(
        loan_id=loan_id, reason_code="delinquency", effective_at=date(2026, 6, 30)
    )
    lost = ledger.dry_run(written_off)
    print(f"a dry run first: {lost.balance.status}, owes {lost.balance.total_exposure_minor}")
    ledger.post(written_off, key=f"charge-off:{loan_id}")
    try:
        late = Payment(
            **who, amount_minor=75_00, source_method="check", effective_at=date(2026, 7, 15)
        )
        ledger.post(late, key=f"payment:{loan_id}:2026-07")
    except Refused as refused:
        print(f"refused: {refused.code}")
    recovered = Recovery(
        loan_id=loan_id,
        amount_minor=75_00,
        currency="USD",
        source_method="check",
        effective_at=date(2026, 7, 15),
    )
    ledger.post(recovered, key=f"recovery:{loan_id}:2026-07")
