"""The write edge's part of the OpenAPI, made from the tables that check the bodies."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ingress_api import accrual_batches, examples
from ingress_api.fields import schema_of
from ingress_api.operations import OPERATIONS, PERIOD_CLOSES, Operation
from ingress_api.quarantine import RESOLUTIONS
from ingress_api.result_schemas import ID, PERIOD, SCHEMAS, ref
from schemas import scopes

EXAMPLE_IDS: Final = (
    "The ids are examples: give your own for loans, borrowers and programs, and for events and "
    "entries those of earlier answers."
)
_IN_THE_EDGE: Final = (*OPERATIONS, PERIOD_CLOSES, *RESOLUTIONS.values())


def _answers(success: Mapping[str, str], problems: Sequence[int]) -> dict[str, Any]:
    answers: dict[str, Any] = {
        status: {
            "description": _DESCRIPTIONS[status],
            "content": {"application/json": {"schema": ref(name)}},
        }
        for status, name in success.items()
    }
    for status in problems:
        answers[str(status)] = {
            "description": "A problem document",
            "content": {"application/problem+json": {"schema": ref("Problem")}},
        }
    return answers


_DESCRIPTIONS: Final = {
    "200": "As it was answered before, or as asked for",
    "201": "Posted",
    "202": "Accepted for good, not known in time",
}


def _header(name: str, *, required: bool = False) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": required, "schema": {"type": "string"}}


_DRY_RUN: Final = {
    "name": "dry_run",
    "in": "query",
    "required": False,
    "description": "`true`: answer with what posting now would give, and post nothing.",
    "schema": {"type": "boolean", "default": False},
}
_PERIOD: Final = {
    "name": "period",
    "in": "path",
    "required": True,
    "description": "The month to close, `YYYY-MM`.",
    "schema": PERIOD,
    "example": examples.PERIOD,
}


def _post(summary: str, scope: str, name: str, more: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    named = {title: {"value": body} for title, body in examples.EXAMPLES[name].items()}
    body = {"schema": ref(f"{name}Request"), "examples": named}
    return {
        "summary": summary,
        "operationId": f"post{name}",
        "security": [{"oauth2": [scope]}],
        "parameters": [
            *(dict(parameter) for parameter in more),
            _header("Idempotency-Key", required=True),
            _header("Prefer"),
            _header("traceparent"),
        ],
        "requestBody": {
            "required": True,
            "description": EXAMPLE_IDS,
            "content": {"application/json": body},
        },
        "responses": _answers(
            {"200": f"{name}Result", "201": f"{name}Result", "202": "Pending"},
            (400, 401, 403, 409, 413, 415, 422, 429, 503),
        ),
    }


def _operation(operation: Operation) -> dict[str, Any]:
    more = [_PERIOD] if operation is PERIOD_CLOSES else []
    more += [_in_path("command_id")] if operation in RESOLUTIONS.values() else []
    more += [_DRY_RUN] if operation.may_be_tried else []
    return {"post": _post(operation.summary, operation.scope, operation.name, more)}


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
    return {"name": name, "in": "path", "required": True, "schema": ID}


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
    **{operation.path: _operation(operation) for operation in _IN_THE_EDGE},
    accrual_batches.PATH: {
        "post": _post("Accrue a batch of loans", accrual_batches.SCOPE, "AccrualBatch", ())
    },
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
_REQUESTS: Final = {
    **{f"{operation.name}Request": operation.body.schema() for operation in _IN_THE_EDGE},
    "AccrualBatchRequest": schema_of(accrual_batches.BATCH),
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
            "schemas": {**SCHEMAS, **_REQUESTS},
            "securitySchemes": {"oauth2": {"type": "oauth2", "flows": flow}},
        },
    }
