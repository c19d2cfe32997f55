"""The write edge's part of the OpenAPI, made from the tables that check the bodies."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ingress_api import accrual_batches
from ingress_api.bodies import DISBURSEMENTS, PAYMENTS, REVERSALS
from ingress_api.fields import schema_of
from schemas import scopes

_ID: Final = {"type": "string", "format": "uuid"}
_MONEY: Final = {"type": "string", "pattern": "^(0|[1-9][0-9]{0,17})$"}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_DATE: Final = {"type": "string", "format": "date"}
_COUNT: Final = {"type": "integer", "minimum": 0}


def _object(properties: Mapping[str, object], optional: Sequence[str] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": dict(properties), "required": required}


def _or_null(schema: Mapping[str, object]) -> dict[str, Any]:
    return {"anyOf": [dict(schema), {"type": "null"}]}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


_POSTED: Final = {
    "journal_entry_id": _ID,
    "posted_at": _INSTANT,
    "correlation_id": _ID,
    "balance": _ref("PostedBalance"),
}
_BATCH_RESULT: Final = {
    "accrual_event_id": _ID,
    "journal_entry_id": _or_null(_ID),
    "loan_count": _COUNT,
    "total_accrued_minor": _MONEY,
    "posted_at": _INSTANT,
    "rejected_count": _COUNT,
    "principal_mismatch_count": _COUNT,
    "correlation_id": _ID,
}
SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "PostedBalance": _object(
        {
            "loan_id": _ID,
            "currency": {"type": "string"},
            "as_of_date": _DATE,
            "principal_outstanding_minor": _MONEY,
            "interest_receivable_minor": _MONEY,
            "fees_receivable_minor": _MONEY,
            "total_exposure_minor": _MONEY,
            "suspense_minor": _MONEY,
            "status": {"type": "string"},
            "borrower_id": _ID,
            "last_activity_at": _INSTANT,
        }
    ),
    "DisbursementRequest": schema_of(DISBURSEMENTS.members),
    "DisbursementResult": _object({"disbursement_event_id": _ID, **_POSTED}),
    "PaymentRequest": schema_of(PAYMENTS.members),
    "PaymentResult": _object(
        {
            "payment_event_id": _ID,
            **_POSTED,
            "allocation": _object(
                {
                    "fees_minor": _MONEY,
                    "interest_minor": _MONEY,
                    "principal_minor": _MONEY,
                    "suspense_minor": _MONEY,
                }
            ),
        }
    ),
    "ReversalRequest": schema_of(REVERSALS.members),
    "ReversalResult": _object(
        {
            "journal_entry_id": _ID,
            "reverses_entry_id": _ID,
            "posted_at": _INSTANT,
            "correlation_id": _ID,
            "balance": _ref("PostedBalance"),
            "moved_to_suspense_minor": _MONEY,
            "loan_count": _COUNT,
            "total_reversed_minor": _MONEY,
            "rejected_count": _COUNT,
        },
        optional=(
            "balance",
            "moved_to_suspense_minor",
            "loan_count",
            "total_reversed_minor",
            "rejected_count",
        ),
    ),
    "AccrualBatchRequest": schema_of(accrual_batches.BATCH),
    "AccrualBatchResult": _object(_BATCH_RESULT),
    "Pending": _object(
        {
            "command_id": _ID,
            "status": {"const": "pending"},
            "accrual_event_id": _ID,
        },
        optional=("accrual_event_id",),
    ),
    "CommandState": _object(
        {
            "command_id": _ID,
            "status": {"enum": ["pending", "posted", "rejected", "quarantined"]},
            "result": {"type": "object"},
            "problem": _ref("Problem"),
        },
        optional=("result", "problem"),
    ),
    "AccrualProgress": _object(
        {
            **_BATCH_RESULT,
            "status": {"enum": ["posting", "posted", "posted_with_rejections"]},
            "program_id": _ID,
            "accrual_date": _DATE,
            "currency": {"type": "string"},
            "expected_loan_count": _COUNT,
            "expected_total_minor": _MONEY,
            "rejected_total_minor": _or_null(_MONEY),
            "chunks_done": _COUNT,
            "chunks_total": _COUNT,
            "accepted_at": _INSTANT,
            "posted_at": _or_null(_INSTANT),
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
    "RejectionPage": _object(
        {
            "items": {
                "type": "array",
                "items": _object(
                    {
                        "loan_id": _ID,
                        "code": {"type": "string"},
                        "step": {"enum": ["accrual", "reversal"]},
                    }
                ),
            },
            "next_page_token": {"type": "string"},
        },
        optional=("next_page_token",),
    ),
}
_PROBLEM_MEMBERS: Final = {
    "type": {"type": "string"},
    "title": {"type": "string"},
    "status": {"type": "integer"},
    "detail": {"type": "string"},
    "instance": {"type": "string"},
    "code": {"type": "string"},
    "errors": {
        "type": "array",
        "items": _object(
            {name: {"type": "string"} for name in ("field", "code", "message")},
        ),
    },
    "trace_id": {"type": "string"},
    "command_id": _ID,
}
PROBLEM: Final = _object(
    _PROBLEM_MEMBERS, optional=("instance", "errors", "trace_id", "command_id")
)


def _answers(success: Mapping[str, str], problems: Sequence[int]) -> dict[str, Any]:
    answers: dict[str, Any] = {
        status: {
            "description": status,
            "content": {"application/json": {"schema": _ref(name)}},
        }
        for status, name in success.items()
    }
    for status in problems:
        answers[str(status)] = {
            "description": "A problem document",
            "content": {"application/problem+json": {"schema": _ref("Problem")}},
        }
    return answers


def _header(name: str, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "schema": {"type": "string"}}


def _post(summary: str, scope: str, name: str) -> dict[str, Any]:
    request, result = f"{name}Request", f"{name}Result"
    return {
        "summary": summary,
        "operationId": f"post{name}",
        "security": [{"oauth2": [scope]}],
        "parameters": [
            _header("Idempotency-Key", required=True),
            _header("Prefer"),
            _header("traceparent"),
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref(request)}},
        },
        "responses": _answers(
            {"200": result, "201": result, "202": "Pending"},
            (400, 401, 403, 409, 413, 415, 422, 429, 503),
        ),
    }


def _get(
    summary: str, scope: str | None, result: str, parameters: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    return {
        "summary": summary,
        "operationId": f"get{result}",
        "security": [{"oauth2": [scope] if scope is not None else []}],
        "parameters": [dict(parameter) for parameter in parameters],
        "responses": _answers({"200": result}, (400, 401, 403, 404, 503)),
    }


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": _ID}


_PAGING: Final = (
    {
        "name": "page_size",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": 500, "default": 100},
    },
    {"name": "page_token", "in": "query", "schema": {"type": "string"}},
    {"name": "order", "in": "query", "schema": {"enum": ["asc", "desc"], "default": "asc"}},
)
PATHS: Final[dict[str, dict[str, Any]]] = {
    DISBURSEMENTS.path: {"post": _post(DISBURSEMENTS.summary, DISBURSEMENTS.scope, "Disbursement")},
    PAYMENTS.path: {"post": _post(PAYMENTS.summary, PAYMENTS.scope, "Payment")},
    accrual_batches.PATH: {
        "post": _post("Accrue a batch of loans", accrual_batches.SCOPE, "AccrualBatch")
    },
    REVERSALS.path: {"post": _post(REVERSALS.summary, REVERSALS.scope, "Reversal")},
    "/v1/commands/{command_id}": {
        "get": _get("What became of a command", None, "CommandState", [_in_path("command_id")])
    },
    "/v1/accruals/{accrual_event_id}": {
        "get": _get(
            "How far a batch is",
            scopes.LEDGER_READ,
            "AccrualProgress",
            [_in_path("accrual_event_id")],
        )
    },
    "/v1/accruals/{accrual_event_id}/rejections": {
        "get": _get(
            "The loans that were rejected",
            scopes.LEDGER_READ,
            "RejectionPage",
            [_in_path("accrual_event_id"), *_PAGING],
        )
    },
}


def document(title: str, version: str) -> dict[str, Any]:
    """The OpenAPI document of the write edge."""
    names = dict.fromkeys(scopes.ALL_SCOPES, "")
    flow = {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": names}}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": PATHS,
        "components": {
            "schemas": {**SCHEMAS, "Problem": PROBLEM},
            "securitySchemes": {"oauth2": {"type": "oauth2", "flows": flow}},
        },
    }
