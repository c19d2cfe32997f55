"""The examples of the contract as a story that can be posted, and what answers are held against."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from hpts import openapi
from ingress_api import examples
from tests.http import Client

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
            # What resolves a quarantine needs one: tests/faults/test_quarantine.py. What
            # configures webhooks posts nothing, nor do statements of banks: their tests are
            # test_webhook_endpoints.py and test_reconciliation.py.
            elsewhere = ("/quarantine/", "/webhook-endpoints", "/bank-statements")
            is_posting = not any(part in path for part in elsewhere)
            if method == "post" and is_posting:
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


DESCRIBED = {name: (path, operation) for name, path, operation in posts()}
"""Name of a POST -> its path and what the contract says of it."""

CONTRACT = DRAFT202012.create_resource(closed(DOCUMENT))
REGISTRY: Registry[Any] = Registry().with_resource("contract", CONTRACT)


def faults_of(value: Any, schema: dict[str, Any]) -> list[str]:
    """What a value has against the contract's schema; nothing in it may be undescribed."""
    reference = {"$ref": "contract" + schema["$ref"]}
    validator = Draft202012Validator(
        reference, registry=REGISTRY, format_checker=FormatChecker(("date", "date-time", "uuid"))
    )
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


@dataclass(frozen=True)
class Posted:
    """Example's id -> the real one, and (name, title) -> its answer and the replay."""

    ids: dict[str, str]
    answers: dict[tuple[str, str], tuple[httpx.Response, httpx.Response]]


ASKED = {"Prefer": "wait=30", "X-Trace-Id": "a-trace-of-old"}
"""What must be sent for every header that is described to come back."""

UUID_OR_WHEN = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9-]{10}T[0-9:.]{15}Z|\b[0-9a-f]{32}\b"
)


def masked(answer: Any) -> Any:
    """An answer without what differs each time: ids not ours, instants, the day, page tokens."""
    text = re.sub(r'"as_of_date": "[0-9-]{10}"', '"as_of_date": "a day"', json.dumps(answer))
    text = re.sub(r'"next_page_token": "[^"]+"', '"next_page_token": "a token"', text)
    return json.loads(
        UUID_OR_WHEN.sub(lambda one: one[0] if one[0] in OUR_OWN else "(made up)", text)
    )


def faults_of_headers(answer: httpx.Response, described: dict[str, Any]) -> list[str]:
    """What the headers that an answer has are not, of those described."""
    known = DOCUMENT["components"]["headers"]
    faults = []
    for name in described:
        if (text := answer.headers.get(name)) is not None:
            schema = known[name]["schema"]
            value = int(text) if schema.get("type") == "integer" else text
            faults += [
                f"{name}: {x.message}" for x in Draft202012Validator(schema).iter_errors(value)
            ]
    return faults


def with_real_ids(body: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    text = json.dumps(body)
    for example, real in ids.items():
        text = text.replace(example, real)
    return dict(json.loads(text))


def post_all(client: Client) -> Posted:
    """Post every example, in order, each twice."""
    ids = {example: str(uuid4()) for example in OUR_OWN}
    answers: dict[tuple[str, str], tuple[httpx.Response, httpx.Response]] = {}
    for name, title in ORDER:
        path, operation = DESCRIBED[name]
        example = body_of(operation)["examples"][title]["value"]
        for known, (source, member) in FROM_AN_ANSWER.items():
            if source in answers:
                ids[known] = answers[source][0].json()[member]
        sent = (path.format(period=examples.PERIOD), with_real_ids(example, ids))
        key = f"example:{uuid4()}"
        first, again = (client.post(*sent, key=key, headers=ASKED) for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 200), (name, title, first.text)
        answers[name, title] = first, again
    return Posted(ids, answers)
