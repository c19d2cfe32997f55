"""Ingress cannot know, or must not go on: it says so, and what was sent posts once."""

import json
import signal
import socket
import threading
import time
from collections import Counter
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest

from tests import audit
from tests.faults.own_ledger import OwnLedger, Service, until
from tests.faults.payers import Payers, each, paid_minor
from tests.http import Client

STALE_AFTER_S = 30
RED_WITHIN_S = 1.5
FATAL_EXIT = 70


def payment(loan: dict[str, str]) -> dict[str, Any]:
    return {
        **loan,
        "amount_minor": "1",
        "currency": "USD",
        "effective_at": "2026-02-02",
        "source_method": "ach",
    }


def entries_of(own: OwnLedger) -> int:
    return own.count("journal_entries")


def status_of(client: Client, body: dict[str, Any]) -> int:
    """The status of a POST; 0 where nobody answers any more."""
    try:
        return client.post("/v1/payments", body, headers={"Prefer": "respond-async"}).status_code
    except httpx.TransportError:
        return 0


def until_known(client: Client, body: dict[str, Any], key: str) -> httpx.Response:
    """Retry with the same key until the outcome is there."""
    deadline = time.monotonic() + STALE_AFTER_S + 20
    while True:
        answer = client.post("/v1/payments", body, key=key)
        if answer.status_code in (200, 201):
            return answer
        assert answer.status_code in (202, 409, 503), answer.text
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.5)


@pytest.mark.parametrize(
    ("has_arrived", "prefer"),
    [(True, "respond-async"), (False, "respond-async"), (False, "wait=10")],
)
def test_a_silent_broker_is_answered_with_unknown_and_a_retry_converges(
    own: OwnLedger, has_arrived: bool, prefer: str
) -> None:
    own.engine()
    api = own.api(through_proxy=True, HPTS_DELIVERY_TIMEOUT_MS="1500")
    client = Client.of(own.stack(api))
    loan = client.open_loan(amount_minor="1000")
    body, key = payment(loan), f"test:{uuid4()}"

    own.servers.kafka_proxy.silence(both_ways=not has_arrived)
    answer = client.post("/v1/payments", body, key=key, headers={"Prefer": prefer})
    status, faults = own.health(api)
    own.servers.kafka_proxy.heal()

    told = answer.json()
    assert (answer.status_code, told["code"]) == (503, "outcome_unknown"), told
    assert answer.headers["retry-after"]
    assert (status, "broker" in faults) == (503, True)
    final = until_known(client, body, key)
    assert final.json()["correlation_id"] == told["command_id"]
    state = client.get(f"/v1/commands/{told['command_id']}").json()
    assert state["status"] == "posted"
    until(lambda: own.unapplied() == 0, seconds=20)
    assert entries_of(own) == 2, "the disbursement, and one payment"
    assert audit.faults_of_books(own.admin_dsn) == []


def test_who_waits_learns_the_outcome_though_the_broker_never_acknowledges(own: OwnLedger) -> None:
    """The engine has read the command, so the log has it; Postgres tells what became of it."""
    own.engine()
    api = own.api(through_proxy=True, HPTS_DELIVERY_TIMEOUT_MS="20000")
    client = Client.of(own.stack(api))
    loan = client.open_loan(amount_minor="1000")
    own.servers.kafka_proxy.silence(both_ways=False)
    answer = client.post("/v1/payments", payment(loan), key=f"test:{uuid4()}")
    own.servers.kafka_proxy.heal()
    assert answer.status_code == 201, answer.text
    assert entries_of(own) == 2, "the disbursement, and one payment"
    assert audit.faults_of_books(own.admin_dsn) == []


@pytest.mark.timeout(300)
def test_payments_through_a_network_that_fails_again_and_again_post_once(own: OwnLedger) -> None:
    own.engine()
    api = own.api(through_proxy=True, HPTS_DELIVERY_TIMEOUT_MS="1000")
    stack = own.stack(api)
    proxy = own.servers.kafka_proxy
    with Payers(stack, clients=16).open_loans(20) as payers:
        for both_ways in (False, True):
            seen = payers.statuses[503]
            proxy.silence(both_ways=both_ways)
            # Who waits for an older reservation to become stale is told none before it is.
            limit = STALE_AFTER_S + 15
            until(lambda: payers.statuses[503] > seen + 8, seconds=limit)  # noqa: B023
            proxy.heal()
            proxy.cut()
            seen = payers.known
            # What never arrived is sent again when its reservation is stale.
            until(lambda: payers.known > seen + 50, seconds=limit)  # noqa: B023
    until(lambda: own.unapplied() == 0, seconds=30)
    assert payers.statuses[503] > 0
    assert audit.faults_of_acknowledged(own.admin_dsn, payers.acknowledged) == []
    assert audit.faults_of_books(own.admin_dsn) == []
    assert paid_minor(Client.of(stack), payers.loans) == len(set(payers.acknowledged))


def test_a_producer_that_cannot_go_on_turns_health_red_and_ends_the_process(
    own: OwnLedger,
) -> None:
    own.engine()
    api = own.api(module="tests.faults.api_with_fatal_error")
    stack = own.stack(api)
    with Payers(stack, clients=8).open_loans(10) as payers:
        until(lambda: payers.statuses[202] > 50, seconds=20)
        api.send(signal.SIGUSR1)
        begun = time.monotonic()
        until(lambda: own.health(api)[0] != 200, seconds=RED_WITHIN_S)
        assert time.monotonic() - begun < RED_WITHIN_S
        acknowledged = payers.statuses[202]
        client = Client.of(stack)
        assert {status_of(client, payment(payers.loans[0])) for _ in range(20)} <= {0, 503}
        until(lambda: api.has_ended, seconds=15, told=api.said)
        # What the broker had acknowledged before may still have been told: one a client.
        assert payers.statuses[202] <= acknowledged + 8, "a 202 after the fatal error"
        assert api.process.returncode == FATAL_EXIT, api.said()
        assert "the producer cannot go on" in api.said()
        # Its supervisor starts it again at the same address.
        successor = own.api(HPTS_PORT=api.url.rsplit(":", 1)[1], is_ready=False)
        successor.url = api.url
        until(lambda: own.health(successor)[0] == 200, seconds=30)
        until(
            lambda: payers.statuses[202] > acknowledged + 50,
            seconds=STALE_AFTER_S + 15,
            told=lambda: str(payers.statuses),
        )
    until(lambda: own.unapplied() == 0, seconds=30)
    assert audit.faults_of_acknowledged(own.admin_dsn, payers.acknowledged) == []
    assert paid_minor(Client.of(stack), payers.loans) == len(set(payers.acknowledged))


def test_a_request_that_waits_while_the_process_ends_is_not_told_that_it_failed(
    own: OwnLedger,
) -> None:
    engine, api = own.engine(), own.api()
    client = Client.of(own.stack(api))
    loan = client.open_loan(amount_minor="1000")
    engine.send(signal.SIGSTOP)
    ending = threading.Timer(1, api.send, [signal.SIGTERM])
    ending.start()
    answer = client.post("/v1/payments", payment(loan), headers={"Prefer": "wait=30"})
    engine.send(signal.SIGCONT)

    assert (answer.status_code, answer.json()["code"]) == (503, "outcome_unknown")
    assert api.process.wait(10) == 0
    until(lambda: own.unapplied() == 0, seconds=30)
    assert entries_of(own) == 2


def test_no_202_without_the_broker_s_word_when_it_is_killed(own: OwnLedger) -> None:
    own.engine()
    api = own.api()
    stack = own.stack(api)
    with Payers(stack, clients=64).open_loans(20) as payers:
        until(lambda: payers.statuses[202] > 200, seconds=30)
        own.servers.kafka.end(signal.SIGKILL)
        own.servers.kafka.start()
        seen, apis = payers.statuses[202], [api]

        def goes_on() -> bool:
            """As a supervisor sees to it, should a producer have found that it cannot go on."""
            if apis[-1].has_ended:
                assert apis[-1].process.returncode == FATAL_EXIT, apis[-1].said()
                apis.append(own.api(HPTS_PORT=api.url.rsplit(":", 1)[1], is_ready=False))
            return payers.statuses[202] > seen + 200

        until(goes_on, seconds=60, told=lambda: f"{payers.statuses}\n{apis[-1].said()}")
    until(lambda: own.unapplied() == 0, seconds=60)
    assert audit.faults_of_acknowledged(own.admin_dsn, payers.acknowledged) == []
    assert audit.faults_of_books(own.admin_dsn) == []
    assert paid_minor(Client.of(stack), payers.loans) == len(set(payers.acknowledged))


def test_the_same_request_over_two_processes_at_once_posts_once(own: OwnLedger) -> None:
    own.engine()
    clients = [Client.of(own.stack(own.api())) for _ in range(2)]
    for _ in range(20):
        loan = clients[0].open_loan(amount_minor="1000")
        before = entries_of(own)
        key = f"test:{uuid4()}"
        answers = each(32, lambda n: clients[n % 2].post("/v1/payments", payment(loan), key=key))  # noqa: B023
        counts = Counter(answer.status_code for answer in answers)
        assert counts[201] == 1, counts
        assert set(counts) <= {200, 201, 409}
        assert len({a.content for a in answers if a.status_code in (200, 201)}) == 1
        assert entries_of(own) == before + 1
    assert audit.faults_of_books(own.admin_dsn) == []


def test_beyond_what_may_be_in_flight_clients_are_told_when_to_come_again(own: OwnLedger) -> None:
    engine = own.engine()
    one = own.api(HPTS_MAX_IN_FLIGHT="4", HPTS_MAX_IN_FLIGHT_PER_TENANT="3")
    first, second = (Client.of(own.stack(one), number) for number in (0, 1))
    loan = first.open_loan(amount_minor="1000")
    engine.send(signal.SIGSTOP)
    try:
        answers = each(
            8, lambda _: first.post("/v1/payments", payment(loan), headers={"Prefer": "wait=5"})
        )
    finally:
        engine.send(signal.SIGCONT)
    codes = Counter((a.status_code, a.json().get("code")) for a in answers)
    assert codes == {(202, None): 3, (429, "rate_limited"): 5}
    assert all(a.headers["retry-after"] for a in answers)
    # The limit was left behind with the requests: nothing stays counted.
    assert second.open_loan(amount_minor="1000")
    until(lambda: own.unapplied() == 0, seconds=30)
    assert entries_of(own) == 1 + 3 + 1


def test_clients_that_go_away_leave_nothing_behind(own: OwnLedger) -> None:
    engine = own.engine()
    api = own.api(HPTS_MAX_IN_FLIGHT="20", HPTS_MAX_IN_FLIGHT_PER_TENANT="20")
    client = Client.of(own.stack(api))
    loan = client.open_loan(amount_minor="1000")
    for _ in range(3):
        engine.send(signal.SIGSTOP)
        connections = [begin(api, client, payment(loan)) for _ in range(20)]
        for connection in connections:
            connection.close()
        engine.send(signal.SIGCONT)
        # Were they counted still, the next 20 would be refused.
        until(lambda: client.post("/v1/payments", payment(loan)).status_code == 201, seconds=15)
    until(lambda: own.unapplied() == 0, seconds=30)
    assert audit.faults_of_books(own.admin_dsn) == []


def begin(api: Service, client: Client, body: dict[str, Any]) -> socket.socket:
    """Send a request whole, and read nothing."""
    content = json.dumps(body).encode()
    address = urlsplit(api.url)
    connection = socket.create_connection((address.hostname, address.port), timeout=10)
    head = (
        f"POST /v1/payments HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {client.token}"
        f"\r\nIdempotency-Key: test:{uuid4()}\r\nPrefer: wait=60\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    connection.sendall(head.encode() + content)
    return connection
