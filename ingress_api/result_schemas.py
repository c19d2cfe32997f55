"""The JSON schemas of what the write edge answers: results, progress, problems. Data only."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemas.problems import CATALOGUE, FAULTS, REFUSALS

ID: Final = {"type": "string", "format": "uuid"}
MONEY: Final = {"type": "string", "pattern": "^(0|[1-9][0-9]{0,17})$"}
INSTANT: Final = {"type": "string", "format": "date-time"}
DATE: Final = {"type": "string", "format": "date"}
TEXT: Final = {"type": "string"}
PERIOD: Final = {"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"}
COUNT: Final = {"type": "integer", "minimum": 0}
REFUSAL: Final = {"enum": list(REFUSALS)}


def object_of(properties: Mapping[str, object], optional: Sequence[str] = ()) -> dict[str, Any]:
    """An object that has all of these members, but for the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def or_null(schema: Mapping[str, object]) -> dict[str, Any]:
    """The same, or null."""
    return {"anyOf": [dict(schema), {"type": "null"}]}


def list_of(schema: Mapping[str, object]) -> dict[str, Any]:
    """An array of these."""
    return {"type": "array", "items": dict(schema)}


def ref(name: str) -> dict[str, str]:
    """A named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


_DRY_RUN: Final = {"dry_run": {"const": True, "description": "Nothing was posted."}}
_ENTRY: Final = {"journal_entry_id": ID, "posted_at": INSTANT, "correlation_id": ID}
_BY_RECEIVABLE: Final = {
    f"{name}_minor": MONEY for name in ("fees", "interest", "principal", "suspense")
}
_EXPLAINED: Final = object_of(
    {
        "receivable": {"enum": ["fees", "interest", "principal"]},
        "rule": {**TEXT, "description": "`waterfall/<version>`, `hold` or `split`."},
        "owed_minor": MONEY,
        "applied_minor": MONEY,
    }
)
_ALLOCATION: Final = object_of({**_BY_RECEIVABLE, "explained": list_of(_EXPLAINED)})
_BATCH_RESULT: Final = {
    "accrual_event_id": ID,
    "journal_entry_id": or_null(ID),
    "loan_count": COUNT,
    "total_accrued_minor": MONEY,
    "posted_at": INSTANT,
    "rejected_count": COUNT,
    "principal_mismatch_count": COUNT,
    "correlation_id": ID,
}


def _event(kind: str, more: Mapping[str, object] | None = None) -> dict[str, Any]:
    """The result that all events of one loan share, with its event's id."""
    balance = {"balance": ref("PostedBalance")}
    members = {f"{kind}_event_id": ID, **_ENTRY, **balance, **(more or {}), **_DRY_RUN}
    return object_of(members, optional=("dry_run",))


RESULTS: Final[dict[str, dict[str, Any]]] = {
    "DisbursementResult": _event("disbursement"),
    "DisbursementSettlementResult": _event("settlement"),
    "PaymentResult": _event("payment", {"allocation": _ALLOCATION}),
    "PaymentAllocationResult": _event("allocation", {"allocation": _ALLOCATION}),
    "PaymentReturnResult": _event(
        "return", {"reverses_entry_id": ID, "debited": object_of(_BY_RECEIVABLE)}
    ),
    "FeeResult": _event("fee"),
    "FeeWaiverResult": _event("waiver"),
    "ChargeOffResult": _event("chargeoff"),
    "RecoveryResult": _event("recovery"),
    "RestructureResult": _event("restructure"),
    "RefinanceResult": object_of(
        {
            "refinance_event_id": ID,
            **_ENTRY,
            "balances": {
                **list_of(ref("PostedBalance")),
                "minItems": 2,
                "maxItems": 2,
                "description": "The old loan's, then the new loan's.",
            },
            "disbursement_event_id": {**ID, "description": "Of the additional principal."},
        },
        optional=("disbursement_event_id",),
    ),
    "ReversalResult": object_of(
        {
            **_ENTRY,
            "reverses_entry_id": ID,
            "balance": ref("PostedBalance"),
            "balances": {
                **list_of(ref("PostedBalance")),
                "description": "Of a refinance's loans: the new one's, then the old one's.",
            },
            "moved_to_suspense_minor": MONEY,
            "debited": object_of(_BY_RECEIVABLE),
            "accrual_event_id": ID,
            "loan_count": COUNT,
            "total_reversed_minor": MONEY,
            "rejected_count": COUNT,
            **_DRY_RUN,
        },
        optional=(
            "balance",
            "balances",
            "moved_to_suspense_minor",
            "debited",
            "accrual_event_id",
            "loan_count",
            "total_reversed_minor",
            "rejected_count",
            "dry_run",
        ),
    ),
    "ManualAdjustmentResult": object_of(
        {
            "adjustment_event_id": ID,
            **_ENTRY,
            "balance": {**ref("PostedBalance"), "description": "Of the loan that it names."},
            **_DRY_RUN,
        },
        optional=("balance", "dry_run"),
    ),
    "PeriodCloseResult": object_of(
        {
            "period": PERIOD,
            "status": {"const": "closed"},
            "closed_at": INSTANT,
            "correlation_id": ID,
        }
    ),
    "AccrualBatchResult": object_of(_BATCH_RESULT),
}
"""What a POST answers, by `<operation's name>Result`."""

_RESOLVED: Final = object_of(
    {
        "command_id": {**ID, "description": "The command that was resumed or rejected."},
        "commands": {
            **list_of(
                object_of(
                    {
                        "command_id": ID,
                        "command_type": TEXT,
                        "status": {"enum": ["posted", "rejected", "quarantined"]},
                        "code": REFUSAL,
                    },
                    optional=("code",),
                )
            ),
            "description": "What became of the commands that were decided, in order.",
        },
        "waiting_count": {**COUNT, "description": "Commands of the same loans that still wait."},
        "posted_at": INSTANT,
        "correlation_id": ID,
    }
)
SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    **RESULTS,
    "PostedBalance": object_of(
        {
            "loan_id": ID,
            "currency": TEXT,
            "as_of_date": DATE,
            "principal_outstanding_minor": MONEY,
            "interest_receivable_minor": MONEY,
            "fees_receivable_minor": MONEY,
            "total_exposure_minor": MONEY,
            "suspense_minor": MONEY,
            "status": {"enum": ["active", "paid_off", "charged_off", "refinanced", "cancelled"]},
            "borrower_id": ID,
            "last_activity_at": INSTANT,
        }
    ),
    "QuarantineResumeResult": _RESOLVED,
    "QuarantineRejectResult": _RESOLVED,
    "Pending": object_of(
        {
            "command_id": ID,
            "status": {"enum": ["pending", "quarantined"]},
            "accrual_event_id": ID,
        },
        optional=("accrual_event_id",),
    ),
    "CommandState": object_of(
        {
            "command_id": ID,
            "status": {"enum": ["pending", "posted", "rejected", "quarantined"]},
            "result": {"type": "object"},
            "problem": ref("Problem"),
        },
        optional=("result", "problem"),
    ),
    "AccrualProgress": object_of(
        {
            **_BATCH_RESULT,
            "status": {"enum": ["posting", "posted", "posted_with_rejections"]},
            "program_id": ID,
            "accrual_date": DATE,
            "currency": TEXT,
            "expected_loan_count": COUNT,
            "expected_total_minor": MONEY,
            "rejected_total_minor": or_null(MONEY),
            "chunks_done": COUNT,
            "chunks_total": COUNT,
            "accepted_at": INSTANT,
            "posted_at": or_null(INSTANT),
        },
        optional=(
            "program_id",
            "accrual_date",
            "currency",
            "expected_loan_count",
            "expected_total_minor",
            "rejected_total_minor",
            "accepted_at",
        ),
    ),
    "RejectionPage": object_of(
        {
            "items": list_of(
                object_of(
                    {"loan_id": ID, "code": REFUSAL, "step": {"enum": ["accrual", "reversal"]}}
                )
            ),
            "next_page_token": TEXT,
        },
        optional=("next_page_token",),
    ),
    "Problem": object_of(
        {
            "type": TEXT,
            "title": TEXT,
            "status": {"type": "integer"},
            "detail": TEXT,
            "instance": TEXT,
            "code": {"enum": list(CATALOGUE)},
            "errors": list_of(
                object_of({"field": TEXT, "code": {"enum": list(FAULTS)}, "message": TEXT})
            ),
            "trace_id": TEXT,
            "command_id": ID,
            "reversed_by_entry_id": {**ID, "description": "The reversal that stands."},
            **_DRY_RUN,
        },
        optional=(
            *("instance", "errors", "trace_id", "command_id", "reversed_by_entry_id", "dry_run"),
        ),
    ),
}
