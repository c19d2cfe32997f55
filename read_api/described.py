"""The read edge's part of the OpenAPI, made from the table of operations."""

import re
from typing import Any, Final

from read_api.operations import OPERATIONS, Operation
from read_api.parameters import LAYERS
from schemas import scopes

_ID: Final = {"type": "string", "format": "uuid"}
_DATE: Final = {"type": "string", "format": "date"}
_INSTANT: Final = {"type": "string", "format": "date-time"}
_TEXT: Final = {"type": "string"}
_MONEY: Final = {"type": "string", "pattern": "^(0|[1-9][0-9]*)$"}
_SIGNED_MONEY: Final = {"type": "string", "pattern": "^(0|-?[1-9][0-9]*)$"}
_PROBLEMS: Final = {
    "400": "A parameter or header is refused",
    "401": "The access token is missing, expired or not trusted",
    "403": "The access token lacks the scope",
    "404": "There is no such thing for this tenant",
    "406": "The answer is JSON",
    "503": "Not ready, or the position asked for has not been reached",
}


def _object(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required}


def _or_null(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


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
    "status": {"enum": ["active", "paid_off", "charged_off", "refinanced", "cancelled"]},
    "borrower_id": _ID,
    "last_activity_at": _or_null(_INSTANT),
}
_ACCOUNT: Final = {"account_code": _TEXT, "account_name": _TEXT}
_LINE: Final = {
    "sequence": {"type": "integer", "minimum": 1},
    "account_code": _TEXT,
    "direction": {"enum": ["DR", "CR"]},
    "amount_minor": _MONEY,
    "currency": _TEXT,
    "layer": {"enum": list(LAYERS)},
    "loan_id": _or_null(_ID),
    "borrower_id": _or_null(_ID),
    "external_ref": _or_null(_TEXT),
}
_ENTRY: Final = {
    "journal_entry_id": _ID,
    "event_type": _TEXT,
    "effective_at": _DATE,
    "posted_at": _INSTANT,
    "lines": _list(_object(_LINE)),
    "correlation_id": _ID,
    "reverses_entry_id": _or_null(_ID),
    "reversed_by_entry_id": _or_null(_ID),
    "description": _or_null(_TEXT),
    "actor": _TEXT,
    "metadata": {"type": "object", "additionalProperties": _TEXT},
    "next_page_token": _TEXT,
}
SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "LoanBalance": _object(_BALANCE),
    "Loan": _object(
        {
            **_BALANCE,
            "opened_on": _DATE,
            "unsettled_minor": _MONEY,
            "accrued_through": _or_null(_DATE),
            "quarantined": {"type": "boolean"},
        }
    ),
    "AccountBalance": _object(
        {
            **_ACCOUNT,
            "currency": _TEXT,
            "layer": {"enum": list(LAYERS)},
            "as_of_date": _DATE,
            "dr_balance_minor": _MONEY,
            "cr_balance_minor": _MONEY,
            "normal_balance_minor": _SIGNED_MONEY,
        }
    ),
    "Accounts": _object(
        {"items": _list(_object({**_ACCOUNT, "normal_side": {"enum": ["DR", "CR"]}}))}
    ),
    "JournalEntry": _object(_ENTRY, optional=("next_page_token",)),
    "JournalPage": _object(
        {
            "items": _list({"$ref": "#/components/schemas/JournalEntry"}),
            "next_page_token": _TEXT,
        },
        optional=("next_page_token",),
    ),
    "Live": _object({"status": _TEXT, "version": _TEXT, "git_sha": _TEXT}),
    "Ready": _object({"status": _TEXT}),
}


def document(title: str, version: str) -> dict[str, Any]:
    """The OpenAPI document of the read edge. `Problem` is described with the write edge."""
    names = dict.fromkeys(scopes.ALL_SCOPES, "")
    flow = {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": names}}
    open_to_all = {
        "/v1/health/live": _open("Whether the process runs", "Live"),
        "/v1/health/ready": _open("Whether requests can be served", "Ready"),
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": {one.path: {"get": _operation(one)} for one in OPERATIONS} | open_to_all,
        "components": {
            "schemas": dict(SCHEMAS),
            "securitySchemes": {"oauth2": {"type": "oauth2", "flows": flow}},
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    in_path = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _ID if name.endswith("_id") else _TEXT,
        }
        for name in re.findall(r"\{(\w+)\}", operation.path)
    ]
    in_query = [
        {
            "name": parameter.name,
            "in": "query",
            "required": parameter.is_required,
            "description": parameter.description,
            "schema": parameter.schema,
        }
        for parameter in operation.parameters
    ]
    in_header = [
        {"name": name, "in": "header", "required": False, "schema": _TEXT}
        for name in ("HPTS-Min-Position", "traceparent")
    ]
    return {
        "summary": operation.summary,
        "operationId": f"get{operation.result}",
        "security": [{"oauth2": [operation.scope]}],
        "parameters": in_path + in_query + in_header,
        "responses": _success(operation.result)
        | {status: _problem(text) for status, text in _PROBLEMS.items()},
    }


def _open(summary: str, result: str) -> dict[str, Any]:
    answers = _success(result) | ({"503": _problem("Not ready")} if result == "Ready" else {})
    return {"get": {"summary": summary, "operationId": f"get{result}", "responses": answers}}


def _success(result: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{result}"}
    return {"200": {"description": result, "content": {"application/json": {"schema": schema}}}}


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": description,
        "content": {"application/problem+json": {"schema": schema}},
    }
