"""The bank takes a payment back, and each receivable owes again what the payment had paid of it."""

from datetime import date
from uuid import uuid4

from hpts_client import Client
from hpts_client.events import Disbursement, Fee, Payment, PaymentReturn
from hpts_client.queries import JournalOf

who = {"loan_id": uuid4(), "borrower_id": uuid4(), "currency": "USD"}
loan_id = who["loan_id"]

with Client.from_environment() as ledger:
    opening = Disbursement(
        **who, amount_minor=1_000_00, method="ach", effective_at=date(2026, 1, 5)
    )
    ledger.post(opening, key=f"disbursement:{loan_id}")
    fee = Fee(
        loan_id=loan_id,
        amount_minor=30_00,
        currency="USD",
        fee_type="origination",
        effective_at=date(2026, 1, 5),
    )
    ledger.post(fee, key=f"fee:{loan_id}:origination")
    payment = Payment(
        **who, amount_minor=200_00, source_method="ach", effective_at=date(2026, 2, 1)
    )
    paid = ledger.post(payment, key=f"payment:{loan_id}:2026-02")
    returned = ledger.post(
        PaymentReturn(
            payment_event_id=paid.payment_event_id, return_code="R01", effective_at=date(2026, 2, 4)
        ),
        key=f"return:{loan_id}:2026-02",
    )
    print(
        f"back on the books: fees {returned.debited.fees_minor}, "
        f"principal {returned.debited.principal_minor}"
    )
    for entry in ledger.items(JournalOf(loan_id=loan_id)):
        print(entry.effective_at, entry.event_type, "reversed" * bool(entry.reversed_by_entry_id))
