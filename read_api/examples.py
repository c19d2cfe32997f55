"""Example answers for the OpenAPI, one for each kind of result. Data only.

They are read from the books that the write edge's examples leave: 1,000.00 lent on 5 January, 8.22
of interest and a fee of 5.00, all paid with 113.22 on 2 February, which the bank returns on the
5th; beside it a loan of 7,500.00 from an older system. A test posts the one and reads the other.
"""

from typing import Any, Final

from schemas.chart_of_accounts import CHART

Example = dict[str, Any]

_LOAN_ID: Final = "1a0a0675-e250-446b-a48d-7d8719bde35e"
_MIGRATED_LOAN_ID: Final = "c2e5a8f4-3d6b-4e17-9b0a-71d0c4e6f3a2"
_BORROWER_ID: Final = "4b0a6e0e-51a5-4a3c-8a3c-6f4b4f1c2a57"
_FEE_ID: Final = "01a20e3f-6011-8009-a4da-86692d649f8b"
_PAYMENT_ID: Final = "01a20e3f-63d8-8009-a4da-86692d649f8b"
_RETURN_ID: Final = "01a20e3f-6544-8009-a4da-86692d649f8b"
_ASSESSED_AT: Final = "2026-02-01T08:00:00.140000Z"
_PAID_AT: Final = "2026-02-02T09:12:44.018000Z"
_RETURNED_AT: Final = "2026-02-05T10:30:01.377000Z"
_REFERENCE: Final = "ach-trace-091000019"


def _owed(principal: str, interest: str, fees: str, total: str) -> Example:
    return {
        "principal_outstanding_minor": principal,
        "interest_receivable_minor": interest,
        "fees_receivable_minor": fees,
        "total_exposure_minor": total,
        "suspense_minor": "0",
    }


_OWED_BEFORE: Final = _owed("100000", "822", "0", "100822")
_OWED_WITH_FEE: Final = _owed("100000", "822", "500", "101322")
_OWED_WHEN_PAID: Final = _owed("90000", "0", "0", "90000")


def _lines(external_ref: str | None, *lines: tuple[str, str, str]) -> list[Example]:
    return [
        {
            "sequence": sequence,
            "account_code": account_code,
            "direction": direction,
            "amount_minor": amount,
            "currency": "USD",
            "layer": "SETTLED",
            "loan_id": _LOAN_ID,
            "borrower_id": _BORROWER_ID,
            "external_ref": external_ref,
        }
        for sequence, (account_code, direction, amount) in enumerate(lines, 1)
    ]


def _sides(debit: str, credit: str) -> Example:
    return {"dr_balance_minor": debit, "cr_balance_minor": credit}


def _account(code: str, debit: str, credit: str) -> Example:
    account = {"account_code": code, "account_name": CHART[code].name}
    return {**account, "currency": "USD", "layer": "SETTLED", **_sides(debit, credit)}


_BALANCE: Final[Example] = {
    "loan_id": _LOAN_ID,
    "currency": "USD",
    "as_of_date": "2026-02-02",
    **_OWED_WHEN_PAID,
    "status": "active",
    "borrower_id": _BORROWER_ID,
    "last_activity_at": _PAID_AT,
}
_LOAN: Final[Example] = {
    **_BALANCE,
    **_owed("750000", "0", "0", "750000"),
    "loan_id": _MIGRATED_LOAN_ID,
    "opened_on": "2026-01-01",
    "unsettled_minor": "0",
    "accrued_through": "2025-12-31",
    "quarantined": False,
    "collected_principal_minor": "0",
    "collected_interest_minor": "0",
    "collected_fees_minor": "0",
    "recovered_minor": "0",
}
_PAID: Final = _lines(
    _REFERENCE,
    ("1000", "DR", "11322"),
    ("1300", "CR", "500"),
    ("1200", "CR", "822"),
    ("1100", "CR", "10000"),
)
_RETURNED: Final = _lines(
    _REFERENCE,
    ("1000", "CR", "11322"),
    ("1100", "DR", "10000"),
    ("1200", "DR", "822"),
    ("1300", "DR", "500"),
)
_ENTRY: Final[Example] = {
    "journal_entry_id": _PAYMENT_ID,
    "event_type": "payment_received",
    "effective_at": "2026-02-02",
    "posted_at": _PAID_AT,
    "lines": _PAID,
    "correlation_id": "01a20e3f-63d8-8009-9c4e-e60c38a5cab9",
    "reverses_entry_id": None,
    "reversed_by_entry_id": _RETURN_ID,
    "description": None,
    "actor": "servicing",
    "metadata": {},
    "details": {"source_method": "ach"},
}


def _on_statement(
    entry_id: str, event_type: str, day: str, posted_at: str, lines: list[Example], owed: Example
) -> Example:
    return {
        "journal_entry_id": entry_id,
        "event_type": event_type,
        "effective_at": day,
        "posted_at": posted_at,
        "description": None,
        "external_ref": lines[0]["external_ref"],
        "reverses_entry_id": _PAYMENT_ID if entry_id == _RETURN_ID else None,
        "reversed_by_entry_id": _RETURN_ID if entry_id == _PAYMENT_ID else None,
        "lines": lines,
        "balance": owed,
    }


_FEE_LINES: Final = _lines(None, ("1300", "DR", "500"), ("4100", "CR", "500"))
_STATEMENT_ENTRIES: Final = [
    _on_statement(_FEE_ID, "fee_assessed", "2026-02-01", _ASSESSED_AT, _FEE_LINES, _OWED_WITH_FEE),
    _on_statement(_PAYMENT_ID, "payment_received", "2026-02-02", _PAID_AT, _PAID, _OWED_WHEN_PAID),
    _on_statement(
        _RETURN_ID, "payment_returned", "2026-02-05", _RETURNED_AT, _RETURNED, _OWED_WITH_FEE
    ),
]

_FINDING: Final = {
    "finding_id": 1,
    "kind": "entry_differs",
    "detail": "entry 01a20e3f-63d8-8009-a4da-86692d649f8b (9:4650) is not as it was published: "
    "line 1 was DR 1000 10822 USD SETTLED, and is DR 1000 10823 USD SETTLED",
    "partition_id": 9,
    "entry_seq": 4650,
    "journal_entry_id": "01a20e3f-63d8-8009-a4da-86692d649f8b",
    "loan_id": _LOAN_ID,
    "account_code": "1000",
    "currency": "USD",
    "layer": "SETTLED",
    "booked_on": "2026-02-02",
    "expected": "DR 1000 10822 USD SETTLED",
    "found": "DR 1000 10823 USD SETTLED",
    "found_at": "2026-02-02T08:00:05.000000Z",
    "cleared_at": None,
}

EXAMPLES: Final[dict[str, Example]] = {
    "LoanBalance": _BALANCE,
    "Loan": _LOAN,
    "LoanPage": {"items": [_LOAN]},
    "LoanStatement": {
        "loan_id": _LOAN_ID,
        "borrower_id": _BORROWER_ID,
        "currency": "USD",
        "from_date": "2026-02-01",
        "to_date": "2026-02-05",
        "opening_balance": _OWED_BEFORE,
        "entries": _STATEMENT_ENTRIES,
        "closing_balance": _OWED_WITH_FEE,
    },
    "AccountBalance": {
        **_account("1000", "16322", "112322"),
        "as_of_date": "2026-02-28",
        "normal_balance_minor": "-96000",
    },
    "Accounts": {
        "items": [
            {
                "account_code": account.code,
                "account_name": account.name,
                "normal_side": account.normal_side,
            }
            for account in CHART.values()
        ]
    },
    "TrialBalance": {
        "as_of_date": "2026-01-31",
        "known_at": None,
        "items": [
            _account("1000", "0", "100000"),
            _account("1100", "850000", "0"),
            _account("1200", "822", "0"),
            _account("2000", "100000", "100000"),
            _account("3000", "0", "750000"),
            _account("4000", "0", "822"),
        ],
        "totals": [{"currency": "USD", "layer": "SETTLED", **_sides("950822", "950822")}],
    },
    "Periods": {
        "items": [
            {"period": "2026-01", "status": "closed", "closed_at": "2026-02-03T08:00:00.250000Z"},
            {"period": "2026-02", "status": "open", "closed_at": None},
        ],
        "next_page_token": "Hk3l9x0pQ4c2mVtY7bWnRj8aZs5dGf6eUiOoKqLwXhE",
    },
    "JournalEntry": _ENTRY,
    "JournalPage": {"items": [_ENTRY]},
    "WholeJournalPage": {"items": [{**_ENTRY, "part": 0}]},
    "QuarantinePage": {
        "items": [
            {
                "command_id": "01a20e3f-63d8-8009-94f8-d6a0b0f1f2c3",
                "command_type": "Payment",
                "loan_id": _LOAN_ID,
                "idempotency_key": "payment-2026-02-02-7731",
                "correlation_id": "01a20e3f-63d8-8009-94f8-d6a0b0f1f2c3",
                "partition_id": 9,
                "command_offset": 4711,
                "reason": "loan 1a0a0675-e250-446b-a48d-7d8719bde35e would fall below zero",
                "is_answered": False,
                "appended_at": "2026-02-02T08:00:00.250000Z",
                "quarantined_at": "2026-02-02T08:00:00.250000Z",
            }
        ],
    },
    "DeadLetterPage": {
        "items": [
            {
                "partition_id": 3,
                "command_offset": 17,
                "reason": "unsigned: no signature, or no value",
                "appended_at": "2026-02-02T08:00:00.250000Z",
                "claimed_type": None,
                "key": "aw==",
                "value_beginning": "dg==",
                "value_length": 1,
                "headers": [{"name": "source", "value": "eA=="}],
            }
        ],
    },
    "OperationsStatus": {
        "status": "quarantined",
        "partitions": [
            {
                "partition_id": 9,
                "next_offset": 4712,
                "last_entry_seq": 4650,
                "reached_at": "2026-02-02T08:00:05.000000Z",
                "lag_seconds": 2,
                "lag_commands": 3,
                "held_back_commands": 0,
                "halted_because": None,
                "quarantined_count": 1,
                "lease_epoch": 3,
                "lease_taken_at": "2026-02-01T06:00:00.000000Z",
                "fenced_writer_count": 1,
            }
        ],
        "halted_partitions": [],
        "quarantined_count": 1,
        "dead_letter_count": 0,
        "lag_seconds": 2,
        "lag_commands": 3,
        "fenced_writer_count": 1,
        "deliveries": [
            {
                "name": "journal_topic",
                "lag_entries": 2,
                "lag_seconds": 0,
                "halted_partitions": [],
                "halted_because": None,
            }
        ],
    },
    "ReconciliationStatus": {
        "as_of_date": "2026-02-02",
        "ledger_integrity": {
            "status": "mismatch",
            "mismatched_account_count": 1,
            "checked_at": "2026-02-02T08:00:05.000000Z",
        },
        "bank_reconciliation": [
            {
                "bank_account_ref": "operating-usd",
                "status": "mismatch",
                "difference_minor": "-2500",
                "currency": "USD",
                "unmatched_line_count": 1,
                "unmatched_entry_count": 0,
                "checked_at": "2026-02-02T08:00:05.000000Z",
            }
        ],
        "portfolio_rollup": {
            "status": "ok",
            "gl_principal_minor": "90000",
            "sum_of_loan_balances_minor": "90000",
            "currency": "USD",
            "checked_at": "2026-02-02T08:00:05.000000Z",
        },
        "findings": [_FINDING],
    },
    "ReconciliationRunPage": {
        "items": [
            {
                "run_id": 4711,
                "trigger": "schedule",
                "started_at": "2026-02-02T08:00:04.000000Z",
                "finished_at": "2026-02-02T08:00:05.000000Z",
                "status": "mismatch",
                "incomplete_because": None,
                "finding_count": 1,
                "findings": [_FINDING],
            }
        ],
    },
    "UnmatchedPage": {
        "items": [
            {
                "source": "bank",
                "bank_account_ref": "operating-usd",
                "moved_on": "2026-02-02",
                "direction": "out",
                "amount_minor": "2500",
                "currency": "USD",
                "reference": None,
                "description": "account fee",
                "journal_entry_id": None,
            }
        ],
    },
    "Live": {"status": "ok", "version": "0.1.0", "git_sha": "8f3b1c0"},
    "Ready": {"status": "ready"},
}
"""Result -> what it looks like. The members are as the answer's schema has them."""
