"""The read edge's part of the OpenAPI, made from the table of operations."""

import re
from collections.abc import Mapping
from typing import Any, Final

from read_api import journal_stream
from read_api.answers import SCHEMAS
from read_api.examples import EXAMPLES
from read_api.negotiation import HTML
from read_api.operations import OPERATIONS, Operation, Rendering
from schemas import http_headers, scopes
from schemas.problem_codes import CATALOGUE

EVENT_STREAM: Final = "text/event-stream"
_PROBLEMS: Final = {
    "400": "A parameter or header is refused",
    "401": "The access token is missing, expired or not trusted",
    "403": "The access token lacks the scope",
    "404": "There is no such thing for this tenant",
    "406": "None of the media types in Accept can be had here",
    "429": "The tenant asks too often, or for too much at once",
    "503": "Not ready, or the position asked for has not been reached",
}


def document(title: str, version: str) -> dict[str, Any]:
    """The OpenAPI document of the read edge. `Problem` is described with the write edge."""
    names = dict.fromkeys(scopes.ALL_SCOPES, "")
    flow = {"clientCredentials": {"tokenUrl": "/oauth/token", "scopes": names}}
    open_to_all = {
        "/v1/health/live": _open("Whether the process runs", "Live"),
        "/v1/health/ready": _open("Whether requests can be served", "Ready"),
        "/v1/openapi.json": {"get": _contract()},
        "/v1/docs": {"get": _page("The contract for people", "Docs")},
        "/v1/problems/{code}": {"get": _problem_page("ProblemPage")},
        "/problems/{code}": {"get": _problem_page("ProblemType")},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version},
        "paths": {one.path: {"get": _operation(one)} for one in OPERATIONS}
        | {journal_stream.PATH: {"get": _stream()}}
        | open_to_all,
        "components": {
            "schemas": dict(SCHEMAS),
            "headers": http_headers.TOLD,
            "securitySchemes": {"oauth2": {"type": "oauth2", "flows": flow}},
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    in_path = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "format": "uuid"}
            if name.endswith("_id")
            else {"type": "string"},
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
    in_header = http_headers.parameters("HPTS-Min-Position", "traceparent", "X-Trace-Id")
    return {
        "summary": operation.summary,
        "operationId": f"get{operation.result}",
        "security": [{"oauth2": [operation.scope]}],
        "parameters": in_path + in_query + in_header,
        "responses": {
            "200": _success(operation.result, operation.renderings)
            | {"headers": http_headers.told()},
            **{status: _problem(status, text) for status, text in _PROBLEMS.items()},
        },
    }


def _stream() -> dict[str, Any]:
    """The journal as it is posted."""
    data = {
        "type": "string",
        "description": "Events `journalEntryPosted`, whose data is a JournalEntryPart and whose id "
        "resumes the stream behind it; the first event has an id and no data, and says where the "
        "stream begins. A comment every 15 seconds while there are none. It ends with the token.",
        "contentMediaType": EVENT_STREAM,
    }
    last = {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "Go on behind this event; `0`: from the beginning. Without it: from now on.",
        "schema": {"type": "string"},
    }
    problems = {status: _PROBLEMS[status] for status in ("400", "401", "403", "503")}
    problems["429"] = "The tenant has as many streams as it may have"
    success = {"description": "A stream", "content": {EVENT_STREAM: {"schema": data}}}
    return {
        "summary": "The journal as it is posted, as server-sent events",
        "operationId": "getJournalStream",
        "security": [{"oauth2": [scopes.LEDGER_READ]}],
        "parameters": [last, *http_headers.parameters("traceparent", "X-Trace-Id")],
        "responses": {"200": success | {"headers": http_headers.told()}}
        | {status: _problem(status, text) for status, text in problems.items()},
    }


def _open(summary: str, result: str) -> dict[str, Any]:
    answers = {"200": _success(result)}
    answers |= {"503": _problem("503", "Not ready")} if result == "Ready" else {}
    return {"get": {"summary": summary, "operationId": f"get{result}", "responses": answers}}


def _contract() -> dict[str, Any]:
    """This document, as it is served."""
    content = {"application/json": {"schema": {"type": "object"}}}
    answer = {"description": "An OpenAPI document", "content": content}
    return {
        "summary": "The contract for machines",
        "operationId": "getContract",
        "responses": {"200": answer},
    }


def _page(summary: str, name: str) -> dict[str, Any]:
    """A page for people, open to all."""
    schema = {"type": "string", "description": "A page that fetches nothing and has no script."}
    answer = {"description": "A page", "content": {HTML: {"schema": schema}}}
    return {"summary": summary, "operationId": f"get{name}", "responses": {"200": answer}}


def _problem_page(name: str) -> dict[str, Any]:
    """The page of one code; the `type` of a problem document leads to it."""
    page = _page("What a problem code means, and what to do", name)
    code = {"name": "code", "in": "path", "required": True, "schema": {"enum": list(CATALOGUE)}}
    not_found = _problem("404", "There is no such code")
    return page | {
        "parameters": [code],
        "responses": page["responses"] | {"404": not_found},
    }


def _success(result: str, renderings: Mapping[str, Rendering] | None = None) -> dict[str, Any]:
    content: dict[str, Any] = {
        "application/json": {
            "schema": {"$ref": f"#/components/schemas/{result}"},
            "example": EXAMPLES[result],
        }
    }
    for media_type, rendering in (renderings or {}).items():
        schema = {"type": "string", "description": rendering.description}
        content[media_type] = {"schema": schema}
        if rendering.is_shown:
            content[media_type]["example"] = rendering.render(EXAMPLES[result])
    return {"description": result, "content": content}


def _problem(status: str, description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": description,
        "headers": http_headers.told(*http_headers.OF_PROBLEM.get(status, ())),
        "content": {"application/problem+json": {"schema": schema}},
    }
