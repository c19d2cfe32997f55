"""The signing key is changed while payments go on: none fails, and what the old key signs once it
has ended is foreign.
"""

import json
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Final
from uuid import uuid4

import httpx
import psycopg
from confluent_kafka import Producer

from hpts.cluster import Reader
from hpts.local.credentials import SIGNING_KEY_ID
from schemas.topics import COMMANDS
from tests import audit
from tests.faults.own_ledger import OwnLedger, Service, until
from tests.http import Client
from tests.local_stack import hpts

NEXT: Final = "next-1"
ENDED_WITHIN_S: Final = 40


def keys(own: OwnLedger, *arguments: str) -> str:
    environment = {
        "HPTS_POSTGRES_DSN": own.admin_dsn,
        "HPTS_KAFKA_BOOTSTRAP": own.bootstrap,
    }
    ran = hpts("keys", *arguments, **environment)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def in_force(own: OwnLedger) -> dict[str, bool]:
    listed = json.loads(keys(own, "list", "--json"))["items"]
    return {key["key_id"]: key["is_in_force"] for key in listed}


def has_ended(own: OwnLedger, key_id: str) -> bool:
    with psycopg.connect(own.admin_dsn) as connection:
        statement = "SELECT valid_until < now() FROM hpts_edge.signing_keys WHERE key_id = %s"
        row = connection.execute(statement, (key_id,)).fetchone()
    return row is not None and row[0] is True


@dataclass
class Payer:
    """Pays 0.01 after 0.01 as a balancer sends it: to the next process where one is not ready."""

    loan: dict[str, str]
    clients: list[Client]
    stopping: Event = field(default_factory=Event)
    answered_by: list[int] = field(default_factory=list)

    def run(self) -> None:
        while not self.stopping.is_set():
            self.answered_by.append(self.pay())

    def pay(self) -> int:
        """One payment; which of the clients it was taken from."""
        for number, client in enumerate(self.clients):
            body = {
                **self.loan,
                "amount_minor": "1",
                "currency": "USD",
                "effective_at": "2026-02-02",
                "source_method": "ach",
            }
            key = f"rotation:{uuid4()}"
            answer = client.post("/v1/payments", body, key=key)
            while code_of(answer) == "overloaded":  # a broker that is slow for everybody
                answer = client.post("/v1/payments", body, key=key)
            if code_of(answer) == "not_ready":
                continue
            assert answer.status_code == 201, answer.text
            return number
        raise AssertionError("no process takes a payment")


def code_of(answer: httpx.Response) -> str | None:
    """Of a 503."""
    return str(answer.json()["code"]) if answer.status_code == 503 else None


def send_again(own: OwnLedger) -> None:
    """The first command of the log, once more: the same bytes and signature, now."""
    reader = Reader(own.bootstrap)
    for partition in own.partitions():
        begin, end = reader.bounds(COMMANDS, partition)
        for message in reader.messages(COMMANDS, partition, begin, min(end, begin + 1)):
            producer = Producer({"bootstrap.servers": own.bootstrap})
            headers: Any = message.headers()
            producer.produce(COMMANDS, message.value(), message.key(), partition, headers=headers)
            assert producer.flush(20) == 0
            return


def dead_letters(own: OwnLedger) -> list[str]:
    with psycopg.connect(own.admin_dsn) as connection:
        rows = connection.execute("SELECT reason FROM hpts.dead_letters").fetchall()
    return [row[0] for row in rows]


def restarted(own: OwnLedger, engine: Service) -> None:
    """One engine takes over from the other, with the next key."""
    own.engine(1, is_ready=False, HPTS_SIGNING_KEY_ID=NEXT)
    assert engine.stop(signal.SIGTERM) == 0
    until(lambda: all(owner for _, _, owner, _ in own.partitions().values()), seconds=30)


def test_a_key_is_changed_without_an_outage_and_counts_no_more_once_it_has_ended(
    own: OwnLedger, tmp_path: Path
) -> None:
    engine, first = own.engine(), own.api()
    before = Client.of(own.stack(first))
    payer = Payer(before.open_loan(amount_minor="10000000"), [before])
    send_again(own)
    with ThreadPoolExecutor(1) as thread:
        paying = thread.submit(payer.run)
        try:
            (tmp_path / "next").write_text("n" * 64)
            assert NEXT in keys(own, "add", NEXT, "--secret", f"file:{tmp_path / 'next'}")
            payer.clients.append(Client.of(own.stack(own.api(HPTS_SIGNING_KEY_ID=NEXT))))
            restarted(own, engine)
            assert set(payer.answered_by) == {0}
            keys(own, "end", SIGNING_KEY_ID)
            until(lambda: has_ended(own, SIGNING_KEY_ID), seconds=ENDED_WITHIN_S)
        finally:
            payer.stopping.set()
        paying.result()
    assert payer.answered_by[-1] == 1
    status, not_ready = own.health(first)
    assert (status, list(not_ready)) == (503, ["signing key"])
    assert dead_letters(own) == []
    send_again(own)
    until(lambda: len(dead_letters(own)) == 1, seconds=20)
    assert dead_letters(own) == [
        f"foreign: key {SIGNING_KEY_ID} may not write for this tenant at this time"
    ]
    balance = payer.clients[1].get(f"/v1/loans/{payer.loan['loan_id']}/balance").json()
    assert balance["principal_outstanding_minor"] == str(10_000_000 - len(payer.answered_by))
    assert audit.faults_of_books(own.admin_dsn) == []


def test_a_key_never_ends_in_the_past_and_never_comes_back(own: OwnLedger) -> None:
    keys(own, "add", NEXT, "--secret", "env:HPTS_NOT_THERE", "--from", "2020-01-01T00:00:00+0000")
    with psycopg.connect(own.admin_dsn) as connection:
        statement = "SELECT valid_from > now() - interval '1 minute' FROM hpts_edge.signing_keys"
        rows = connection.execute(f"{statement} WHERE key_id = '{NEXT}'").fetchall()
    assert rows == [(True,)]
    keys(own, "end", NEXT, "--at", "2020-01-01T00:00:00+0000")
    assert in_force(own)[NEXT]
    environment = {"HPTS_POSTGRES_DSN": own.admin_dsn, "HPTS_KAFKA_BOOTSTRAP": own.bootstrap}
    for again in (["end", NEXT], ["add", NEXT, "--secret", "env:OTHER"], ["end", "nobody"]):
        refused = hpts("keys", *again, **environment)
        assert refused.returncode == 1, refused.stdout
