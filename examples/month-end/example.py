"""A month is closed; what comes late keeps its own date and is booked in the first open month."""

from datetime import date
from uuid import uuid4

from hpts_client import Client
from hpts_client.events import Disbursement, Fee, PeriodClose
from hpts_client.queries import BalanceOf, Periods, TrialBalanceOf

loan_id = uuid4()

with Client.from_environment() as ledger:

    def late_fee(day: date) -> Fee:
        return Fee(
            loan_id=loan_id, amount_minor=10_00, currency="USD", fee_type="late", effective_at=day
        )

    opening = Disbursement(
        loan_id=loan_id,
        borrower_id=uuid4(),
        amount_minor=1_000_00,
        currency="USD",
        method="ach",
        effective_at=date(2026, 1, 5),
    )
    ledger.post(opening, key=f"disbursement:{loan_id}")
    ledger.post(late_fee(date(2026, 1, 20)), key=f"fee:{loan_id}:1")
    closed = ledger.post(PeriodClose(period="2026-01"), key="close:2026-01")
    print(f"{closed.period} is {closed.status}")

    january = TrialBalanceOf(as_of_date=date(2026, 1, 31))
    before = ledger.get(january)
    ledger.post(late_fee(date(2026, 1, 25)), key=f"fee:{loan_id}:2")
    print("January is as it was:", ledger.get(january) == before)
    owed = ledger.get(BalanceOf(loan_id=loan_id, as_of_date=date(2026, 1, 31)))
    print(f"but the loan owed {owed.fees_receivable_minor} of fees on 31 January")
    months = {one.period: one.status for one in ledger.items(Periods())}
    print(f"the next month is {months['2026-02']}")
