"""One key, one command: replays, mismatches, races, and what is known of a pending command."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from schemas import ids
from tests import audit
from tests.edges import bodies_of
from tests.http import Client

Stack = dict[str, Any]
PATIENCE_S = 30


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


@pytest.fixture(scope="module")
def other_tenant(stack: Stack) -> Client:
    return Client.of(stack, 1)


def outcome_of(client: Client, command_id: str) -> dict[str, Any]:
    """What became of a command, once it is known."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        answer = client.get(f"/v1/commands/{command_id}")
        assert answer.status_code == 200, answer.text
        if answer.json()["status"] != "pending":
            return dict(answer.json())
    raise AssertionError(f"command {command_id} is still pending")


def entries_of(stack: Stack, loan_id: str) -> int:
    """How many journal entries touch a loan, by the books themselves."""
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        found = connection.execute(
            "SELECT count(DISTINCT (partition_id, entry_seq)) FROM hpts.journal_lines"
            " WHERE loan_id = %s",
            [loan_id],
        ).fetchone()
    return int(found[0]) if found else 0


def test_the_same_request_again_gives_the_same_answer_with_200(
    stack: Stack, client: Client
) -> None:
    loan = client.open_loan(amount_minor="100000")
    body = bodies_of.payment() | loan
    key = f"payment:{uuid4()}"
    first = client.post("/v1/payments", body, key=key)
    assert first.status_code == 201
    assert first.headers["location"] == f"/v1/journal-entries/{first.json()['journal_entry_id']}"
    shouted = {name: body[name] for name in reversed(body)}
    shouted["loan_id"] = shouted["loan_id"].upper()
    again = client.post("/v1/payments", shouted, key=key)
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["hpts-position"] == first.headers["hpts-position"]
    assert entries_of(stack, loan["loan_id"]) == 2


def test_a_refusal_is_repeated_with_its_own_status(client: Client) -> None:
    body = bodies_of.payment()
    key = f"payment:{uuid4()}"
    answers = [client.post("/v1/payments", body, key=key) for _ in range(2)]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (422, "loan_not_found")
    assert answers[1].headers["idempotency-replayed"] == "true"
    documents = [answer.json() for answer in answers]
    for document in documents:
        del document["trace_id"]
    assert documents[0] == documents[1]


@pytest.mark.parametrize(
    ("path", "change"),
    [
        ("/v1/payments", {"amount_minor": "11323"}),
        ("/v1/payments", {"allocation": "auto"}),
        ("/v1/disbursements", {"method": "ach"}),
    ],
)
def test_another_payload_under_the_same_key_is_422(
    stack: Stack, client: Client, path: str, change: dict[str, Any]
) -> None:
    loan = client.open_loan(amount_minor="100000")
    body = bodies_of.payment() | loan
    key = f"payment:{uuid4()}"
    assert client.post("/v1/payments", body, key=key).status_code == 201
    changed = body | change
    if path == "/v1/disbursements":
        del changed["source_method"]
    answer = client.post(path, changed, key=key)
    assert (answer.status_code, answer.json().get("code")) == (422, "idempotency_mismatch")
    assert entries_of(stack, loan["loan_id"]) == 2


def test_a_faulty_request_does_not_use_up_its_key(client: Client) -> None:
    loan = client.open_loan(amount_minor="100000")
    body = bodies_of.payment() | loan
    key = f"payment:{uuid4()}"
    assert client.post("/v1/payments", body | {"currency": "usd"}, key=key).status_code == 422
    assert client.post("/v1/payments", body, key=key).status_code == 201


def test_two_tenants_may_use_one_key(client: Client, other_tenant: Client) -> None:
    key = f"disbursement:{uuid4()}"
    body = bodies_of.disbursement()
    answers = [one.post("/v1/disbursements", body, key=key) for one in (client, other_tenant)]
    assert [answer.status_code for answer in answers] == [201, 201]
    ids = {answer.json()["journal_entry_id"] for answer in answers}
    assert len(ids) == 2


def at_once(client: Client, path: str, body: Any, key: str, copies: int) -> list[httpx.Response]:
    with ThreadPoolExecutor(copies) as pool:
        return list(pool.map(lambda _: client.post(path, body, key=key), range(copies)))


def test_64_copies_at_once_post_once(stack: Stack, client: Client) -> None:
    for _ in range(5):
        loan = client.open_loan(amount_minor="100000")
        body = bodies_of.payment() | loan
        answers = at_once(client, "/v1/payments", body, f"payment:{uuid4()}", 64)
        counts = Counter(answer.status_code for answer in answers)
        assert counts[201] == 1, counts
        assert set(counts) <= {200, 201, 409}
        bodies = {answer.content for answer in answers if answer.status_code in (200, 201)}
        assert len(bodies) == 1
        for answer in answers:
            if answer.status_code == 409:
                assert answer.json()["code"] == "idempotency_in_progress"
                assert answer.headers["retry-after"]
        assert entries_of(stack, loan["loan_id"]) == 2
    assert audit.faults_of_books(stack["postgres_dsn"]) == []


def test_copies_of_a_batch_at_once_post_once(stack: Stack, client: Client) -> None:
    loans = [client.open_loan(amount_minor="100000")["loan_id"] for _ in range(4)]
    body = bodies_of.accrual() | {
        "loans": [
            {"loan_id": one, "outstanding_principal_minor": "100000", "interest_minor": "822"}
            for one in loans
        ]
    }
    answers = at_once(client, "/v1/accruals/batch", body, f"accrual:{uuid4()}", 16)
    counts = Counter(answer.status_code for answer in answers)
    assert counts[201] == 1, counts
    assert set(counts) <= {200, 201, 409}
    for loan_id in loans:
        assert entries_of(stack, loan_id) == 2


def test_respond_async_is_202_and_the_command_is_found(client: Client) -> None:
    loan = client.open_loan(amount_minor="100000")
    body = bodies_of.payment() | loan
    key = f"payment:{uuid4()}"
    answer = client.post("/v1/payments", body, key=key, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202
    command_id = answer.json()["command_id"]
    assert answer.json() == {"command_id": command_id, "status": "pending"}
    assert answer.headers["location"] == f"/v1/commands/{command_id}"
    assert answer.headers["preference-applied"] == "respond-async"
    assert answer.headers["retry-after"]
    partition, _, offset = answer.headers["hpts-position"].partition(":")
    assert partition.isdigit()
    assert offset.isdigit()
    state = outcome_of(client, command_id)
    assert state["status"] == "posted"
    again = client.post("/v1/payments", body, key=key)
    assert again.status_code == 200
    assert again.json() == state["result"]


def test_a_rejected_command_tells_its_problem(client: Client) -> None:
    headers = {"Prefer": "respond-async"}
    answer = client.post("/v1/payments", bodies_of.payment(), headers=headers)
    state = outcome_of(client, answer.json()["command_id"])
    assert (state["status"], state["problem"]["code"]) == ("rejected", "loan_not_found")


@pytest.mark.parametrize(
    ("prefer", "status", "applied"),
    [
        ("wait=5", 201, "wait=5"),
        ("wait=0", 202, "wait=0"),
        ("WAIT=5", 201, "wait=5"),
        ("respond-async, wait=5", 201, "respond-async, wait=5"),
        ("wait=999", 201, "wait=60"),
        ("wait=-1", 201, None),
        ("wait=soon", 201, None),
        ("wait=１", 201, None),
        ("return=minimal", 201, None),
        ("", 201, None),
        (",;,=", 201, None),
    ],
)
def test_what_is_preferred(client: Client, prefer: str, status: int, applied: str | None) -> None:
    body = bodies_of.disbursement()
    headers = {
        b"Authorization": f"Bearer {client.token}".encode(),
        b"Idempotency-Key": f"test:{uuid4()}".encode(),
        b"Prefer": prefer.encode(),
    }
    answer = client.http.post("/v1/disbursements", json=body, headers=headers)
    # Without a wait the answer may still be there in time.
    assert answer.status_code in {status, 201}
    assert answer.headers.get("preference-applied") == applied


def test_another_tenants_command_is_as_none(client: Client, other_tenant: Client) -> None:
    answer = client.post("/v1/disbursements", bodies_of.disbursement())
    command_id = answer.json()["correlation_id"]
    assert client.get(f"/v1/commands/{command_id}").status_code == 200
    foreign = other_tenant.get(f"/v1/commands/{command_id}")
    absent = other_tenant.get(f"/v1/commands/{uuid4()}")
    assert (foreign.status_code, absent.status_code) == (404, 404)
    documents = [foreign.json(), absent.json()]
    for document in documents:
        del document["trace_id"], document["instance"]
    assert documents[0] == documents[1]


def test_a_command_asks_for_the_scope_of_its_post(stack: Stack, client: Client) -> None:
    registered = stack["clients"][0]
    answer = client.post("/v1/disbursements", bodies_of.disbursement())
    command_id = answer.json()["correlation_id"]
    token = httpx.post(
        stack["token_url"],
        data={"grant_type": "client_credentials", "scope": "hpts:payments:write"},
        auth=(registered["client_id"], registered["client_secret"]),
    ).json()["access_token"]
    narrow = Client(client.http, token)
    assert narrow.get(f"/v1/commands/{command_id}").json()["code"] == "insufficient_scope"


def forget_to_send(
    stack: Stack, client: Client, body: dict[str, Any], key: str, *, seconds_ago: int
) -> str:
    """Leave a reservation as an ingress does that dies between reserving and producing."""
    assert client.post("/v1/payments", body, key=f"twin:{key}").status_code == 201
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        twin = connection.execute(
            "SELECT tenant_id, fingerprint, partition_id, required_scope, accepted_at"
            " FROM hpts_edge.idempotency_reservations WHERE idempotency_key = %s",
            [f"twin:{key}"],
        ).fetchone()
        assert twin is not None
        tenant_id, _, partition_id, _, accepted_at = twin
        command_id = ids.derive(
            ids.COMMAND,
            tenant_id=tenant_id,
            key=key,
            accepted_at=accepted_at,
            partition_id=partition_id,
        )
        connection.execute(
            "INSERT INTO hpts_edge.idempotency_reservations (tenant_id, fingerprint,"
            " partition_id, required_scope, accepted_at, idempotency_key, command_id, sent_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, now() - make_interval(secs => %s))",
            [*twin, key, command_id, seconds_ago],
        )
    return str(command_id)


def test_a_reservation_without_command_is_taken_over_after_30_s(
    stack: Stack, client: Client
) -> None:
    loan = client.open_loan(amount_minor="100000")
    body = bodies_of.payment() | loan
    key = f"payment:{uuid4()}"
    forget_to_send(stack, client, body, key, seconds_ago=31)
    answers = at_once(client, "/v1/payments", body, key, 8)
    counts = Counter(answer.status_code for answer in answers)
    assert counts[201] == 1, counts
    assert set(counts) <= {200, 201, 409}
    assert client.post("/v1/payments", body, key=key).status_code == 200
    # The disbursement, the twin, and the payment taken over.
    assert entries_of(stack, loan["loan_id"]) == 3


def test_a_young_reservation_is_in_progress(stack: Stack, client: Client) -> None:
    loan = client.open_loan(amount_minor="100000")
    body = bodies_of.payment() | loan
    key = f"payment:{uuid4()}"
    command_id = forget_to_send(stack, client, body, key, seconds_ago=5)
    answer = client.post("/v1/payments", body, key=key)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_in_progress")
    assert answer.json()["command_id"] == command_id
    assert client.get(f"/v1/commands/{command_id}").json()["status"] == "pending"
