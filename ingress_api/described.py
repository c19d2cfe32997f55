"""The write edge's part of the OpenAPI, made from the tables that check the bodies."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ingress_api import (
    accrual_batches,
    accrual_streams,
    bank_statements,
    described_webhooks,
    examples,
)
from ingress_api.described_answers import answers_to_get, answers_to_post, named
from ingress_api.fields import schema_of
from ingress_api.operations import OPERATIONS, PERIOD_CLOSES, Operation
from ingress_api.quarantine import RESOLUTIONS
from ingress_api.result_schemas import ID, PERIOD, SCHEMAS, ref
from schemas import http_headers, scopes

EXAMPLE_IDS: Final = (
    "The ids are examples: give your own for loans, borrowers and programs, and for events and "
    "entries those of earlier answers."
)
_IN_THE_EDGE: Final = (*OPERATIONS, PERIOD_CLOSES, *RESOLUTIONS.values())


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


def _post(
    summary: str, scope: str, name: str, path: str, more: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    body = {"schema": ref(f"{name}Request"), **named(examples.EXAMPLES[name])}
    return {
        "summary": summary,
        "operationId": f"post{name}",
        "security": [{"oauth2": [scope]}],
        "parameters": [
            *(dict(parameter) for parameter in more),
            *http_headers.parameters("Idempotency-Key", "Prefer", "traceparent", "X-Trace-Id"),
        ],
        "requestBody": {
            "required": True,
            "description": EXAMPLE_IDS,
            "content": {"application/json": body},
        },
        "responses": answers_to_post(name, path),
    }


def _operation(operation: Operation) -> dict[str, Any]:
    more = [_PERIOD] if operation is PERIOD_CLOSES else []
    more += [_in_path("command_id")] if operation in RESOLUTIONS.values() else []
    more += [_DRY_RUN] if operation.may_be_tried else []
    return {"post": _post(operation.summary, operation.scope, operation.name, operation.path, more)}


def _get(
    summary: str,
    scope: str | None,
    result: str,
    parameters: Sequence[Mapping[str, Any]],
    headers: Sequence[str] = (),
) -> dict[str, Any]:
    in_header = http_headers.parameters("HPTS-Min-Position", "traceparent", "X-Trace-Id")
    return {
        "summary": summary,
        "operationId": f"get{result}",
        "security": [{"oauth2": [scope] if scope is not None else []}],
        "parameters": [*(dict(parameter) for parameter in parameters), *in_header],
        "responses": answers_to_get(result, headers),
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


def _accruals() -> dict[str, Any]:
    """The one POST that also takes a stream of lines."""
    path = accrual_batches.PATH
    post = _post("Accrue a batch of loans", accrual_batches.SCOPE, "AccrualBatch", path)
    post["requestBody"]["content"][accrual_streams.MEDIA_TYPE] = {
        "schema": {
            "type": "string",
            "description": (
                "One JSON object a line: first the batch without `loans`, then a loan a line. "
                f"At most {accrual_streams.MAX_LOANS} loans, {accrual_streams.MAX_LINE_BYTES} "
                f"bytes a line and {accrual_streams.MAX_STREAM_BYTES} bytes in all, also of what "
                "is sent with `Content-Encoding: gzip`. The same batch as `application/json` is "
                "the same request."
            ),
            "contentMediaType": accrual_streams.MEDIA_TYPE,
            "contentSchema": {"anyOf": [ref("AccrualBatchFirstLine"), ref("AccrualBatchLine")]},
        },
        **named(examples.AS_LINES),
    }
    return {"post": post}


PATHS: Final[dict[str, dict[str, Any]]] = {
    **{operation.path: _operation(operation) for operation in _IN_THE_EDGE},
    accrual_batches.PATH: _accruals(),
    bank_statements.PATH: bank_statements.described(),
    "/v1/commands/{command_id}": {
        "get": _get(
            "What became of a command",
            None,
            "CommandState",
            [_in_path("command_id")],
            ("HPTS-Position", "Retry-After"),
        )
    },
    "/v1/accruals/{accrual_event_id}": {
        "get": _get(
            "How far a batch is",
            scopes.LEDGER_READ,
            "AccrualProgress",
            [_in_path("accrual_event_id")],
            ("HPTS-Position",),
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
    **described_webhooks.paths(_PAGING),
}
_REQUESTS: Final = {
    **{f"{operation.name}Request": operation.body.schema() for operation in _IN_THE_EDGE},
    "AccrualBatchRequest": schema_of(accrual_batches.BATCH),
    "AccrualBatchFirstLine": schema_of(accrual_batches.HEADER),
    "AccrualBatchLine": schema_of(accrual_batches.LOAN),
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
            "schemas": {
                **SCHEMAS,
                **_REQUESTS,
                **described_webhooks.SCHEMAS,
                **bank_statements.SCHEMAS,
            },
            "headers": http_headers.TOLD,
            "securitySchemes": {"oauth2": {"type": "oauth2", "flows": flow}},
        },
    }
