"""The headers of the HTTP interface (contract section 1), as the OpenAPI describes them. Data.

Both edges describe theirs from here: what a request may carry is a parameter, what an answer
carries is a reference to `components/headers`.
"""

from typing import Any, Final

_TEXT: Final = {"type": "string"}
_POSITION: Final = {"type": "string", "pattern": "^[0-9]+:[0-9]+(,[0-9]+:[0-9]+)*$"}

TAKEN: Final[dict[str, dict[str, Any]]] = {
    "Idempotency-Key": {
        "description": "Names the request; the same key and payload post once. It never expires.",
        "schema": {"type": "string", "pattern": r"^[A-Za-z0-9][A-Za-z0-9._:\-]{7,254}$"},
        "required": True,
    },
    "Prefer": {
        "description": "RFC 7240: `wait=N`, 0 to 60 seconds (10 without it), or `respond-async`.",
        "schema": _TEXT,
    },
    "HPTS-Min-Position": {
        "description": "Wait until this much is applied: `HPTS-Position` of a posting.",
        "schema": _TEXT,
    },
    "traceparent": {
        "description": "W3C trace context; the answer's names the same trace.",
        "schema": _TEXT,
    },
    "X-Trace-Id": {
        "description": "Use `traceparent`. It is answered with the dates of its end.",
        "schema": {"type": "string", "pattern": r"^[A-Za-z0-9\-]{8,128}$"},
        "deprecated": True,
    },
}
"""Header of a request -> what its parameter says."""

TOLD: Final[dict[str, dict[str, Any]]] = {
    "Location": {
        "description": "Where what was posted can be read, or, after 202, what becomes of it.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "HPTS-Position": {
        "description": "How far the log had been applied: `<partition>:<offset>[,...]`, to be "
        "given as `HPTS-Min-Position` to a read that must show it.",
        "schema": _POSITION,
    },
    "Idempotency-Replayed": {
        "description": "The key had an answer already, and this is it.",
        "schema": {"const": "true"},
    },
    "Preference-Applied": {
        "description": "What of `Prefer` was applied; only where some of it was.",
        "schema": _TEXT,
    },
    "Retry-After": {
        "description": "Seconds after which to ask again.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {
        "description": "`Bearer`, and what is wrong with the token or lacking in it.",
        "schema": _TEXT,
    },
    "traceparent": {
        "description": "W3C trace context of the request; problems have its `trace_id`.",
        "schema": {"type": "string", "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"},
    },
    "Deprecation": {
        "description": "Since when `X-Trace-Id` is deprecated (RFC 9745); only where it was sent.",
        "schema": _TEXT,
    },
    "Sunset": {
        "description": "When `X-Trace-Id` ends (RFC 8594); only where it was sent.",
        "schema": _TEXT,
    },
}
"""Header of an answer -> what it says."""

OF_TRACE: Final = ("traceparent", "Deprecation", "Sunset")
"""On every answer but those about health."""

OF_PROBLEM: Final = {
    "401": ("WWW-Authenticate",),
    "403": ("WWW-Authenticate",),
    "409": ("Idempotency-Replayed", "Retry-After"),
    "422": ("Idempotency-Replayed",),
    "429": ("Retry-After",),
    "503": ("Retry-After",),
}
"""Status -> what its problem may carry beside the trace."""


def parameters(*names: str) -> list[dict[str, Any]]:
    """These headers of a request, as parameters."""
    return [{"name": name, "in": "header", "required": False, **TAKEN[name]} for name in names]


def told(*names: str) -> dict[str, Any]:
    """These headers of an answer, those of its trace included."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*names, *OF_TRACE)}
