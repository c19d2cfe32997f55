"""Webhooks of a running ledger: who is told what, by whose signature, how often, in which order."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.deliveries.endpoints import PATH, deliveries_of, listen
from tests.deliveries.receiver import Receiver, Verdict
from tests.edges.contract_story import faults_of
from tests.edges.lending import settled_loan
from tests.faults.own_ledger import until
from tests.http import Client


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def client(stack: dict[str, Any]) -> Iterator[Client]:
    """A tenant's client; what endpoints it makes are deleted at the end."""
    client = Client.of(stack)
    yield client
    for endpoint in client.get(PATH).json()["items"]:
        delete(client, endpoint)


def delete(client: Client, endpoint: dict[str, Any]) -> int:
    path = f"{PATH}/{endpoint['webhook_endpoint_id']}"
    headers = {"Authorization": f"Bearer {client.token}"}
    return client.http.delete(path, headers=headers).status_code


def statuses(client: Client, endpoint: dict[str, Any]) -> list[str]:
    return [delivery["status"] for delivery in deliveries_of(client, endpoint)]


def is_told(receiver: Receiver, count: int, path: str = "/hook") -> bool:
    return len(receiver.acknowledged(path)) >= count


def test_an_endpoint_is_told_of_what_it_asked_for_and_signed(
    client: Client, receiver: Receiver
) -> None:
    everything = listen(client, receiver)
    listen(client, receiver, "/payments", event_types=["payment_received"])
    loan = client.open_loan(amount_minor="100000")
    paid = [client.pay(loan, amount_minor=f"{n}")["journal_entry_id"] for n in range(1, 6)]

    until(lambda: is_told(receiver, 6) and is_told(receiver, 5, "/payments"), seconds=15)

    assert receiver.acknowledged("/payments") == paid
    assert receiver.acknowledged()[1:] == paid
    assert receiver.refused == []
    event = next(told.event for told in receiver.told if told.webhook_id == paid[0])
    entry = client.get(f"/v1/journal-entries/{paid[0]}").json()
    tenant_id = event.pop("tenant_id")
    assert event == {
        "journal_entry_id": paid[0],
        "event_type": "payment_received",
        "occurred_at": entry["posted_at"],
        "correlation_id": entry["correlation_id"],
    }
    assert tenant_id
    told = deliveries_of(client, everything)
    assert [delivery["attempts"][0]["status_code"] for delivery in told] == [200] * 6
    page = {"items": told}
    assert faults_of(page, {"$ref": "#/components/schemas/WebhookDeliveryPage"}) == []


def test_another_tenant_is_told_nothing_and_sees_nothing(
    stack: dict[str, Any], client: Client, receiver: Receiver
) -> None:
    mine, other = listen(client, receiver), Client.of(stack, 1)
    loan = other.open_loan(amount_minor="500")
    other.pay(loan, amount_minor="7")
    client.open_loan(amount_minor="500")
    until(lambda: is_told(receiver, 1), seconds=15)
    assert len(receiver.told) == 1
    path = f"{PATH}/{mine['webhook_endpoint_id']}"
    for found in (path, f"{path}/deliveries"):
        assert other.get(found).status_code == 404
    assert other.post(f"{path}/rotate-secret", {}).status_code == 404
    assert delete(other, mine) == 404
    assert other.get(PATH).json() == {"items": []}


def test_a_batch_is_one_event_and_a_refinance_is_one(client: Client, receiver: Receiver) -> None:
    loans = [settled_loan(client), *(client.open_loan(amount_minor="1000") for _ in range(5))]
    listen(client, receiver)
    batch = {
        "program_id": str(uuid4()),
        "accrual_date": "2026-01-31",
        "day_count_convention": "ACT_365",
        "currency": "USD",
        "loans": [
            {"loan_id": one["loan_id"], "outstanding_principal_minor": "1", "interest_minor": "9"}
            for one in loans
        ],
    }
    accrued = client.post("/v1/accruals/batch", batch).json()["journal_entry_id"]
    refinance = {
        "loan_id": loans[0]["loan_id"],
        "new_loan_id": str(uuid4()),
        "effective_at": "2026-02-03",
    }
    answer = client.post("/v1/refinances", refinance)
    assert answer.status_code == 201, answer.text
    until(lambda: is_told(receiver, 2), seconds=15)
    client.pay(loans[1], amount_minor="1")
    until(lambda: is_told(receiver, 3), seconds=15)
    told = receiver.acknowledged()
    assert sorted(told[:2]) == sorted([accrued, answer.json()["journal_entry_id"]])
    assert len(told) == 3


def test_while_a_secret_is_replaced_both_sign(client: Client, receiver: Receiver) -> None:
    endpoint = listen(client, receiver)
    path = f"{PATH}/{endpoint['webhook_endpoint_id']}/rotate-secret"
    key = f"rotate:{uuid4()}"
    answer, again = (client.post(path, {}, key=key) for _ in range(2))
    assert (answer.status_code, again.status_code) == (201, 200)
    receiver.secrets["/hook"].append(answer.json()["secret"])  # with the old one: both verify
    assert "secret" not in again.json()
    client.open_loan(amount_minor="500")
    until(lambda: is_told(receiver, 1), seconds=15)
    assert receiver.refused == []


def test_secrets_replaced_at_once_leave_one_present_and_end_none_early(
    client: Client, stack: dict[str, Any], receiver: Receiver
) -> None:
    endpoint_id = listen(client, receiver)["webhook_endpoint_id"]
    ends = (
        "SELECT valid_until - clock_timestamp() > interval '23 hours' FROM"
        " hpts_edge.webhook_secrets WHERE endpoint_id = %s ORDER BY created_at"
    )
    with (
        psycopg.connect(stack["postgres_dsn"], autocommit=True) as admin,
        ThreadPoolExecutor(2) as at_once,
    ):
        with admin.transaction():
            held = "SELECT FROM hpts_edge.webhook_secrets WHERE endpoint_id = %s FOR UPDATE"
            admin.execute(held, [endpoint_id])
            path = f"{PATH}/{endpoint_id}/rotate-secret"
            answers = [at_once.submit(client.post, path, {}) for _ in range(2)]
            waiting = (
                "SELECT count(*) = 2 FROM pg_stat_activity"
                " WHERE wait_event_type = 'Lock' AND application_name = 'hpts ingress'"
            )
            with psycopg.connect(stack["postgres_dsn"], autocommit=True) as other:
                until(lambda: other.execute(waiting).fetchall() == [(True,)], seconds=15)
        assert [answer.result().status_code for answer in answers] == [201, 201]
        assert admin.execute(ends, [endpoint_id]).fetchall() == [(True,), (True,), (None,)]
        for _ in range(6):
            assert client.post(path, {}).status_code == 201
        lasting = [(False,)] * 3 + [(True,)] * 5 + [(None,)]
        assert admin.execute(ends, [endpoint_id]).fetchall() == lasting


def test_410_disables_and_a_deleted_endpoint_is_told_nothing(
    client: Client, receiver: Receiver
) -> None:
    receiver.verdict_of = lambda path: 410 if path == "/gone" else 200
    gone, deleted = listen(client, receiver, "/gone"), listen(client, receiver, "/deleted")
    assert delete(client, deleted) == 204
    assert delete(client, deleted) == 404
    listen(client, receiver, "/stays")
    loan = client.open_loan(amount_minor="500")
    client.pay(loan, amount_minor="7")
    path = f"{PATH}/{gone['webhook_endpoint_id']}"
    until(lambda: client.get(path).json()["status"] == "disabled", seconds=15)
    until(lambda: is_told(receiver, 2, "/stays"), seconds=15)
    until(lambda: set(statuses(client, gone)) <= {"dropped"}, seconds=15)
    assert client.get(path).json()["disabled_because"] == "it answered 410"
    assert [told for told in receiver.told if told.path == "/deleted"] == []
    assert len([told for told in receiver.told if told.path == "/gone"]) == 1


def test_a_redirect_is_a_failure_and_is_not_followed(client: Client, receiver: Receiver) -> None:
    receiver.verdict_of = lambda path: 302 if path == "/hook" else 200
    endpoint = listen(client, receiver)
    client.open_loan(amount_minor="500")
    until(lambda: len(receiver.told) >= 2, seconds=15)  # the second after the five seconds
    [delivery] = deliveries_of(client, endpoint)
    assert (delivery["status"], delivery["attempts"][0]["status_code"]) == ("pending", 302)
    assert {told.path for told in receiver.told} == {"/hook"}
    assert {told.webhook_id for told in receiver.told} == {delivery["journal_entry_id"]}
    between_s = receiver.told[1].at - receiver.told[0].at
    assert 4.5 <= between_s <= 6.5, between_s


def test_one_slow_endpoint_delays_no_other(client: Client, receiver: Receiver) -> None:
    receiver.verdict_of = lambda path: 0 if path == "/slow" else 200
    receiver.silence_s = 20
    listen(client, receiver, "/slow")
    listen(client, receiver, "/quick")
    loans = [client.open_loan(amount_minor="500") for _ in range(12)]
    begun_at = time.monotonic()
    for loan in loans:
        client.pay(loan, amount_minor="7")
    until(lambda: is_told(receiver, 24, "/quick"), seconds=15)
    assert time.monotonic() - begun_at < 10
    assert 0 < len([told for told in receiver.told if told.path == "/slow"]) <= 8


def test_a_loan_s_events_wait_for_one_another_and_those_of_others_do_not(
    client: Client, receiver: Receiver
) -> None:
    first, second = (client.open_loan(amount_minor="50000") for _ in range(2))
    refused: set[str] = set()

    def once(_path: str) -> Verdict:
        return 200 if refused or refused.add("the first") else 503  # type: ignore[func-returns-value]

    receiver.verdict_of = once
    listen(client, receiver)
    of_first = [client.pay(first, amount_minor="1")["journal_entry_id"]]
    until(lambda: len(receiver.told) == 1, seconds=15)
    of_first += [client.pay(first, amount_minor="1")["journal_entry_id"] for _ in range(3)]
    of_second = [client.pay(second, amount_minor="1")["journal_entry_id"] for _ in range(3)]
    until(lambda: is_told(receiver, 7), seconds=20)
    told = receiver.acknowledged()
    assert [one for one in told if one in of_first] == of_first
    assert told[:3] == of_second


def test_what_was_posted_since_an_instant_is_told_again(client: Client, receiver: Receiver) -> None:
    loan = client.open_loan(amount_minor="50000")
    early = client.pay(loan, amount_minor="1")
    endpoint = listen(client, receiver)
    late = client.pay(loan, amount_minor="1")
    until(lambda: is_told(receiver, 1), seconds=15)
    assert receiver.acknowledged() == [late["journal_entry_id"]]

    path = f"{PATH}/{endpoint['webhook_endpoint_id']}/replays"
    answer = client.post(path, {"from": early["posted_at"]})
    assert answer.status_code == 201, answer.text
    until(lambda: is_told(receiver, 3), seconds=15)
    assert receiver.acknowledged()[1:3] == [early["journal_entry_id"], late["journal_entry_id"]]

    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
    assert client.post(path, {"from": now}).status_code == 201
    last = client.pay(loan, amount_minor="1")["journal_entry_id"]
    until(lambda: last in receiver.acknowledged(), seconds=15)
    assert len(receiver.acknowledged()) == 4
