"""One bad command stops one loan, over real HTTP, Kafka and Postgres; an operator sets it going.

Postgres is made to refuse by a constraint that an administrator adds to the lines of one loan: no
fault of the log, so the engine must find the command and hold it.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
from confluent_kafka import Consumer, Producer, TopicPartition

from hpts.local.credentials import SIGNING_KEY_ID
from hpts.provision import PARTITIONS
from schemas import codec, signing
from schemas.partitioning import partition_of_loan
from schemas.quarantine import DeadLetter
from schemas.signing import SigningKey
from schemas.topics import COMMANDS, DEAD_LETTERS, SIGNATURE_HEADER
from tests import audit
from tests.http import Client
from tests.local_stack import hpts, read_local_json

WITHIN_S = 40
EMPTY: dict[str, Any] = {
    **dict.fromkeys(("partition_id", "command_offset", "value_length"), 0),
    **dict.fromkeys(("kind", "reason"), "a test"),
    **dict.fromkeys(("key", "value")),
    "headers": (),
    "appended_at": datetime(2026, 1, 1, tzinfo=UTC),
}
Loan = dict[str, str]


@contextmanager
def refused(dsn: str, loan: Loan) -> Iterator[None]:
    """Let Postgres refuse every line of a loan."""
    name = f"planted_{UUID(loan['loan_id']).hex[:12]}"
    run(
        dsn,
        f"ALTER TABLE hpts.journal_lines ADD CONSTRAINT {name} CHECK (loan_id IS NULL OR "
        f"loan_id <> '{loan['loan_id']}') NOT VALID",
    )
    try:
        yield
    finally:
        run(dsn, f"ALTER TABLE hpts.journal_lines DROP CONSTRAINT {name}")


def run(dsn: str, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        cursor = connection.execute(statement, parameters)
        return cursor.fetchall() if cursor.description is not None else []


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


def pay(client: Client, loan: Loan, amount_minor: str, **more: Any) -> httpx.Response:
    body = {
        **loan,
        "amount_minor": amount_minor,
        "currency": "USD",
        "effective_at": "2026-02-02",
        "source_method": "ach",
    }
    return client.post("/v1/payments", body, **more)


def state_of(client: Client, command_id: str) -> dict[str, Any]:
    answer = client.get(f"/v1/commands/{command_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def waiting_of(client: Client, loan: Loan) -> list[dict[str, Any]]:
    answer = client.get(f"/v1/quarantine?loan_id={loan['loan_id']}")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def test_a_loan_stands_still_and_no_other_does(stack: dict[str, Any]) -> None:
    client, dsn = Client.of(stack), stack["postgres_dsn"]
    loan, other = (client.open_loan(amount_minor="100000") for _ in range(2))
    key = f"pay:{uuid4()}"
    with refused(dsn, loan):
        held = pay(client, loan, "100", key=key)
        behind = pay(client, loan, "200", headers={"Prefer": "respond-async"})
        assert pay(client, other, "300").status_code == 201

    assert (held.status_code, held.json()["status"]) == (202, "quarantined")
    assert behind.status_code == 202
    until(lambda: len(waiting_of(client, loan)) == 2)
    # The same request again is told the same, and queues nothing.
    again = pay(client, loan, "100", key=key)
    assert (again.status_code, again.json()["status"]) == (202, "quarantined")
    first, second = waiting_of(client, loan)
    assert first["command_id"] == held.json()["command_id"]
    assert "violates check constraint" in first["reason"]
    assert (second["command_id"], second["reason"]) == (behind.json()["command_id"], None)
    assert state_of(client, first["command_id"])["status"] == "quarantined"
    assert client.get(f"/v1/loans/{loan['loan_id']}").json()["quarantined"] is True
    ready = client.get("/v1/health/ready")
    assert (ready.status_code, "quarantine" in ready.json()["warnings"]) == (200, True)
    assert client.post(f"/v1/quarantine/{first['command_id']}/resume", {}).status_code == 201


def test_a_loan_goes_on_in_order_when_it_is_resumed(stack: dict[str, Any]) -> None:
    client, dsn = Client.of(stack), stack["postgres_dsn"]
    loan = client.open_loan(amount_minor="100000")
    with refused(dsn, loan):
        held = pay(client, loan, "100").json()["command_id"]
        pay(client, loan, "200")
        # Nothing was mended: it breaks again.
        resumed = client.post(f"/v1/quarantine/{held}/resume", {})
        assert resumed.status_code == 201, resumed.text
        assert [one["status"] for one in resumed.json()["commands"]] == ["quarantined"]
        assert resumed.json()["waiting_count"] == 2

    key = f"resume:{uuid4()}"
    resumed = client.post(f"/v1/quarantine/{held}/resume", {}, key=key)

    assert resumed.status_code == 201, resumed.text
    assert [one["status"] for one in resumed.json()["commands"]] == ["posted", "posted"]
    replayed = client.post(f"/v1/quarantine/{held}/resume", {}, key=key)
    assert (replayed.status_code, replayed.json()) == (200, resumed.json())
    assert waiting_of(client, loan) == []
    assert state_of(client, held)["status"] == "posted"
    balance = client.get(f"/v1/loans/{loan['loan_id']}/balance").json()
    assert balance["principal_outstanding_minor"] == "99700"
    gone = client.post(f"/v1/quarantine/{held}/resume", {})
    assert (gone.status_code, gone.json()["code"]) == (409, "not_quarantined")
    assert audit.faults_of_books(dsn) == []


def test_a_rejected_command_is_refused_and_what_is_behind_it_posts(
    stack: dict[str, Any], stack_dir: Path
) -> None:
    client, dsn = Client.of(stack), stack["postgres_dsn"]
    loan = client.open_loan(amount_minor="100000")
    with refused(dsn, loan):
        held = pay(client, loan, "100").json()["command_id"]
    behind = pay(client, loan, "200").json()["command_id"]
    assert state_of(client, behind)["status"] == "quarantined"
    assert [bool(one["reason"]) for one in waiting_of(client, loan)] == [True, False]

    assert "hpts: quarantine: " in hpts("status", "--data-dir", str(stack_dir)).stdout
    listed = hpts("quarantine", "list", "--data-dir", str(stack_dir))
    assert held in listed.stdout, listed.stderr
    assert behind in listed.stdout
    told = hpts(
        *("quarantine", "reject", held, "--because", "posted by another key"),
        *("--json", "--data-dir", str(stack_dir)),
    )

    assert told.returncode == 0, told.stderr
    resolved = json.loads(told.stdout)
    assert [one["status"] for one in resolved["commands"]] == ["rejected", "posted"]
    state = state_of(client, held)
    assert (state["status"], state["problem"]["code"]) == ("rejected", "rejected_by_operator")
    assert state["problem"]["detail"] == "posted by another key"
    assert state_of(client, behind)["status"] == "posted"
    once_more = hpts("quarantine", "resume", held, "--data-dir", str(stack_dir))
    assert (once_more.returncode, "not_quarantined" in once_more.stderr) == (1, True)


def test_another_tenant_neither_sees_nor_resolves_what_waits(stack: dict[str, Any]) -> None:
    client, stranger = Client.of(stack), Client.of(stack, 1)
    loan = client.open_loan(amount_minor="100000")
    with refused(stack["postgres_dsn"], loan):
        held = pay(client, loan, "100").json()["command_id"]

    assert waiting_of(stranger, loan) == []
    for verb, body in (("resume", {}), ("reject", {"explanation": "mine now"})):
        answer = stranger.post(f"/v1/quarantine/{held}/{verb}", body)
        nobody_s = stranger.post(f"/v1/quarantine/{uuid4()}/{verb}", body)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert nobody_s.status_code == 404
    assert client.post(f"/v1/quarantine/{held}/resume", {}).status_code == 201


def test_dead_letters_and_operations_are_for_operators_alone(
    stack: dict[str, Any], stack_dir: Path
) -> None:
    operator, tenant = Client.of(stack), Client.of(stack, 1)
    for path in ("/v1/dead-letters", "/v1/operations/status"):
        assert operator.get(path).status_code == 200
        refusal = tenant.get(path)
        assert (refusal.status_code, refusal.json()["code"]) == (403, "insufficient_scope")
    status = operator.get("/v1/operations/status").json()
    assert len(status["partitions"]) == 12
    told = hpts("dead-letters", "--json", "--data-dir", str(stack_dir))
    assert told.returncode == 0, told.stderr
    listed = json.loads(told.stdout)["items"]
    assert len(listed) == status["dead_letter_count"]


def test_every_fact_is_published_though_the_engine_is_killed_again_and_again(
    stack: dict[str, Any], stack_dir: Path
) -> None:
    client, dsn = Client.of(stack), stack["postgres_dsn"]
    loans = [client.open_loan(amount_minor="100000") for _ in range(4)]
    held = []
    for loan in loans:
        with refused(dsn, loan):
            held.append(pay(client, loan, "100").json()["command_id"])
            for pid in read_local_json(stack_dir)["processes"]["engine"]:
                os.kill(pid, signal.SIGKILL)

    until(lambda: run(dsn, "SELECT count(*) FROM hpts.outgoing_dead_letters") == [(0,)])

    facts = {
        (partition_id, offset, decided)
        for partition_id, offset, decided in run(
            dsn, "SELECT partition_id, command_offset, decided_offset FROM hpts.quarantines"
        )
    }
    letters = {
        (p, offset, None)
        for p, offset in run(dsn, "SELECT partition_id, command_offset FROM hpts.dead_letters")
    }
    published = read_dead_letters(stack)
    told = {(one.partition_id, one.command_offset, one.decided_offset) for one in published}
    assert told == facts | letters
    ids = {str(one.command_id) for one in published}
    assert set(held) <= ids
    for command_id in held:
        until(lambda c=command_id: state_of(client, c)["status"] == "quarantined")  # type: ignore[misc]
        resumed = client.post(f"/v1/quarantine/{command_id}/resume", {})
        assert resumed.status_code in (201, 202), resumed.text
    until(lambda: all(state_of(client, one)["status"] == "posted" for one in held))
    assert audit.faults_of_books(dsn) == []


def test_a_signed_record_that_cannot_be_read_is_published_and_its_partition_goes_on(
    stack: dict[str, Any], stack_dir: Path
) -> None:
    client, dsn = Client.of(stack), stack["postgres_dsn"]
    loan = client.open_loan(amount_minor="100000")
    partition_id = partition_of_loan(
        UUID(stack["clients"][0]["tenant_id"]), UUID(loan["loan_id"]), PARTITIONS
    )
    secret = (stack_dir / "secrets" / "signing_key").read_bytes().strip()
    key = SigningKey(SIGNING_KEY_ID, secret, None, datetime.now(UTC), None)
    garbage = codec.encode(DeadLetter(**EMPTY))[:-1] + uuid4().bytes
    producer = Producer({"bootstrap.servers": stack["kafka_bootstrap"]})
    headers: Any = [(SIGNATURE_HEADER, signing.sign(key, garbage))]
    producer.produce(COMMANDS, garbage, b"key", partition_id, headers=headers)
    assert producer.flush(10) == 0

    assert pay(client, loan, "100").status_code == 201

    until(lambda: garbage in {letter.value for letter in read_dead_letters(stack)})
    [letter] = [one for one in read_dead_letters(stack) if one.value == garbage]
    assert (letter.kind, letter.partition_id, letter.key) == ("dead_letter", partition_id, b"key")
    assert letter.reason.startswith("undecodable: ")
    assert run(dsn, "SELECT halted_because FROM hpts.partitions WHERE halted_because <> ''") == []


def kill_postgres(stack_dir: Path) -> None:
    """Kill it, and wait until another has been started: "ready" before that only says that nobody
    has noticed.
    """

    def running() -> list[int]:
        pids: list[int] = read_local_json(stack_dir)["processes"]["postgres"]
        return pids

    killed = running()
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    until(lambda: running() not in ([], killed))


def test_a_database_that_is_away_puts_nothing_in_quarantine(
    stack: dict[str, Any], stack_dir: Path
) -> None:
    client, dsn = Client.of(stack), stack["postgres_dsn"]
    loan = client.open_loan(amount_minor="100000")
    before = facts_of(dsn)
    for _ in range(3):
        pending = [pay(client, loan, "100", headers={"Prefer": "respond-async"}) for _ in range(20)]
        kill_postgres(stack_dir)
        until(lambda: client.get("/v1/health/ready").status_code == 200)
        for answer in pending:
            assert answer.status_code in (202, 503), answer.text

    sent = [one.json()["command_id"] for one in pending if one.status_code == 202]
    until(lambda: all(state_of(client, one)["status"] == "posted" for one in sent))
    assert facts_of(dsn) == before
    assert audit.faults_of_books(dsn) == []


def facts_of(dsn: str) -> list[tuple[Any, ...]]:
    """Everything that was ever set aside."""
    return run(
        dsn,
        "SELECT partition_id, command_offset FROM hpts.dead_letters UNION ALL "
        "SELECT partition_id, decided_offset FROM hpts.quarantines ORDER BY 1, 2",
    )


def read_dead_letters(stack: dict[str, Any]) -> list[DeadLetter]:
    """The whole topic."""
    consumer = Consumer({"bootstrap.servers": stack["kafka_bootstrap"], "group.id": "a test"})
    place = TopicPartition(DEAD_LETTERS, 0, 0)
    try:
        _, end = consumer.get_watermark_offsets(place, timeout=10)
        consumer.assign([place])
        found: list[DeadLetter] = []
        while len(found) < end:
            message = consumer.poll(10)
            assert message is not None, f"{len(found)} of {end} came"
            assert message.error() is None
            letter = codec.decode(message.value())
            assert isinstance(letter, DeadLetter)
            found.append(letter)
        return found
    finally:
        consumer.close()
