"""Dry runs: exactly what posting then gives, and no trace."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from ingress_api import examples
from ingress_api.operations import OPERATIONS, PERIOD_CLOSES
from tests.edges import bodies_of
from tests.edges.contract_story import FROM_AN_ANSWER, ORDER, OUR_OWN, with_real_ids
from tests.edges.lending import posted, settled_loan, trace_of
from tests.edges.new_tenant import client_of_new_tenant
from tests.faults.test_engine_killed import engine_stopped
from tests.http import Client

Stack = dict[str, Any]
BY_NAME = {operation.name: operation for operation in (*OPERATIONS, PERIOD_CLOSES)}
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+Z")
_DERIVED = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@pytest.fixture
def client(stack: Stack, stack_dir: Path) -> Client:
    """A tenant of the test's own, so that its trace can be counted."""
    return client_of_new_tenant(stack, stack_dir)


def timeless(result: dict[str, Any], known: set[str]) -> dict[str, Any]:
    """A result without what differs from one moment to the next: instants and its own ids."""
    text = _INSTANT.sub("instant", json.dumps(result))
    text = _DERIVED.sub(lambda found: found[0] if found[0] in known else "derived", text)
    return dict(json.loads(text))


def test_a_dry_run_tells_what_posting_then_gives_and_leaves_no_trace(
    stack: Stack, client: Client
) -> None:
    ids = {example: str(uuid4()) for example in OUR_OWN}
    answers: dict[tuple[str, str], dict[str, Any]] = {}
    tried = set()
    for name, title in ORDER:
        for known, (source, member) in FROM_AN_ANSWER.items():
            if source in answers:
                ids[known] = answers[source][member]
        path = BY_NAME[name].path if name in BY_NAME else "/v1/accruals/batch"
        path = path.format(period=examples.PERIOD)
        body = with_real_ids(examples.EXAMPLES[name][title], ids)
        key = f"dry:{uuid4()}"
        before = trace_of(stack, client)
        dry = client.post(f"{path}?dry_run=true", body, key=key)
        assert trace_of(stack, client) == before
        answers[name, title] = posted(client, path, body, key=key)
        if name not in BY_NAME or not BY_NAME[name].may_be_tried:
            assert (dry.status_code, dry.json()["code"]) == (422, "dry_run_unsupported")
            continue
        tried.add(name)
        assert dry.status_code == 200, dry.text
        assert not {"location", "idempotency-replayed"} & set(dry.headers)
        told = dry.json()
        assert told.pop("dry_run") is True
        real = set(ids.values())
        assert timeless(told, real) == timeless(answers[name, title], real), (name, title)
    assert tried == {one.name for one in BY_NAME.values() if one.may_be_tried}


def test_a_refusal_of_a_dry_run_is_its_problem_and_not_remembered(
    stack: Stack, client: Client
) -> None:
    body, key = bodies_of.payment(), f"dry:{uuid4()}"
    for _ in range(2):
        dry = client.post("/v1/payments?dry_run=true", body, key=key)
        assert (dry.status_code, dry.json()["code"]) == (422, "loan_not_found")
        assert dry.json()["dry_run"] is True
        assert "command_id" not in dry.json()
        assert "idempotency-replayed" not in dry.headers
    assert set(trace_of(stack, client).values()) == {0}
    opening = {"loan_id": body["loan_id"], "borrower_id": body["borrower_id"]}
    posted(client, "/v1/disbursements", bodies_of.disbursement() | opening)
    posted(client, "/v1/payments", body, key=key)


def test_a_dry_run_neither_sees_nor_uses_up_its_key(client: Client) -> None:
    loan = settled_loan(client)
    body, key = bodies_of.fee(loan["loan_id"]), f"dry:{uuid4()}"
    first = posted(client, "/v1/fees", body, key=key)
    for amount in ("500", "700"):
        path = "/v1/fees?dry_run=true"
        dry = client.post(path, body | {"amount_minor": amount}, key=key)
        assert dry.status_code == 200, dry.text
        owed = int(dry.json()["balance"]["fees_receivable_minor"])
        assert owed == 500 + int(amount)
    again = client.post("/v1/fees", body, key=key)
    assert (again.status_code, again.json()) == (200, first)


def test_dry_run_false_means_nothing(client: Client) -> None:
    answer = client.post("/v1/disbursements?dry_run=false", bodies_of.disbursement())
    assert answer.status_code == 201
    assert "dry_run" not in answer.json()


def test_a_faulty_body_is_faulty_in_a_dry_run(client: Client) -> None:
    for path in bodies_of.SOUND:
        answer = client.post(f"{path}?dry_run=true", {"surprise": 1})
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")


@pytest.mark.parametrize(
    ("prefer", "applied"),
    [("respond-async", None), ("wait=0", "wait=1"), ("respond-async, wait=5", "wait=5")],
)
def test_a_dry_run_is_waited_for(client: Client, prefer: str, applied: str | None) -> None:
    answer = client.post(
        "/v1/disbursements?dry_run=true", bodies_of.disbursement(), headers={"Prefer": prefer}
    )
    assert answer.status_code == 200, answer.text
    assert answer.headers.get("preference-applied") == applied


def test_reversals_in_parts_cannot_be_tried_and_others_can(client: Client) -> None:
    loan = settled_loan(client)
    accrued = posted(
        client, "/v1/accruals/batch", bodies_of.accrual(bodies_of.UUID(loan["loan_id"]))
    )
    entry_id = accrued["journal_entry_id"]
    path = "/v1/reversals?dry_run=true"
    whole = client.post(path, bodies_of.reversal(entry_id))
    assert (whole.status_code, whole.json()["code"]) == (422, "dry_run_unsupported")
    one = client.post(path, bodies_of.reversal(entry_id) | {"loan_id": loan["loan_id"]})
    assert (one.status_code, one.json()["dry_run"]) == (200, True)
    refinanced = posted(client, "/v1/refinances", bodies_of.refinance(loan["loan_id"]))
    body = bodies_of.reversal(refinanced["journal_entry_id"]) | {"effective_at": "2026-03-03"}
    answer = client.post(path, body)
    assert (answer.status_code, answer.json()["code"]) == (422, "dry_run_unsupported")
    unknown = client.post(path, bodies_of.reversal())
    assert (unknown.status_code, unknown.json()["code"]) == (422, "entry_not_found")


def test_a_dry_run_that_nobody_decides_is_503_and_changes_nothing(
    stack_dir: Path, client: Client
) -> None:
    loan = settled_loan(client)
    body = bodies_of.fee(loan["loan_id"])
    with engine_stopped(stack_dir):
        answer = client.post("/v1/fees?dry_run=true", body, headers={"Prefer": "wait=1"})
        assert (answer.status_code, answer.json()["code"]) == (503, "position_not_reached")
        assert answer.headers["retry-after"]
    assert posted(client, "/v1/fees", body)["balance"]["fees_receivable_minor"] == "500"


def test_who_may_not_post_may_not_try(stack: Stack) -> None:
    reader = next(i for i, one in enumerate(stack["clients"]) if "-reader" in one["client_id"])
    answer: httpx.Response = Client.of(stack, reader).post("/v1/fees?dry_run=true", bodies_of.fee())
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
