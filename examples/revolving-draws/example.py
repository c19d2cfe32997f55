"""A line of credit: three draws of one loan, repaid in between; the later ones settle in parts."""

from datetime import date
from uuid import uuid4

from hpts_client import Client
from hpts_client.events import Disbursement, DisbursementSettlement, Payment
from hpts_client.queries import LoanOf

line = {"loan_id": uuid4(), "borrower_id": uuid4(), "currency": "USD"}
loan_id = line["loan_id"]

with Client.from_environment() as ledger:
    for number, (day, amount_minor) in enumerate(
        [(date(2026, 1, 5), 500_00), (date(2026, 2, 5), 300_00), (date(2026, 3, 5), 200_00)]
    ):
        draw = Disbursement(**line, amount_minor=amount_minor, method="wire", effective_at=day)
        drawn = ledger.post(draw, key=f"draw:{loan_id}:{number}")
        for part_minor in (amount_minor // 2, amount_minor - amount_minor // 2):
            settled = DisbursementSettlement(
                disbursement_event_id=drawn.disbursement_event_id,
                amount_minor=part_minor,
                currency="USD",
                effective_at=day,
                external_ref=f"wire-{number}",
            )
            ledger.post(settled, key=f"settlement:{loan_id}:{number}:{uuid4()}")
        paid = ledger.post(
            Payment(**line, amount_minor=150_00, source_method="ach", effective_at=day),
            key=f"payment:{loan_id}:{number}",
        )
        print(f"{day}: drew {amount_minor}, owes {paid.balance.principal_outstanding_minor}")
    loan = ledger.get(LoanOf(loan_id=loan_id))
    print(f"opened on {loan.opened_on}, unsettled {loan.unsettled_minor}, {loan.status}")
