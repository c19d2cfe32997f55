"""A night: opens loans, writes their accruals to a file, and posts it with `hpts accrue`.

HPTS_EXAMPLE_LOANS: how many, 100,000 unless set.
"""

import asyncio
import json
import os
import subprocess
from datetime import date
from pathlib import Path
from time import monotonic
from uuid import UUID, uuid4

from hpts_client import AsyncClient
from hpts_client.events import Disbursement

COUNT = int(os.environ.get("HPTS_EXAMPLE_LOANS") or "100000")
AT_ONCE = 64
FILE = Path("night.ndjson")


async def open_loans() -> list[UUID]:
    """Loans of 1,000.00, many at once: the API is at its best when it is not waited for."""
    loans = [uuid4() for _ in range(COUNT)]
    waiting = iter(loans)

    async def work(ledger: AsyncClient) -> None:
        for loan_id in waiting:
            opening = Disbursement(
                loan_id=loan_id,
                borrower_id=loan_id,
                amount_minor=1_000_00,
                currency="USD",
                method="ach",
                effective_at=date(2026, 1, 5),
            )
            await ledger.post(opening, key=f"disbursement:{loan_id}")

    async with AsyncClient.from_environment() as ledger, asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(work(ledger))
    return loans


def write(loans: list[UUID]) -> None:
    """First what holds for all loans, with the totals as a check; then a loan a line."""
    header = {
        "program_id": str(uuid4()),
        "accrual_date": "2026-01-06",
        "day_count_convention": "ACT_365",
        "currency": "USD",
        "expected_loan_count": COUNT,
        "expected_total_minor": str(27 * COUNT),
    }
    each = {"outstanding_principal_minor": "100000", "interest_minor": "27"}
    lines = [header, *({"loan_id": str(loan_id), **each} for loan_id in loans)]
    FILE.write_text("".join(json.dumps(line) + "\n" for line in lines))


began = monotonic()
write(asyncio.run(open_loans()))
print(f"{COUNT} loans opened in {monotonic() - began:.1f} s")
subprocess.run(["hpts", "accrue", str(FILE)], check=True)
