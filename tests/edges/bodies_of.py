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


def money(loan_id: UUID | str | None = None, **more: str) -> dict[str, Any]:
    return {
        "loan_id": str(loan_id or uuid4()),
        "amount_minor": "500",
        "currency": "USD",
        "effective_at": "2026-02-01",
        **more,
    }


def settlement(event_id: str | None = None, **more: str) -> dict[str, Any]:
    named = {"disbursement_event_id": event_id or str(uuid4())}
    return {**named, "effective_at": "2026-01-06", **more}


def allocation(loan_id: UUID | str | None = None, **more: Any) -> dict[str, Any]:
    return {**money(loan_id), **more}


def payment_return(event_id: str | None = None, **more: str) -> dict[str, Any]:
    return {
        "payment_event_id": event_id or str(uuid4()),
        "return_code": "R01",
        "effective_at": "2026-02-05",
        **more,
    }


def fee(loan_id: UUID | str | None = None) -> dict[str, Any]:
    return money(loan_id, fee_type="late")


def waiver(loan_id: UUID | str | None = None) -> dict[str, Any]:
    return money(loan_id, reason_code="goodwill")


def charge_off(loan_id: UUID | str | None = None) -> dict[str, Any]:
    loan = {"loan_id": str(loan_id or uuid4())}
    return {**loan, "effective_at": "2026-06-30", "reason_code": "delinquency"}


def recovery(loan_id: UUID | str | None = None) -> dict[str, Any]:
    return money(loan_id, source_method="ach", effective_at="2026-07-15")


def restructure(loan_id: UUID | str | None = None) -> dict[str, Any]:
    return {
        "loan_id": str(loan_id or uuid4()),
        "effective_at": "2026-02-14",
        "capitalize_interest_minor": "822",
        "capitalize_fees_minor": "0",
    }


def refinance(loan_id: UUID | str | None = None, **more: str) -> dict[str, Any]:
    return {
        "loan_id": str(loan_id or uuid4()),
        "new_loan_id": str(uuid4()),
        "effective_at": "2026-03-02",
        **more,
    }


def line(account_code: str, direction: str, amount_minor: str = "750000") -> dict[str, Any]:
    return {
        "account_code": account_code,
        "direction": direction,
        "amount_minor": amount_minor,
        "currency": "USD",
        "layer": "SETTLED",
    }


def adjustment(**more: str) -> dict[str, Any]:
    return {
        "lines": [line("1000", "DR", "100"), line("3000", "CR", "100")],
        "reason_code": "correction",
        "description": "counted again",
        "effective_at": "2026-01-01",
        **more,
    }


def migration(loan_id: UUID | str | None = None) -> dict[str, Any]:
    more = {
        "loan_id": str(loan_id or uuid4()),
        "borrower_id": str(uuid4()),
        "accrued_through": "2025-12-31",
    }
    return {**adjustment(**more), "lines": [line("1100", "DR"), line("3000", "CR")]}


SOUND: Final = {
    "/v1/disbursements": disbursement,
    "/v1/payments": payment,
    "/v1/reversals": reversal,
    "/v1/accruals/batch": accrual,
    "/v1/disbursement-settlements": settlement,
    "/v1/payment-allocations": allocation,
    "/v1/payment-returns": payment_return,
    "/v1/fees": fee,
    "/v1/fee-waivers": waiver,
    "/v1/charge-offs": charge_off,
    "/v1/recoveries": recovery,
    "/v1/restructures": restructure,
    "/v1/refinances": refinance,
    "/v1/manual-adjustments": adjustment,
}
"""What each POST requires and no more, but for the batch's currency."""

_MORE: Final[dict[str, dict[str, Any]]] = {
    "/v1/disbursements": {"destination_ref": "acct-7731"},
    "/v1/payments": {"allocation": "auto"},
    "/v1/reversals": {"loan_id": str(PROGRAM)},
    "/v1/disbursement-settlements": {
        "loan_id": str(PROGRAM),
        "amount_minor": "500",
        "currency": "USD",
    },
    "/v1/payment-allocations": {"split": {"fees_minor": "100", "principal_minor": "400"}},
    "/v1/payment-returns": {"loan_id": str(PROGRAM)},
    "/v1/refinances": {"additional_principal_minor": "500", "currency": "USD"},
    "/v1/manual-adjustments": {
        "loan_id": str(PROGRAM),
        "borrower_id": str(PROGRAM),
        "accrued_through": "2025-12-31",
        "lines": [line("1100", "DR"), line("3000", "CR")],
    },
}
REMARKS: Final = {"description": "words", "external_ref": "ref-1", "metadata": {"a": "b"}}


def full(path: str) -> dict[str, Any]:
    """A sound body with every member that the POST takes."""
    remarks = {} if path == "/v1/accruals/batch" else REMARKS
    return {**SOUND[path](), **_MORE.get(path, {}), **remarks}
