"""The little of JSON Schema that our OpenAPI uses: what a value has against a schema."""

import re
from collections.abc import Mapping
from typing import Any

KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}
FORMATS = {
    "uuid": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "date": r"[0-9]{4}-[0-9]{2}-[0-9]{2}",
    "date-time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z",
}


def faults_against(
    document: Mapping[str, Any], schema: Mapping[str, Any], value: Any, at: str = ""
) -> list[str]:
    """Every place where `value` is not as `schema` has it; members not described are faults."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        each = [faults_against(document, one, value, at) for one in schema["anyOf"]]
        return [] if [] in each else [f"{at}: none of anyOf"]
    if "enum" in schema:
        return [] if value in schema["enum"] else [f"{at}: {value!r} is not in the enum"]
    kind = schema.get("type")
    if kind is None:
        return []
    if not isinstance(value, KINDS[kind]) or (kind == "integer" and isinstance(value, bool)):
        return [f"{at}: {value!r} is no {kind}"]
    if kind == "object":
        return _faults_of_object(document, schema, value, at)
    if kind == "array":
        return [
            fault
            for number, item in enumerate(value)
            for fault in faults_against(document, schema["items"], item, f"{at}/{number}")
        ]
    pattern = schema.get("pattern", FORMATS.get(schema.get("format", ""), ""))
    if kind == "string" and pattern and not re.fullmatch(pattern, value):
        return [f"{at}: {value!r} is not as {pattern}"]
    return []


def _faults_of_object(
    document: Mapping[str, Any], schema: Mapping[str, Any], value: dict[str, Any], at: str
) -> list[str]:
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties", not properties)
    faults = [f"{at}/{name} is missing" for name in schema.get("required", ()) if name not in value]
    for name, member in value.items():
        if name in properties:
            faults += faults_against(document, properties[name], member, f"{at}/{name}")
        elif isinstance(others, Mapping):
            faults += faults_against(document, others, member, f"{at}/{name}")
        elif not others:
            faults.append(f"{at}/{name} is not described")
    return faults
