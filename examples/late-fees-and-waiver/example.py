"""A late fee is paid first; a second one is waived, and no more than is owed can be."""

from datetime import date
from uuid import uuid4

from hpts_client import Client, Refused
from hpts_client.events import Disbursement, Fee, FeeWaiver, Payment

loan_id, borrower_id = uuid4(), uuid4()


def waiver(amount_minor: int) -> FeeWaiver:
    return FeeWaiver(
        loan_id=loan_id,
        amount_minor=amount_minor,
        currency="USD",
        reason_code="goodwill",
        effective_at=date(2026, 3, 3),
    )


def late_fee(day: date) -> Fee:
    return Fee(
        loan_id=loan_id, amount_minor=25_00, currency="USD", fee_type="late", effective_at=day
    )


with Client.from_environment() as ledger:
    who = {"loan_id": loan_id, "borrower_id": borrower_id, "currency": "USD"}
    opening = Disbursement(
        **who, amount_minor=1_000_00, method="ach", effective_at=date(2026, 1, 5)
    )
    ledger.post(opening, key=f"disbursement:{loan_id}")
    ledger.post(late_fee(date(2026, 2, 6)), key=f"fee:{loan_id}:2026-02")
    payment = Payment(
        **who, amount_minor=100_00, source_method="card", effective_at=date(2026, 2, 8)
    )
    paid = ledger.post(payment, key=f"payment:{loan_id}:2026-02")
    for part in paid.allocation.explained:
        print(f"{part.receivable}: owed {part.owed_minor}, paid {part.applied_minor} ({part.rule})")
    ledger.post(late_fee(date(2026, 3, 2)), key=f"fee:{loan_id}:2026-03")
    ledger.post(waiver(25_00), key=f"waiver:{loan_id}:2026-03")
    try:
        ledger.post(waiver(25_00), key=f"waiver:{loan_id}:2026-03:again")
    except Refused as refused:
        print(f"refused: {refused.code}")
