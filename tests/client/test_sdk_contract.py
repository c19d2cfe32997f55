"""The SDK and the published contract name the same routes, members and results."""

import json
import re
from dataclasses import fields
from importlib.resources import files
from typing import Any, get_args

import msgspec
import pytest

from hpts_client import events, exchange, queries
from hpts_client.members import in_path
from schemas import ids

CONTRACT: dict[str, Any] = json.loads((files("schemas") / "openapi.json").read_text("utf-8"))
SCHEMAS = CONTRACT["components"]["schemas"]
NEVER_MEMBERS = {"page_token", "dry_run"}
FOR_PEOPLE = {"/v1/openapi.json", "/v1/docs", "/v1/problems/{code}", "/problems/{code}"}
BY_OTHERS = {"/v1/journal-entries/stream"}
"""Server-sent events: `Client.follow`."""


def kinds(module: Any, root: type[Any]) -> list[type[Any]]:
    found = vars(module).values()
    return [
        kind
        for kind in found
        if isinstance(kind, type) and issubclass(kind, root) and "route" in vars(kind)
    ]


COMMANDS = kinds(events, events.Command)
READS = kinds(queries, queries.Read)


def operations(method: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (path, methods[method])
        for path, methods in CONTRACT["paths"].items()
        if method in methods and path not in FOR_PEOPLE | BY_OTHERS
    ]


def of_route(known: list[type[Any]], path: str) -> list[type[Any]]:
    wanted = re.sub(r"\{\w+\}", "{}", path)
    return [kind for kind in known if re.sub(r"\{\w+\}", "{}", f"/v1{kind.route}") == wanted]


def schema_of(content: dict[str, Any]) -> str:
    return str(content["application/json"]["schema"]["$ref"]).rsplit("/", 1)[1]


@pytest.mark.parametrize(("path", "operation"), operations("post"))
def test_every_post_is_a_command_with_the_contract_s_members(
    path: str, operation: dict[str, Any]
) -> None:
    [kind] = of_route(COMMANDS, path)
    body = SCHEMAS[schema_of(operation["requestBody"]["content"])]
    ours = {kind.renamed.get(one.name, one.name) for one in fields(kind)} - in_path(kind.route)
    assert ours == set(body.get("properties", {}))
    assert_result(kind.result, schema_of(operation["responses"]["201"]["content"]))


@pytest.mark.parametrize(("path", "operation"), operations("get"))
def test_every_get_is_a_query_with_the_contract_s_parameters(
    path: str, operation: dict[str, Any]
) -> None:
    found = of_route(READS, path)
    assert found, path
    wanted = {
        one["name"] for one in operation.get("parameters", ()) if one["in"] in ("query", "path")
    }
    for kind in found:
        if kind is queries.LinesOf:
            continue  # the same route as EntryOf, for its lines
        ours = {one.name for one in fields(kind)}
        assert ours == wanted - NEVER_MEMBERS, kind
        if kind.result is not str:
            name = schema_of(operation["responses"]["200"]["content"])
            assert_result(kind.result, name, in_a_page=issubclass(kind, queries.Listing))


def assert_result(kind: Any, name: str, *, in_a_page: bool = False) -> None:
    """Of a page, its items are compared."""
    schema = SCHEMAS[name]
    if in_a_page:
        schema = schema["properties"]["items"]["items"]
    assert_members(kind, schema)


def assert_members(kind: Any, schema: dict[str, Any]) -> None:
    """Every member of the contract's is ours; what we demand is always there."""
    schema = SCHEMAS[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
    if not isinstance(kind, type) or not issubclass(kind, msgspec.Struct):
        return
    ours = {one.encode_name: one for one in msgspec.structs.fields(kind)}
    theirs = schema["properties"]
    assert set(theirs) <= set(ours), (kind, set(theirs) - set(ours))
    assert set(ours) - set(theirs) <= {"dry_run"}, (kind, set(ours) - set(theirs))
    required = {name for name, one in ours.items() if one.required}
    assert required <= set(schema.get("required", ())), (kind, required)
    for name, described in theirs.items():
        for inner in msgspec_structs(ours[name].type):
            described = described.get("items", described)
            if "properties" in described or "$ref" in described:
                assert_members(inner, described)


def msgspec_structs(kind: Any) -> list[Any]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [kind]
    return [found for one in get_args(kind) for found in msgspec_structs(one)]


@pytest.mark.parametrize("kind", COMMANDS + READS)
def test_money_is_an_int_named_by_its_unit(kind: type[Any]) -> None:
    for one in fields(kind):
        if one.name.endswith("_minor"):
            assert one.type in (int, "int", int | None, "int | None"), one


def test_the_sdk_takes_the_keys_that_the_ledger_takes() -> None:
    assert exchange.IDEMPOTENCY_KEY == ids.CLIENT_KEY
