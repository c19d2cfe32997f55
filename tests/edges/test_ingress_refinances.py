"""Refinances and their reversals over HTTP: several commands, one request, one answer."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from ingress_api.bodies import check
from ingress_api.operations import OPERATIONS
from schemas import ids
from schemas.fingerprints import fingerprint
from schemas.strict_json import parse
from tests import audit
from tests.edges import bodies_of
from tests.edges.lending import posted, rows, settled_loan, tenant_of
from tests.edges.test_ingress_bodies import TODAY
from tests.edges.test_ingress_idempotency import at_once, outcome_of
from tests.faults.test_engine_killed import engine_stopped
from tests.http import Client

Stack = dict[str, Any]
PATH = "/v1/refinances"
PATIENCE_S = 30


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


def refinance(loan: dict[str, str], **more: str) -> dict[str, Any]:
    return bodies_of.refinance(loan["loan_id"], **more)


def reversal(entry_id: str, **more: str) -> dict[str, Any]:
    return {**bodies_of.reversal(entry_id), "effective_at": "2026-03-05", **more}


def clearing_of(stack: Stack, client: Client) -> int:
    """What stands on 2200 for the tenant, in minor units."""
    return int(
        rows(
            stack,
            "SELECT coalesce(sum(debit_minor - credit_minor), 0) FROM hpts.account_days"
            " WHERE tenant_id = %s AND account_code = '2200'",
            tenant_of(client),
        )[0][0]
    )


def test_a_refinance_carries_the_exposure_over(stack: Stack, client: Client) -> None:
    loan = settled_loan(client)
    posted(client, "/v1/fees", bodies_of.fee(loan["loan_id"]))
    body = refinance(loan, additional_principal_minor="50000", currency="USD")
    key = f"refinance:{uuid4()}"
    first, again = (client.post(PATH, body, key=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200), first.text
    assert again.content == first.content
    assert again.headers["hpts-position"] == first.headers["hpts-position"]
    result = first.json()
    assert first.headers["location"] == f"/v1/journal-entries/{result['journal_entry_id']}"
    old, new = result["balances"]
    assert (old["loan_id"], old["status"], old["total_exposure_minor"]) == (
        loan["loan_id"], "refinanced", "0",
    )  # fmt: skip
    assert (new["loan_id"], new["status"], new["principal_outstanding_minor"]) == (
        body["new_loan_id"], "active", "150500",
    )  # fmt: skip
    settle = bodies_of.settlement(result["disbursement_event_id"], effective_at="2026-03-03")
    posted(client, "/v1/disbursement-settlements", settle)
    assert clearing_of(stack, client) == 0
    assert audit.faults_of_books(stack["postgres_dsn"]) == []


def test_without_additional_principal_nothing_is_disbursed(client: Client) -> None:
    result = posted(client, PATH, refinance(settled_loan(client)))
    assert "disbursement_event_id" not in result


@pytest.mark.parametrize("taken", ["another loan", "itself"])
def test_a_new_loan_that_is_there_is_refused(client: Client, taken: str) -> None:
    loan = settled_loan(client)
    new_loan_id = loan["loan_id"] if taken == "itself" else settled_loan(client)["loan_id"]
    key = f"refinance:{uuid4()}"
    body = refinance(loan) | {"new_loan_id": new_loan_id}
    answers = [client.post(PATH, body, key=key) for _ in range(2)]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (422, "new_loan_exists")
    assert answers[1].headers["idempotency-replayed"] == "true"


def test_a_refused_refinance_is_remembered_and_the_new_id_is_free_again(client: Client) -> None:
    loan = {"loan_id": str(uuid4()), "borrower_id": str(uuid4())}
    posted(client, "/v1/disbursements", bodies_of.disbursement() | loan)
    body, key = refinance(loan), f"refinance:{uuid4()}"
    first = client.post(PATH, body, key=key)
    assert (first.status_code, first.json()["code"]) == (422, "disbursement_unsettled")
    state = outcome_of(client, first.json()["command_id"])
    assert (state["status"], state["problem"]["code"]) == ("rejected", "disbursement_unsettled")
    opened = client.post("/v1/disbursements", bodies_of.disbursement(UUID(body["new_loan_id"])))
    assert opened.status_code == 201, opened.text
    again = client.post(PATH, body, key=key)
    assert (again.status_code, again.json()["code"]) == (422, "disbursement_unsettled")
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["command_id"] == first.json()["command_id"]
    assert again.json()["detail"] == first.json()["detail"]


def test_a_refinance_under_way_is_pending_and_in_progress(stack_dir: Path, client: Client) -> None:
    loan = settled_loan(client)
    body, key = refinance(loan), f"refinance:{uuid4()}"
    with engine_stopped(stack_dir):
        answer = client.post(PATH, body, key=key, headers={"Prefer": "respond-async"})
        assert answer.status_code == 202, answer.text
        command_id = answer.json()["command_id"]
        assert answer.headers["location"] == f"/v1/commands/{command_id}"
        assert answer.headers["hpts-position"]
        assert ids.partition_in(UUID(command_id)) == ids.IN_PARTS
        assert client.get(f"/v1/commands/{command_id}").json()["status"] == "pending"
        early = client.post(PATH, body, key=key)
        assert (early.status_code, early.json()["code"]) == (409, "idempotency_in_progress")
        other = client.post(PATH, body | {"description": "other"}, key=key)
        assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    state = outcome_of(client, command_id)
    assert state["status"] == "posted"
    again = client.post(PATH, body, key=key)
    assert (again.status_code, again.json()) == (200, state["result"])


def forget_to_send(stack: Stack, client: Client, body: dict[str, Any], key: str) -> str:
    """Leave a reservation as an ingress does that dies between reserving and producing."""
    operation = next(one for one in OPERATIONS if one.path == PATH)
    document = parse(httpx.Request("POST", "http://x", json=body).content)
    accepted_at = datetime.now(UTC) - timedelta(seconds=31)
    tenant_id = UUID(tenant_of(client))
    command_id = ids.derive(
        ids.COMMAND,
        tenant_id=tenant_id,
        key=key,
        accepted_at=accepted_at,
        partition_id=ids.IN_PARTS,
    )
    values = check(document, operation.body, TODAY)
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        connection.execute(
            "INSERT INTO hpts_edge.idempotency_reservations (tenant_id, idempotency_key,"
            " command_id, fingerprint, partition_id, required_scope, accepted_at, sent_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
            [tenant_id, key, command_id, fingerprint(f"POST {PATH}", values), ids.IN_PARTS,
             operation.scope, accepted_at, accepted_at],
        )  # fmt: skip
    return str(command_id)


def test_a_refinance_that_was_never_sent_is_taken_over(stack: Stack, client: Client) -> None:
    loan = settled_loan(client)
    body, key = refinance(loan), f"refinance:{uuid4()}"
    command_id = forget_to_send(stack, client, body, key)
    assert client.get(f"/v1/commands/{command_id}").json()["status"] == "pending"
    answers = at_once(client, PATH, body, key, 8)
    assert [a.status_code for a in answers].count(201) == 1, [a.text for a in answers]
    assert {a.status_code for a in answers} <= {200, 201, 409}
    result = client.post(PATH, body, key=key)
    assert (result.status_code, result.json()["correlation_id"]) == (200, command_id)


def test_a_refinance_is_reversed_in_two_steps_and_once(stack: Stack, client: Client) -> None:
    loan = settled_loan(client)
    body = refinance(loan)
    entry_id = posted(client, PATH, body)["journal_entry_id"]
    key = f"reversal:{uuid4()}"
    first, again = (client.post("/v1/reversals", reversal(entry_id), key=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200), first.text
    assert first.content == again.content
    result = first.json()
    assert (result["reverses_entry_id"], result["moved_to_suspense_minor"]) == (entry_id, "0")
    new, old = result["balances"]
    assert (new["loan_id"], new["status"]) == (body["new_loan_id"], "cancelled")
    assert (old["loan_id"], old["status"]) == (loan["loan_id"], "active")
    assert old["principal_outstanding_minor"] == "100000"
    assert clearing_of(stack, client) == 0
    state = client.get(f"/v1/commands/{result['correlation_id']}").json()
    assert (state["status"], state["result"]) == ("posted", result)

    other = client.post("/v1/reversals", reversal(entry_id))
    assert (other.status_code, other.json()["code"]) == (409, "already_reversed")
    back = client.post("/v1/reversals", reversal(result["journal_entry_id"]))
    assert (back.status_code, back.json()["code"]) == (422, "reversal_of_reversal")


def test_what_the_new_loan_has_paid_moves_to_its_suspense(client: Client) -> None:
    body = refinance(settled_loan(client))
    result = posted(client, PATH, body)
    borrower = {"loan_id": body["new_loan_id"], "borrower_id": result["balances"][1]["borrower_id"]}
    paid = {
        **bodies_of.payment(),
        **borrower,
        "amount_minor": "30000",
        "effective_at": "2026-03-04",
    }
    posted(client, "/v1/payments", paid)
    undone = posted(client, "/v1/reversals", reversal(result["journal_entry_id"]))
    assert undone["moved_to_suspense_minor"] == "30000"
    assert undone["balances"][0]["suspense_minor"] == "30000"


def test_a_refinances_entry_is_reversed_only_whole(stack: Stack, client: Client) -> None:
    loan = settled_loan(client)
    entry_id = posted(client, PATH, refinance(loan))["journal_entry_id"]
    one = client.post("/v1/reversals", reversal(entry_id, loan_id=loan["loan_id"]))
    assert (one.status_code, one.json()["code"]) == (422, "entry_not_found")
    foreign = Client.of(stack, 1).post("/v1/reversals", reversal(entry_id))
    assert (foreign.status_code, foreign.json()["code"]) == (422, "entry_not_found")
    early = client.post("/v1/reversals", reversal(entry_id) | {"effective_at": "2026-03-01"})
    assert (early.status_code, early.json()["code"]) == (422, "effective_before_original")


def test_a_refinance_that_is_still_posting_is_reversed_whole_or_not_yet(client: Client) -> None:
    for _ in range(5):
        loan = settled_loan(client)
        key = f"refinance:{uuid4()}"
        async_ = {"Prefer": "respond-async"}
        command_id = UUID(
            client.post(PATH, refinance(loan), key=key, headers=async_).json()["command_id"]
        )
        entry_id = ids.derive(
            ids.JOURNAL_ENTRY,
            tenant_id=UUID(tenant_of(client)),
            key=key,
            accepted_at=datetime(1970, 1, 1, tzinfo=UTC)
            + timedelta(milliseconds=command_id.int >> 80),
            partition_id=ids.IN_PARTS,
        )
        deadline = time.monotonic() + PATIENCE_S
        while (
            answer := client.post("/v1/reversals", reversal(str(entry_id)))
        ).status_code != 201 and time.monotonic() < deadline:
            told = (answer.status_code, answer.json()["code"])
            assert told in ((422, "entry_not_found"), (409, "batch_in_progress"))
        assert answer.status_code == 201, answer.text
        assert len(answer.json()["balances"]) == 2


def test_a_refinance_asks_for_its_scope_everywhere(stack: Stack, client: Client) -> None:
    registered = stack["clients"][0]
    command_id = posted(client, PATH, refinance(settled_loan(client)))["correlation_id"]
    token = httpx.post(
        stack["token_url"],
        data={"grant_type": "client_credentials", "scope": "hpts:payments:write"},
        auth=(registered["client_id"], registered["client_secret"]),
    ).json()["access_token"]
    narrow = Client(client.http, token)
    for answer in (
        narrow.post(PATH, bodies_of.refinance()),
        narrow.get(f"/v1/commands/{command_id}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    foreign = Client.of(stack, 1).get(f"/v1/commands/{command_id}")
    assert foreign.status_code == 404
