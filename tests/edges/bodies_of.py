"""Sound bodies of every POST route, to be spoiled one member at a time."""

from typing import Any, Final
from uuid import UUID, uuid4

PROGRAM: Final = UUID("0d1f5a3e-5c7b-4d5e-9c3a-6f1b2c3d4e5f")


def disbursement(loan_id: UUID | None = None, borrower_id: UUID | None = None) -> dict[str, Any]:
    return {
        "loan_id": str(loan_id or uuid4()),
        "borrower_id": str(borrower_id or uuid4()),
        "amount_minor": "100000",
        "currency": "USD",
        "effective_at": "2026-01-05",
        "method": "ach",
    }


def payment(loan_id: UUID | None = None, borrower_id: UUID | None = None) -> dict[str, Any]:
    return {
        "loan_id": str(loan_id or uuid4()),
        "borrower_id": str(borrower_id or uuid4()),
        "amount_minor": "11322",
        "currency": "USD",
        "effective_at": "2026-02-02",
        "source_method": "ach",
    }


def reversal(entry_id: UUID | str | None = None) -> dict[str, Any]:
    return {
        "reverses_entry_id": str(entry_id or uuid4()),
        "reason_code": "error_correction",
        "reason_description": "posted twice",
        "effective_at": "2026-02-04",
    }


def accrual(*loan_ids: UUID) -> dict[str, Any]:
    return {
        "program_id": str(PROGRAM),
        "accrual_date": "2026-01-31",
        "day_count_convention": "ACT_365",
        "currency": "USD",
        "loans": [
            {
                "loan_id": str(loan_id),
                "outstanding_principal_minor": "100000",
                "interest_minor": "822",
            }
            for loan_id in loan_ids or (uuid4(),)
        ],
    }


SOUND: Final = {
    "/v1/disbursements": disbursement,
    "/v1/payments": payment,
    "/v1/reversals": reversal,
    "/v1/accruals/batch": accrual,
}
