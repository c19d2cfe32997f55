"""The checked-in contract is what the code says, and every reference in it leads somewhere."""

import json
import re
from typing import Any

from hpts import openapi
from read_api.operations import OPERATIONS
from schemas import scopes


def document() -> dict[str, Any]:
    return dict(json.loads(openapi.contract()))


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    ]


def test_the_checked_in_contract_is_what_the_code_says() -> None:
    assert openapi.CHECKED_IN.read_text(encoding="utf-8") == openapi.contract(), (
        "run `hpts openapi --write` and review the difference"
    )


def test_every_reference_leads_somewhere() -> None:
    schemas = document()["components"]["schemas"]
    named = set(re.findall(r'"#/components/schemas/(\w+)"', openapi.contract()))
    assert named <= set(schemas)


def test_every_operation_id_is_used_once() -> None:
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids))


def test_only_scopes_that_exist_are_demanded() -> None:
    demanded = {
        scope
        for _, _, operation in operations()
        for need in operation.get("security", ())
        for scope in need["oauth2"]
    }
    assert demanded <= set(scopes.ALL_SCOPES)


def test_every_parameter_in_a_path_is_described() -> None:
    for method, path, operation in operations():
        described = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
        assert described == set(re.findall(r"\{(\w+)\}", path)), (method, path)


def test_every_post_demands_an_idempotency_key() -> None:
    for method, path, operation in operations():
        if method == "post":
            required = {one["name"] for one in operation["parameters"] if one["required"]}
            assert "Idempotency-Key" in required, path


def test_every_read_operation_is_in_the_contract() -> None:
    paths = document()["paths"]
    assert all("get" in paths[operation.path] for operation in OPERATIONS)
