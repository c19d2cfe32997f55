"""Examples of every request, told as the life of a few loans. Data only.

They are posted, in the order in which they stand here, by a test that puts the ids of its own
loans and of what it has posted in the place of these.
"""

import json
from typing import Any, Final

LOAN: Final = "1a0a0675-e250-446b-a48d-7d8719bde35e"
NEW_LOAN: Final = "5b7d3f0e-9a41-4b0c-8f4f-2f4f8a0c6d11"
MIGRATED_LOAN: Final = "c2e5a8f4-3d6b-4e17-9b0a-71d0c4e6f3a2"
BORROWER: Final = "4b0a6e0e-51a5-4a3c-8a3c-6f4b4f1c2a57"
PROGRAM: Final = "0d1f5a3e-5c7b-4d5e-9c3a-6f1b2c3d4e5f"
DISBURSEMENT_EVENT: Final = "01a20e3f-5a3f-8009-9002-f5ab7f4057d7"
ADDITIONAL_DISBURSEMENT_EVENT: Final = "01a20e3f-71b2-8004-8d3c-f5ab7f4057d7"
PAYMENT_EVENT: Final = "01a20e3f-63d8-8009-9002-f5ab7f4057d7"
RESTRUCTURE_ENTRY: Final = "01a20e3f-6c05-8009-a4da-86692d649f8b"
PERIOD: Final = "2026-01"


def _usd(amount_minor: str) -> dict[str, str]:
    return {"amount_minor": amount_minor, "currency": "USD"}


def _line(account_code: str, direction: str, amount_minor: str) -> dict[str, str]:
    account = {"account_code": account_code, "direction": direction}
    return {**account, **_usd(amount_minor), "layer": "SETTLED"}


_OF_LOAN: Final = {"loan_id": LOAN}
_OF_BORROWER: Final = {"loan_id": LOAN, "borrower_id": BORROWER}

EXAMPLES: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "Disbursement": {
        "opening": {
            **_OF_BORROWER,
            **_usd("100000"),
            "effective_at": "2026-01-05",
            "method": "ach",
            "destination_ref": "acct-7731",
            "metadata": {"branch": "north"},
        }
    },
    "DisbursementSettlement": {
        "whole": {"disbursement_event_id": DISBURSEMENT_EVENT, "effective_at": "2026-01-06"},
        "stated": {
            "disbursement_event_id": ADDITIONAL_DISBURSEMENT_EVENT,
            **_usd("50000"),
            "effective_at": "2026-03-03",
        },
    },
    "AccrualBatch": {
        "month": {
            "program_id": PROGRAM,
            "accrual_date": "2026-01-31",
            "day_count_convention": "ACT_365",
            "currency": "USD",
            "expected_loan_count": 1,
            "expected_total_minor": "822",
            "loans": [
                {
                    "loan_id": LOAN,
                    "outstanding_principal_minor": "100000",
                    "interest_minor": "822",
                }
            ],
        }
    },
    "Fee": {"late": {**_OF_LOAN, **_usd("500"), "effective_at": "2026-02-01", "fee_type": "late"}},
    "Payment": {
        "by_waterfall": {
            **_OF_BORROWER,
            **_usd("11322"),
            "effective_at": "2026-02-02",
            "source_method": "ach",
            "external_ref": "ach-trace-091000019",
        },
        "held": {
            **_OF_BORROWER,
            **_usd("5000"),
            "effective_at": "2026-02-10",
            "source_method": "check",
            "allocation": "hold",
        },
    },
    "PaymentReturn": {
        "insufficient_funds": {
            "payment_event_id": PAYMENT_EVENT,
            "return_code": "R01",
            "effective_at": "2026-02-05",
        }
    },
    "PaymentAllocation": {
        "split": {
            **_OF_LOAN,
            **_usd("4000"),
            "effective_at": "2026-02-11",
            "split": {"fees_minor": "0", "principal_minor": "4000"},
        }
    },
    "FeeWaiver": {
        "goodwill": {
            **_OF_LOAN,
            **_usd("200"),
            "effective_at": "2026-02-13",
            "reason_code": "goodwill",
            "description": "first late payment in three years",
        }
    },
    "Restructure": {
        "capitalised": {
            **_OF_LOAN,
            "effective_at": "2026-02-14",
            "capitalize_interest_minor": "822",
            "capitalize_fees_minor": "300",
        }
    },
    "Reversal": {
        "of_an_entry": {
            "reverses_entry_id": RESTRUCTURE_ENTRY,
            "reason_code": "error_correction",
            "reason_description": "the borrower did not sign",
            "effective_at": "2026-02-15",
        }
    },
    "Refinance": {
        "with_more": {
            **_OF_LOAN,
            "new_loan_id": NEW_LOAN,
            "additional_principal_minor": "50000",
            "currency": "USD",
            "effective_at": "2026-03-02",
        }
    },
    "ChargeOff": {
        "delinquent": {
            "loan_id": NEW_LOAN,
            "effective_at": "2026-09-30",
            "reason_code": "delinquency",
        }
    },
    "Recovery": {
        "after_charge_off": {
            "loan_id": NEW_LOAN,
            **_usd("2500"),
            "effective_at": "2026-10-15",
            "source_method": "ach",
        }
    },
    "ManualAdjustment": {
        "migration": {
            "loan_id": MIGRATED_LOAN,
            "borrower_id": BORROWER,
            "accrued_through": "2025-12-31",
            "effective_at": "2026-01-01",
            "reason_code": "migration",
            "description": "opening balance from the old system",
            "lines": [_line("1100", "DR", "750000"), _line("3000", "CR", "750000")],
        },
        "refund": {
            **_OF_LOAN,
            "effective_at": "2026-02-12",
            "reason_code": "refund",
            "description": "the rest of the cheque goes back",
            "lines": [_line("2100", "DR", "1000"), _line("1000", "CR", "1000")],
        },
    },
    "PeriodClose": {"month": {}},
    "QuarantineResume": {"loan": {}},
    "QuarantineReject": {"command": {"explanation": "The sender has posted it by another key."}},
}
"""Operation's name -> its examples by name."""


def _as_lines(batch: dict[str, Any]) -> str:
    first = {name: value for name, value in batch.items() if name != "loans"}
    return "".join(json.dumps(line) + "\n" for line in (first, *batch["loans"]))


AS_LINES: Final = {title: _as_lines(batch) for title, batch in EXAMPLES["AccrualBatch"].items()}
"""The examples of an accrual batch as NDJSON."""
