"""The contract is sound: every request and answer has examples as its schema says, and headers."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate

from ingress_api.example_answers import POSTED
from tests.edges.contract_story import (
    DOCUMENT,
    FROM_AN_ANSWER,
    ORDER,
    body_of,
    faults_of,
    posts,
)


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


def test_the_lines_of_a_stream_are_what_their_schemas_say() -> None:
    path = DOCUMENT["paths"]["/v1/accruals/batch"]["post"]
    stream = path["requestBody"]["content"]["application/x-ndjson"]
    first, each = stream["schema"]["contentSchema"]["anyOf"]
    lines = [json.loads(one) for one in stream["examples"]["month"]["value"].splitlines()]
    assert faults_of(lines[0], first) == []
    assert [faults_of(one, each) for one in lines[1:]] == [[]]
    assert faults_of(lines[1], first)
    assert lines[0] | {"loans": lines[1:]} == body_of(path)["examples"]["month"]["value"]


def test_the_ids_in_requests_are_those_of_the_answers_that_are_shown() -> None:
    for known, ((name, title), member) in FROM_AN_ANSWER.items():
        assert POSTED[name][title][member] == known


def responses() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(operation id, status, response) of every operation that takes a token."""
    for methods in DOCUMENT["paths"].values():
        for operation in methods.values():
            if "security" in operation:
                for status, response in operation["responses"].items():
                    yield operation["operationId"], status, response


ON_STATUS = {
    "201": {"Location", "HPTS-Position", "Preference-Applied"},
    "202": {"Location", "Retry-After", "Preference-Applied"},
    "401": {"WWW-Authenticate"},
    "409": {"Retry-After", "Idempotency-Replayed"},
    "422": {"Idempotency-Replayed"},
    "429": {"Retry-After"},
    "503": {"Retry-After"},
}


def test_every_answer_describes_its_headers() -> None:
    for name, status, response in responses():
        promised = {"traceparent", "Deprecation", "Sunset"} | ON_STATUS.get(status, set())
        if ("Webhook" in name or "BankStatement" in name) and status == "201":
            promised -= {"HPTS-Position", "Preference-Applied"}  # nothing is posted
        assert promised <= set(response["headers"]), (name, status)
        for of_header in response["headers"].values():
            assert of_header["$ref"].rpartition("/")[2] in DOCUMENT["components"]["headers"]


def test_every_answer_that_is_shown_is_as_its_schema_has_it() -> None:
    shown = set()
    for name, status, response in responses():
        for content in response.get("content", {}).values():
            for title, example in content.get("examples", {}).items():
                shown.add((name, status))
                assert faults_of(example["value"], content["schema"]) == [], (name, status, title)
                if "problem" in content["schema"]["$ref"].lower():
                    assert example["value"]["status"] == int(status)
    for name, _, _ in posts():
        assert {("post" + name, status) for status in ("201", "202", "422")} <= shown
    for result in ("CommandState", "AccrualProgress", "RejectionPage"):
        assert ("get" + result, "200") in shown
