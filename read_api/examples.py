"""Example answers for the OpenAPI, one for each kind of result. Data only.

They tell one small story: 1,000.00 lent on 5 January, 8.22 of interest, 108.22 paid. A test holds
every example against its schema.
"""

from typing import Any, Final

Example = dict[str, Any]

_LOAN_ID: Final = "1a0a0675-e250-446b-a48d-7d8719bde35e"
_BORROWER_ID: Final = "4b0a6e0e-51a5-4a3c-8a3c-6f4b4f1c2a57"
_PAYMENT_ID: Final = "01a20e3f-6c11-8009-a4da-86692d649f8b"
_PAID_AT: Final = "2026-02-02T09:12:44.018231Z"


def _owed(principal: str, interest: str, total: str) -> Example:
    return {
        "principal_outstanding_minor": principal,
        "interest_receivable_minor": interest,
        "fees_receivable_minor": "0",
        "total_exposure_minor": total,
        "suspense_minor": "0",
    }


def _line(sequence: int, account_code: str, direction: str, amount: str) -> Example:
    return {
        "sequence": sequence,
        "account_code": account_code,
        "direction": direction,
        "amount_minor": amount,
        "currency": "USD",
        "layer": "SETTLED",
        "loan_id": _LOAN_ID,
        "borrower_id": _BORROWER_ID,
        "external_ref": "ach-20260202-17",
    }


def _sides(debit: str, credit: str) -> Example:
    return {"dr_balance_minor": debit, "cr_balance_minor": credit}


def _account(code: str, name: str, debit: str, credit: str) -> Example:
    account = {"account_code": code, "account_name": name, "currency": "USD", "layer": "SETTLED"}
    return {**account, **_sides(debit, credit)}


_BALANCE: Final[Example] = {
    "loan_id": _LOAN_ID,
    "currency": "USD",
    "as_of_date": "2026-02-02",
    **_owed("90000", "0", "90000"),
    "status": "active",
    "borrower_id": _BORROWER_ID,
    "last_activity_at": _PAID_AT,
}
_LOAN: Final[Example] = {
    **_BALANCE,
    "opened_on": "2026-01-05",
    "unsettled_minor": "0",
    "accrued_through": "2026-01-31",
    "quarantined": False,
    "collected_principal_minor": "10000",
    "collected_interest_minor": "822",
    "collected_fees_minor": "0",
    "recovered_minor": "0",
}
_LINES: Final = [
    _line(1, "1000", "DR", "10822"),
    _line(2, "1200", "CR", "822"),
    _line(3, "1100", "CR", "10000"),
]
_ENTRY: Final[Example] = {
    "journal_entry_id": _PAYMENT_ID,
    "event_type": "payment_received",
    "effective_at": "2026-02-02",
    "posted_at": _PAID_AT,
    "lines": _LINES,
    "correlation_id": "01a20e3f-6c11-8009-9c4e-e60c38a5cab9",
    "reverses_entry_id": None,
    "reversed_by_entry_id": None,
    "description": "February instalment",
    "actor": "servicing",
    "metadata": {"instalment": "1"},
    "details": {"source_method": "ach"},
}
_TOKEN: Final = "Hk3l9x0pQ4c2mVtY7bWnRj8aZs5dGf6eUiOoKqLwXhE"

EXAMPLES: Final[dict[str, Example]] = {
    "LoanBalance": _BALANCE,
    "Loan": _LOAN,
    "LoanPage": {"items": [_LOAN], "next_page_token": _TOKEN},
    "LoanStatement": {
        "loan_id": _LOAN_ID,
        "borrower_id": _BORROWER_ID,
        "currency": "USD",
        "from_date": "2026-02-01",
        "to_date": "2026-02-28",
        "opening_balance": _owed("100000", "822", "100822"),
        "entries": [
            {
                **{name: _ENTRY[name] for name in ("journal_entry_id", "event_type")},
                **{name: _ENTRY[name] for name in ("effective_at", "posted_at", "description")},
                "external_ref": "ach-20260202-17",
                "reverses_entry_id": None,
                "reversed_by_entry_id": None,
                "lines": _LINES,
                "balance": _owed("90000", "0", "90000"),
            }
        ],
        "closing_balance": _owed("90000", "0", "90000"),
    },
    "AccountBalance": {
        **_account("1000", "Cash", "10822", "100000"),
        "as_of_date": "2026-02-02",
        "normal_balance_minor": "-89178",
    },
    "Accounts": {
        "items": [{"account_code": "1000", "account_name": "Cash", "normal_side": "DR"}],
    },
    "TrialBalance": {
        "as_of_date": "2026-02-28",
        "known_at": None,
        "items": [
            _account("1000", "Cash", "10822", "100000"),
            _account("1100", "Principal Receivable", "100000", "10000"),
            _account("1200", "Interest Receivable", "822", "822"),
            _account("2000", "Disbursement Clearing", "100000", "100000"),
            _account("4000", "Interest Income", "0", "822"),
        ],
        "totals": [{"currency": "USD", "layer": "SETTLED", **_sides("211644", "211644")}],
    },
    "Periods": {
        "items": [
            {"period": "2026-01", "status": "closed", "closed_at": "2026-02-03T08:00:00.250000Z"},
            {"period": "2026-02", "status": "open", "closed_at": None},
        ],
        "next_page_token": _TOKEN,
    },
    "JournalEntry": _ENTRY,
    "JournalPage": {"items": [_ENTRY]},
    "WholeJournalPage": {"items": [{**_ENTRY, "part": 0}], "next_page_token": _TOKEN},
    "QuarantinePage": {
        "items": [
            {
                "command_id": "01a20e3f-63d8-8009-94f8-d6a0b0f1f2c3",
                "command_type": "Payment",
                "loan_id": "1a0a0675-e250-446b-a48d-7d8719bde35e",
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
    },
    "Live": {"status": "ok", "version": "0.1.0", "git_sha": "8f3b1c0"},
    "Ready": {"status": "ready"},
}
"""Result -> what it looks like. The members are as the answer's schema has them."""
