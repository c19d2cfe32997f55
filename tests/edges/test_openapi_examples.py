"""Every example of the contract is posted, and every answer is what its schema says."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from openapi_spec_validator import validate
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from hpts import openapi
from ingress_api import examples
from tests.edges.new_tenant import client_of_new_tenant
from tests.http import Client

Stack = dict[str, Any]
DOCUMENT: dict[str, Any] = json.loads(openapi.contract())

ORDER = (
    ("Disbursement", "opening"),
    ("DisbursementSettlement", "whole"),
    ("AccrualBatch", "month"),
    ("Fee", "late"),
    ("Payment", "by_waterfall"),
    ("PaymentReturn", "insufficient_funds"),
    ("Payment", "held"),
    ("PaymentAllocation", "split"),
    ("ManualAdjustment", "refund"),
    ("FeeWaiver", "goodwill"),
    ("Restructure", "capitalised"),
    ("Reversal", "of_an_entry"),
    ("Refinance", "with_more"),
    ("DisbursementSettlement", "stated"),
    ("ChargeOff", "delinquent"),
    ("Recovery", "after_charge_off"),
    ("ManualAdjustment", "migration"),
    ("PeriodClose", "month"),
)
"""An order in which they are possible: one loan's life, its refinance, a migrated loan."""

OUR_OWN = (
    examples.LOAN,
    examples.NEW_LOAN,
    examples.MIGRATED_LOAN,
    examples.BORROWER,
    examples.PROGRAM,
)
FROM_AN_ANSWER = {
    examples.DISBURSEMENT_EVENT: (("Disbursement", "opening"), "disbursement_event_id"),
    examples.PAYMENT_EVENT: (("Payment", "by_waterfall"), "payment_event_id"),
    examples.RESTRUCTURE_ENTRY: (("Restructure", "capitalised"), "journal_entry_id"),
    examples.ADDITIONAL_DISBURSEMENT_EVENT: (("Refinance", "with_more"), "disbursement_event_id"),
}
"""An example's id -> the answer, and its member, that gives the real one."""


def posts() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(name, path, operation) of every POST in the contract that has examples."""
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            # What resolves a quarantine needs one: tests/faults/test_quarantine.py.
            if method == "post" and "/quarantine/" not in path:
                yield operation["operationId"].removeprefix("post"), path, operation


def body_of(operation: dict[str, Any]) -> dict[str, Any]:
    return dict(operation["requestBody"]["content"]["application/json"])


def closed(schema: Any) -> Any:
    """The schema, taking no member that it does not describe."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    each = {name: closed(value) for name, value in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        each.setdefault("additionalProperties", False)
    return each


CONTRACT = DRAFT202012.create_resource(closed(DOCUMENT))
REGISTRY: Registry[Any] = Registry().with_resource("contract", CONTRACT)


def faults_of(value: Any, schema: dict[str, Any]) -> list[str]:
    """What a value has against the contract's schema; nothing in it may be undescribed."""
    reference = {"$ref": "contract" + schema["$ref"]}
    validator = Draft202012Validator(
        reference, registry=REGISTRY, format_checker=FormatChecker(("date", "date-time", "uuid"))
    )
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def test_the_contract_is_a_sound_openapi_document() -> None:
    validate(DOCUMENT)


def test_the_formats_are_checked() -> None:
    schema = {"$ref": "#/components/schemas/PeriodCloseResult"}
    spoiled = {"period": "2026-13", "status": "open", "closed_at": "now", "correlation_id": "x"}
    assert len(faults_of(spoiled, schema)) == 4
    assert faults_of({"surprise": 1}, schema)


def test_every_post_has_an_example_and_every_example_is_posted() -> None:
    in_document = {
        (name, title) for name, _, operation in posts() for title in body_of(operation)["examples"]
    }
    assert in_document == set(ORDER)
    assert {name for name, _, _ in posts()} == {name for name, _ in ORDER}


@pytest.mark.parametrize(("name", "title"), ORDER)
def test_an_example_is_what_its_own_schema_says(name: str, title: str) -> None:
    (body,) = [body_of(operation) for known, _, operation in posts() if known == name]
    assert faults_of(body["examples"][title]["value"], body["schema"]) == []


@pytest.fixture(scope="module")
def client(stack: Stack, stack_dir: Path) -> Client:
    return client_of_new_tenant(stack, stack_dir)


def with_real_ids(body: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    text = json.dumps(body)
    for example, real in ids.items():
        text = text.replace(example, real)
    return dict(json.loads(text))


def test_every_example_posts_and_is_answered_as_its_schema_says(client: Client) -> None:
    ids = {example: str(uuid4()) for example in OUR_OWN}
    described = {name: (path, operation) for name, path, operation in posts()}
    answers: dict[tuple[str, str], dict[str, Any]] = {}
    for name, title in ORDER:
        path, operation = described[name]
        example = body_of(operation)["examples"][title]["value"]
        for known, (source, member) in FROM_AN_ANSWER.items():
            if source in answers:
                ids[known] = answers[source][member]
        key = f"example:{uuid4()}"
        sent = (path.format(period=examples.PERIOD), with_real_ids(example, ids))
        first, again = (client.post(*sent, key=key) for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 200), (name, title, first.text)
        for answer in (first, again):
            content = operation["responses"][str(answer.status_code)]["content"]
            schema = content["application/json"]["schema"]
            assert faults_of(answer.json(), schema) == [], (name, title)
        assert again.content == first.content
        assert first.headers["location"].startswith("/v1/")
        state = client.get(f"/v1/commands/{first.json()['correlation_id']}").json()
        assert (state["status"], state["result"]) == ("posted", first.json())
        assert faults_of(state, {"$ref": "#/components/schemas/CommandState"}) == []
        answers[name, title] = first.json()
