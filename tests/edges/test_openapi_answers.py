"""Every example of the contract is posted, and answered as the contract shows and describes it."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from ingress_api import examples
from read_api.operations import OPERATIONS
from schemas import scopes
from schemas.problems import REFUSALS
from tests.edges import bodies_of
from tests.edges.contract_story import (
    ASKED,
    DESCRIBED,
    DOCUMENT,
    ORDER,
    Posted,
    body_of,
    faults_of,
    faults_of_headers,
    masked,
    post_all,
    with_real_ids,
)
from tests.edges.new_tenant import client_of_new_tenant
from tests.http import Client

Stack = dict[str, Any]
OF_ANY_BODY = {"content-type", "content-length", "date"}


@pytest.fixture(scope="module")
def client(stack: Stack, stack_dir: Path) -> Client:
    return client_of_new_tenant(stack, stack_dir)


@pytest.fixture(scope="module")
def posted(client: Client) -> Posted:
    return post_all(client)


@pytest.mark.parametrize("one", ORDER, ids=":".join)
def test_an_example_posts_and_is_answered_as_its_schema_says(
    client: Client, posted: Posted, one: tuple[str, str]
) -> None:
    _, operation = DESCRIBED[one[0]]
    first, again = posted.answers[one]
    for answer in (first, again):
        content = operation["responses"][str(answer.status_code)]["content"]
        assert faults_of(answer.json(), content["application/json"]["schema"]) == []
    assert again.content == first.content
    assert first.headers["location"].startswith("/v1/")
    state = client.get(f"/v1/commands/{first.json()['correlation_id']}").json()
    assert (state["status"], state["result"]) == ("posted", first.json())
    assert faults_of(state, {"$ref": "#/components/schemas/CommandState"}) == []


@pytest.mark.parametrize("one", ORDER, ids=":".join)
def test_the_answer_that_is_shown_is_the_one_that_comes(
    posted: Posted, one: tuple[str, str]
) -> None:
    name, title = one
    shown = DESCRIBED[name][1]["responses"]["201"]["content"]["application/json"]["examples"]
    real = with_real_ids(posted.answers[one][0].json(), {v: k for k, v in posted.ids.items()})
    assert masked(shown[title]["value"]) == masked(real)


@pytest.mark.parametrize("one", ORDER, ids=":".join)
def test_an_answer_has_the_headers_that_are_described_and_no_other(
    posted: Posted, one: tuple[str, str]
) -> None:
    _, operation = DESCRIBED[one[0]]
    for answer in posted.answers[one]:
        described = operation["responses"][str(answer.status_code)]["headers"]
        assert {name.lower() for name in described} == set(answer.headers) - OF_ANY_BODY
        assert faults_of_headers(answer, described) == []


DEBIT = bodies_of.line("2100", "DR", "1000")
REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "Disbursement": ("opening", {"loan_id": examples.NEW_LOAN}),
    "DisbursementSettlement": ("whole", {}),
    "AccrualBatch": ("month", {"expected_total_minor": "823"}),
    "Fee": ("late", {"loan_id": examples.PROGRAM}),
    "Payment": ("held", {"borrower_id": examples.PROGRAM}),
    "PaymentReturn": ("insufficient_funds", {"payment_event_id": examples.PROGRAM}),
    "PaymentAllocation": ("split", {"currency": "EUR"}),
    "FeeWaiver": ("goodwill", {"loan_id": examples.PROGRAM}),
    "Restructure": ("capitalised", {}),
    "Reversal": ("of_an_entry", {}),
    "Refinance": ("with_more", {}),
    "ChargeOff": ("delinquent", {"loan_id": examples.PROGRAM}),
    "Recovery": ("after_charge_off", {"loan_id": examples.PROGRAM}),
    "ManualAdjustment": ("refund", {"lines": [DEBIT, DEBIT]}),
    "PeriodClose": ("month", {}),
}
"""Name -> the example that is refused once all have posted, and what is changed in it."""


@pytest.mark.parametrize("name", REFUSED)
def test_the_refusal_that_is_shown_is_the_one_that_comes(
    client: Client, posted: Posted, name: str
) -> None:
    path, operation = DESCRIBED[name]
    title, changes = REFUSED[name]
    body = with_real_ids(body_of(operation)["examples"][title]["value"] | changes, posted.ids)
    key, path = f"refused:{uuid4()}", path.format(period=examples.PERIOD)
    answer, again = (client.post(path, body, key=key, headers=ASKED) for _ in range(2))
    response = operation["responses"][str(answer.status_code)]
    shown = response["content"]["application/problem+json"]["examples"]["refused"]["value"]
    real = with_real_ids(answer.json(), {v: k for k, v in posted.ids.items()})
    assert masked(shown) == masked(real)
    assert faults_of_headers(again, response["headers"]) == []
    is_remembered = shown["code"] in REFUSALS
    assert ("idempotency-replayed" in again.headers) == is_remembered


def test_the_example_as_lines_is_the_same_request(client: Client, posted: Posted) -> None:
    path, operation = DESCRIBED["AccrualBatch"]
    content = operation["requestBody"]["content"]
    body, lines = (
        with_real_ids({"value": content[kind]["examples"]["month"]["value"]}, posted.ids)["value"]
        for kind in ("application/json", "application/x-ndjson")
    )
    key = f"example:{uuid4()}"
    first = client.post(path, body, key=key)
    headers = {
        "Authorization": f"Bearer {client.token}",
        "Idempotency-Key": key,
        "Content-Type": "application/x-ndjson",
    }
    again = client.http.post(path, content=lines, headers=headers)
    # Its date has accrued already, which is remembered, too.
    assert [one.json()["code"] for one in (first, again)] == ["accrual_rejected"] * 2
    assert again.headers["idempotency-replayed"] == "true"


def test_what_is_pending_is_shown_as_it_comes(client: Client, posted: Posted) -> None:
    for name in ("Disbursement", "AccrualBatch"):
        path, operation = DESCRIBED[name]
        body = next(iter(body_of(operation)["examples"].values()))["value"]
        asked = {**ASKED, "Prefer": "respond-async"}
        answer = client.post(path, with_real_ids(body, posted.ids), headers=asked)
        response = operation["responses"]["202"]
        content = response["content"]["application/json"]
        shown = content["examples"]["pending"]["value"]
        assert answer.status_code == 202
        assert (answer.json().keys(), answer.json()["status"]) == (shown.keys(), "pending")
        assert faults_of_headers(answer, response["headers"]) == []
        assert {n.lower() for n in response["headers"]} == set(answer.headers) - OF_ANY_BODY


def test_the_reads_of_this_edge_are_shown_as_they_come(client: Client, posted: Posted) -> None:
    batch = posted.answers["AccrualBatch", "month"][0].json()
    paid = posted.answers["Payment", "by_waterfall"][0].json()
    to_example = {v: k for k, v in posted.ids.items()}
    for path, parameter, given in (
        ("/v1/commands/{command_id}", "command_id", paid["correlation_id"]),
        ("/v1/accruals/{accrual_event_id}", "accrual_event_id", batch["accrual_event_id"]),
    ):
        response = DOCUMENT["paths"][path]["get"]["responses"]["200"]
        shown = response["content"]["application/json"]["examples"]["posted"]["value"]
        answer = client.get(path.format(**{parameter: given}), ASKED)
        assert masked(with_real_ids(answer.json(), to_example)) == masked(shown), path
        assert faults_of_headers(answer, response["headers"]) == []
        assert "hpts-position" in answer.headers


ON_READING = {
    "LoanBalance": "/v1/loans/{loan}/balance?as_of_date=2026-02-02&known_at={paid_at}",
    "Loan": "/v1/loans/{migrated_loan}",
    "LoanPage": "/v1/loans?borrower_id={borrower}&status=active",
    "LoanStatement": "/v1/loans/{loan}/statement?from_date=2026-02-01&to_date=2026-02-05",
    "AccountBalance": "/v1/accounts/1000/balance?currency=USD&as_of_date=2026-02-28",
    "Accounts": "/v1/accounts",
    "TrialBalance": "/v1/trial-balance?as_of_date=2026-01-31",
    "Periods": "/v1/periods?page_size=2",
    "JournalEntry": "/v1/journal-entries/{payment}",
    "JournalPage": "/v1/loans/{loan}/journal-entries?from_date=2026-02-02&to_date=2026-02-02",
    "WholeJournalPage": "/v1/journal-entries?from_date=2026-02-02&to_date=2026-02-02",
}
"""Answer -> how it is asked for in the books that the examples leave.

What waits for operators is shown as it comes by `tests/faults/test_quarantine.py`, what the witness
says by `test_reconciliation.py`.
"""


def asked_of(posted: Posted, name: str) -> str:
    paid = posted.answers["Payment", "by_waterfall"][0].json()
    return ON_READING[name].format(
        loan=posted.ids[examples.LOAN],
        migrated_loan=posted.ids[examples.MIGRATED_LOAN],
        borrower=posted.ids[examples.BORROWER],
        payment=paid["journal_entry_id"],
        paid_at=paid["posted_at"],
    )


def test_every_read_but_those_of_operators_is_among_them() -> None:
    elsewhere = (scopes.OPERATIONS_READ, scopes.RECONCILIATION_READ)
    of_others = {one.result for one in OPERATIONS if one.scope in elsewhere}
    assert {one.result for one in OPERATIONS} - of_others == set(ON_READING)


@pytest.mark.parametrize("name", ON_READING)
def test_what_a_read_shows_is_what_the_books_of_the_examples_say(
    client: Client, posted: Posted, name: str
) -> None:
    [response] = [
        methods["get"]["responses"]["200"]
        for methods in DOCUMENT["paths"].values()
        if methods.get("get", {}).get("operationId") == f"get{name}"
    ]
    shown = response["content"]["application/json"]["example"]
    answer = client.get(asked_of(posted, name), {"X-Trace-Id": ASKED["X-Trace-Id"]})
    assert answer.status_code == 200, answer.text
    real = with_real_ids(answer.json(), {v: k for k, v in posted.ids.items()})
    assert masked(shown) == masked(real)
    assert faults_of_headers(answer, response["headers"]) == []
    assert {one.lower() for one in response["headers"]} <= set(answer.headers)


def test_a_statement_is_shown_as_a_table_as_it_comes(client: Client, posted: Posted) -> None:
    path = "/v1/loans/{loan_id}/statement"
    content = DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "text/csv", "text/html"}
    shown = content["text/csv"]["example"]
    answer = client.get(asked_of(posted, "LoanStatement"), {"Accept": "text/csv"})
    assert masked(shown.splitlines()) == masked(answer.text.splitlines())
    assert len(shown.splitlines()) == 6
    page = client.get(asked_of(posted, "LoanStatement"), {"Accept": "text/html"})
    assert page.text.startswith("<!doctype html>")
    assert content["text/html"]["schema"]["description"]


def test_what_refuses_a_request_has_the_headers_that_are_described(client: Client) -> None:
    path, operation = DESCRIBED["Fee"]
    without_token = client.http.post(path, json={})
    assert without_token.headers["www-authenticate"].startswith("Bearer")
    described = operation["responses"]["401"]["headers"]
    assert faults_of_headers(without_token, described) == []
    read = DOCUMENT["paths"]["/v1/commands/{command_id}"]["get"]["responses"]["503"]
    late = client.get(f"/v1/commands/{uuid4()}", {"HPTS-Min-Position": "0:9223372036854775806"})
    assert (late.status_code, late.headers["retry-after"]) == (503, "1")
    assert faults_of_headers(late, read["headers"]) == []
