"""The bodies of the read edge's answers as JSON schemas, for the OpenAPI. Data only."""

from typing import Any, Final

from read_api.parameters import STATUSES
from schemas.commands import LAYERS
from schemas.event_types import EVENT_TYPES

_ID: Final = {"type": "string", "format": "uuid"}
_DATE: Final = {"type": "string", "format": "date"}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_TEXT: Final = {"type": "string"}
_NUMBER: Final = {"type": "integer", "minimum": 0}
_MONEY: Final = {"type": "string", "pattern": "^(0|[1-9][0-9]*)$"}
_SIGNED_MONEY: Final = {"type": "string", "pattern": "^(0|-?[1-9][0-9]*)$"}


def _object(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _page(item: str) -> dict[str, Any]:
    properties = {"items": _list(_ref(item)), "next_page_token": _TEXT}
    return _object(properties, optional=("next_page_token",))


def _list(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": schema}


_BALANCE: Final = {
    "loan_id": _ID,
    "currency": _TEXT,
    "as_of_date": _DATE,
    "principal_outstanding_minor": _SIGNED_MONEY,
    "interest_receivable_minor": _SIGNED_MONEY,
    "fees_receivable_minor": _SIGNED_MONEY,
    "total_exposure_minor": _SIGNED_MONEY,
    "suspense_minor": _SIGNED_MONEY,
    "status": {"enum": list(STATUSES)},
    "borrower_id": _ID,
    "last_activity_at": _or_null(_INSTANT),
}
_OWED: Final = (
    "principal_outstanding_minor",
    "interest_receivable_minor",
    "fees_receivable_minor",
    "total_exposure_minor",
    "suspense_minor",
)
_LOAN: Final = {
    **_BALANCE,
    "opened_on": _DATE,
    "unsettled_minor": _MONEY,
    "accrued_through": _or_null(_DATE),
    "quarantined": {"type": "boolean"},
    "collected_principal_minor": _MONEY,
    "collected_interest_minor": _MONEY,
    "collected_fees_minor": _MONEY,
    "recovered_minor": _MONEY,
}
_LAYER: Final = {"enum": list(LAYERS)}
_EVENT_TYPE: Final = {"enum": list(EVENT_TYPES)}
_SIDES: Final = {"dr_balance_minor": _MONEY, "cr_balance_minor": _MONEY}
_ACCOUNT: Final = {"account_code": _TEXT, "account_name": _TEXT}
_LINE: Final = {
    "sequence": {"type": "integer", "minimum": 1},
    "account_code": _TEXT,
    "direction": {"enum": ["DR", "CR"]},
    "amount_minor": _MONEY,
    "currency": _TEXT,
    "layer": _LAYER,
    "loan_id": _or_null(_ID),
    "borrower_id": _or_null(_ID),
    "external_ref": _or_null(_TEXT),
}
_ENTRY: Final = {
    "journal_entry_id": _ID,
    "event_type": _EVENT_TYPE,
    "effective_at": _DATE,
    "posted_at": _INSTANT,
    "lines": _list(_object(_LINE)),
    "correlation_id": _ID,
    "reverses_entry_id": _or_null(_ID),
    "reversed_by_entry_id": _or_null(_ID),
    "description": _or_null(_TEXT),
    "actor": _TEXT,
    "metadata": {"type": "object", "additionalProperties": _TEXT},
    "details": {"type": "object", "additionalProperties": _TEXT},
    "next_page_token": _TEXT,
}
SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "LoanBalance": _object(_BALANCE),
    "Loan": _object(_LOAN),
    "LoanPage": _page("Loan"),
    "LoanStatement": _object(
        {
            "loan_id": _ID,
            "borrower_id": _ID,
            "currency": _TEXT,
            "from_date": _DATE,
            "to_date": _DATE,
            "opening_balance": _ref("StatementBalance"),
            "entries": _list(_ref("StatementEntry")),
            "closing_balance": _ref("StatementBalance"),
        }
    ),
    "StatementBalance": _object(dict.fromkeys(_OWED, _SIGNED_MONEY)),
    "StatementEntry": _object(
        {
            "journal_entry_id": _ID,
            "event_type": _EVENT_TYPE,
            "effective_at": _DATE,
            "posted_at": _INSTANT,
            "description": _or_null(_TEXT),
            "external_ref": _or_null(_TEXT),
            "reverses_entry_id": _or_null(_ID),
            "reversed_by_entry_id": _or_null(_ID),
            "lines": _list(_object(_LINE)),
            "balance": _ref("StatementBalance"),
        }
    ),
    "AccountBalance": _object(
        {
            **_ACCOUNT,
            "currency": _TEXT,
            "layer": _LAYER,
            "as_of_date": _DATE,
            **_SIDES,
            "normal_balance_minor": _SIGNED_MONEY,
        }
    ),
    "Accounts": _object(
        {"items": _list(_object({**_ACCOUNT, "normal_side": {"enum": ["DR", "CR"]}}))}
    ),
    "TrialBalance": _object(
        {
            "as_of_date": _DATE,
            "known_at": _or_null(_INSTANT),
            "items": _list(_object({**_ACCOUNT, "currency": _TEXT, "layer": _LAYER, **_SIDES})),
            "totals": _list(_object({"currency": _TEXT, "layer": _LAYER, **_SIDES})),
        }
    ),
    "Period": _object(
        {
            "period": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$"},
            "status": {"enum": ["open", "closing", "closed"]},
            "closed_at": _or_null(_INSTANT),
        }
    ),
    "Periods": _page("Period"),
    "JournalEntry": _object(_ENTRY, optional=("next_page_token",)),
    "JournalPage": _page("JournalEntry"),
    "JournalEntryPart": _object(
        {**{name: of for name, of in _ENTRY.items() if name != "next_page_token"}, "part": _NUMBER}
    ),
    "WholeJournalPage": _page("JournalEntryPart"),
    "QuarantinedCommand": _object(
        {
            "command_id": _ID,
            "command_type": _TEXT,
            "loan_id": _or_null(_ID),
            "idempotency_key": _TEXT,
            "correlation_id": _ID,
            "partition_id": _NUMBER,
            "command_offset": _NUMBER,
            "reason": _or_null(_TEXT),
            "is_answered": {"type": "boolean"},
            "appended_at": _INSTANT,
            "quarantined_at": _INSTANT,
        }
    ),
    "QuarantinePage": _page("QuarantinedCommand"),
    "DeadLetter": _object(
        {
            "partition_id": _NUMBER,
            "command_offset": _NUMBER,
            "reason": _TEXT,
            "appended_at": _INSTANT,
            "claimed_type": _or_null(_TEXT),
            "key": _or_null(_TEXT),
            "value_beginning": _or_null(_TEXT),
            "value_length": _NUMBER,
            "headers": _list(_object({"name": _TEXT, "value": _TEXT})),
        }
    ),
    "DeadLetterPage": _page("DeadLetter"),
    "OperationsStatus": _object(
        {
            "status": {"enum": ["running", "quarantined", "halted"]},
            "partitions": _list(
                _object(
                    {
                        "partition_id": _NUMBER,
                        "next_offset": _NUMBER,
                        "last_entry_seq": _NUMBER,
                        "reached_at": _INSTANT,
                        "lag_seconds": _NUMBER,
                        "lag_commands": _or_null(_NUMBER),
                        "held_back_commands": _or_null(_NUMBER),
                        "halted_because": _or_null(_TEXT),
                        "quarantined_count": _NUMBER,
                        "lease_epoch": _NUMBER,
                        "lease_taken_at": _or_null(_INSTANT),
                        "fenced_writer_count": _NUMBER,
                    }
                )
            ),
            "halted_partitions": _list(_NUMBER),
            "quarantined_count": _NUMBER,
            "dead_letter_count": _NUMBER,
            "lag_seconds": _NUMBER,
            "lag_commands": _NUMBER,
            "fenced_writer_count": _NUMBER,
            "deliveries": _list(
                _object(
                    {
                        "name": {"enum": ["journal_topic", "webhooks"]},
                        "lag_entries": _NUMBER,
                        "lag_seconds": _NUMBER,
                        "halted_partitions": _list(_NUMBER),
                        "halted_because": _or_null(_TEXT),
                    }
                )
            ),
        }
    ),
    "Finding": _object(
        {
            "finding_id": _NUMBER,
            "kind": _TEXT,
            "detail": _TEXT,
            **dict.fromkeys(("partition_id", "entry_seq"), _or_null(_NUMBER)),
            **dict.fromkeys(("journal_entry_id", "loan_id"), _or_null(_ID)),
            **dict.fromkeys(("account_code", "currency", "layer"), _or_null(_TEXT)),
            "booked_on": _or_null(_DATE),
            **dict.fromkeys(("expected", "found"), _or_null(_TEXT)),
            "found_at": _INSTANT,
            "cleared_at": _or_null(_INSTANT),
        }
    ),
    "ReconciliationStatus": _object(
        {
            "as_of_date": _DATE,
            "ledger_integrity": _object(
                {
                    "status": {"enum": ["ok", "mismatch", "unknown"]},
                    "mismatched_account_count": _NUMBER,
                    "checked_at": _or_null(_INSTANT),
                }
            ),
            "bank_reconciliation": _list(
                _object(
                    {
                        "bank_account_ref": _TEXT,
                        "status": {"enum": ["ok", "mismatch"]},
                        "difference_minor": _SIGNED_MONEY,
                        "currency": _TEXT,
                        "unmatched_line_count": _NUMBER,
                        "unmatched_entry_count": _NUMBER,
                        "checked_at": _INSTANT,
                    }
                )
            ),
            "portfolio_rollup": _object(
                {
                    "status": {"enum": ["ok", "mismatch", "unknown"]},
                    "gl_principal_minor": _SIGNED_MONEY,
                    "sum_of_loan_balances_minor": _SIGNED_MONEY,
                    "currency": _or_null(_TEXT),
                    "checked_at": _or_null(_INSTANT),
                }
            ),
            "findings": _list(_ref("Finding")),
        }
    ),
    "ReconciliationRun": _object(
        {
            "run_id": _NUMBER,
            "trigger": {"enum": ["schedule", "request"]},
            "started_at": _INSTANT,
            "finished_at": _INSTANT,
            "status": {"enum": ["ok", "mismatch", "incomplete"]},
            "incomplete_because": _or_null(_TEXT),
            "finding_count": _NUMBER,
            "findings": _list(_ref("Finding")),
        }
    ),
    "ReconciliationRunPage": _page("ReconciliationRun"),
    "Unmatched": _object(
        {
            "source": {"enum": ["bank", "ledger"]},
            "bank_account_ref": _or_null(_TEXT),
            "moved_on": _DATE,
            "direction": {"enum": ["in", "out"]},
            "amount_minor": _MONEY,
            "currency": _TEXT,
            "reference": _or_null(_TEXT),
            "description": _or_null(_TEXT),
            "journal_entry_id": _or_null(_ID),
        }
    ),
    "UnmatchedPage": _page("Unmatched"),
    "Live": _object({"status": _TEXT, "version": _TEXT, "git_sha": _TEXT}),
    "Ready": _object(
        {"status": _TEXT, "warnings": {"type": "object", "additionalProperties": _TEXT}},
        optional=("warnings",),
    ),
}
