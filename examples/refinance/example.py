"""An old loan is paid off by a new one, with some fresh money on top; 2200 ends at zero."""

from datetime import date
from uuid import uuid4

from hpts_client import Client
from hpts_client.events import (
    AccrualBatch,
    AccruedLoan,
    Disbursement,
    DisbursementSettlement,
    Refinance,
)

old, new, borrower = uuid4(), uuid4(), uuid4()

with Client.from_environment() as ledger:

    def settle(event_id: object, day: date, key: str) -> None:
        settled = DisbursementSettlement(disbursement_event_id=str(event_id), effective_at=day)
        ledger.post(settled, key=key)

    opening = Disbursement(
        loan_id=old,
        borrower_id=borrower,
        amount_minor=1_000_00,
        currency="USD",
        method="ach",
        effective_at=date(2026, 1, 5),
    )
    opened = ledger.post(opening, key=f"disbursement:{old}")
    settle(opened.disbursement_event_id, date(2026, 1, 6), f"settlement:{old}")
    night = AccrualBatch(
        program_id=borrower,
        accrual_date=date(2026, 1, 31),
        day_count_convention="ACT_365",
        currency="USD",
        loans=[AccruedLoan(loan_id=old, outstanding_principal_minor=1_000_00, interest_minor=8_22)],
    )
    ledger.post(night, key=f"accrual:{borrower}:2026-01-31")
    refinance = Refinance(
        loan_id=old,
        new_loan_id=new,
        additional_principal_minor=500_00,
        currency="USD",
        effective_at=date(2026, 2, 1),
    )
    done = ledger.post(refinance, key=f"refinance:{old}")
    settle(done.disbursement_event_id, date(2026, 2, 2), f"settlement:{new}")
    for balance in done.balances:
        which = "old" if balance.loan_id == old else "new"
        print(f"the {which} loan: {balance.principal_outstanding_minor}, {balance.status}")
