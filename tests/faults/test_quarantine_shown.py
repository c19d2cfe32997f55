"""What operators read and send is what the contract shows: held in a quarantine that is real."""

from typing import Any
from uuid import uuid4

import httpx

from ingress_api import examples
from tests.edges.contract_story import DOCUMENT, body_of, faults_of, masked
from tests.faults.test_quarantine import Loan, pay, refused, until, waiting_of
from tests.http import Client

Node = dict[str, Any]
OF_THE_CASE = ("reason", "partition_id", "command_offset", "idempotency_key")
"""What no example can know of a command that waits."""


def held_payment(client: Client, dsn: str) -> tuple[Loan, str]:
    """A loan whose payment waits for an operator, and the payment's command."""
    loan = client.open_loan(amount_minor="100000")
    with refused(dsn, loan):
        answer = pay(client, loan, "100")
    assert answer.json()["status"] == "quarantined", answer.text
    return loan, answer.json()["command_id"]


def operation(verb: str) -> Node:
    described: Node = DOCUMENT["paths"][f"/v1/quarantine/{{command_id}}/{verb}"]["post"]
    return described


def resolve(client: Client, verb: str, command_id: str) -> httpx.Response:
    """Send the request that the contract shows."""
    [example] = body_of(operation(verb))["examples"].values()
    return client.post(f"/v1/quarantine/{command_id}/{verb}", example["value"])


def shown(verb: str, status: str, media_type: str = "application/json", title: str = "") -> Any:
    response: Node = operation(verb)["responses"][status]
    found = response["content"][media_type]["examples"]
    return found[title or next(iter(found))]["value"]


def as_shown(problem: Node) -> Any:
    """A problem without the trace and the path of its own request."""
    return masked({k: v for k, v in problem.items() if k not in ("trace_id", "instance")})


def test_what_waits_is_shown_as_it_comes(stack: Node) -> None:
    client = Client.of(stack)
    loan, command_id = held_payment(client, stack["postgres_dsn"])
    [real] = waiting_of(client, loan)
    response = DOCUMENT["paths"]["/v1/quarantine"]["get"]["responses"]["200"]
    content = response["content"]["application/json"]
    [example] = content["example"]["items"]
    assert faults_of({"items": [real]}, content["schema"]) == []
    real, example = (
        {name: value for name, value in one.items() if name not in OF_THE_CASE} | {"loan_id": ""}
        for one in (real, example)
    )
    assert masked(real) == masked(example)
    assert resolve(client, "resume", command_id).status_code == 201


def test_the_examples_of_resuming_are_sent_and_answered_as_shown(stack: Node) -> None:
    client = Client.of(stack)
    _, command_id = held_payment(client, stack["postgres_dsn"])
    resumed = resolve(client, "resume", command_id)
    assert resumed.status_code == 201, resumed.text
    assert masked(resumed.json()) == masked(shown("resume", "201"))
    gone = resolve(client, "resume", command_id)
    assert gone.status_code == 409, gone.text
    refusal = shown("resume", "409", "application/problem+json", "refused")
    assert as_shown(gone.json()) == as_shown(refusal)


def test_the_examples_of_rejecting_are_sent_and_answered_as_shown(stack: Node) -> None:
    client = Client.of(stack)
    _, command_id = held_payment(client, stack["postgres_dsn"])
    rejected = resolve(client, "reject", command_id)
    assert rejected.status_code == 201, rejected.text
    assert masked(rejected.json()) == masked(shown("reject", "201"))
    state = client.get(f"/v1/commands/{command_id}").json()
    explanation = examples.EXAMPLES["QuarantineReject"]["command"]["explanation"]
    assert (state["status"], state["problem"]["detail"]) == ("rejected", explanation)


def test_a_step_that_cannot_be_rejected_is_refused_as_shown(stack: Node) -> None:
    client = Client.of(stack)
    loan = client.open_loan(amount_minor="100000")
    [disbursed] = client.get(f"/v1/loans/{loan['loan_id']}/journal-entries").json()["items"]
    settled = {"disbursement_event_id": event_of(client, disbursed), "effective_at": "2026-01-06"}
    answer = client.post("/v1/disbursement-settlements", settled)
    assert answer.status_code == 201, answer.text
    new_loan = {"loan_id": str(uuid4())}
    body = {"loan_id": loan["loan_id"], "new_loan_id": new_loan["loan_id"]}
    with refused(stack["postgres_dsn"], new_loan):
        answer = client.post("/v1/refinances", {**body, "effective_at": "2026-02-02"})
        assert answer.status_code == 202, answer.text
        until(lambda: waiting_of(client, new_loan))
        [step] = waiting_of(client, new_loan)
        assert step["command_type"] == "RefinanceOpening"
        stays = resolve(client, "reject", step["command_id"])
    assert stays.status_code == 409, stays.text
    refusal = shown("reject", "409", "application/problem+json", "refused")
    assert as_shown(stays.json()) == as_shown(refusal)
    assert resolve(client, "resume", step["command_id"]).status_code == 201


def event_of(client: Client, entry: Node) -> str:
    """The id of the event that an entry was posted for."""
    state = client.get(f"/v1/commands/{entry['correlation_id']}").json()
    return str(state["result"]["disbursement_event_id"])


def test_what_operators_read_has_the_members_that_are_shown(stack: Node) -> None:
    operator = Client.of(stack)
    for path in ("/v1/operations/status", "/v1/dead-letters"):
        answer = operator.get(path)
        content = DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]
        described = content["application/json"]
        assert answer.status_code == 200, answer.text
        assert faults_of(answer.json(), described["schema"]) == []
        assert faults_of(described["example"], described["schema"]) == []
        assert answer.json().keys() <= described["example"].keys() | {"next_page_token"}
