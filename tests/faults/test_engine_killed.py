"""The engine is killed with -9 while 10,000 payments are in flight: none lost, none twice."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient

from bench.client import Connection, fetch_token
from schemas.topics import COMMANDS
from tests import audit
from tests.http import Client
from tests.local_stack import read_local_json

PAYMENTS = 10_000
AT_LEAST_UNAPPLIED = 9_000
LOANS = 50
OWED_BY_EACH_MINOR = 100_000_000
KILLS_WHILE_CATCHING_UP = 5
SESSION_S = 8
CLIENTS = 32

Positions = dict[int, tuple[int, int]]
"""Partition -> (next_offset, lease_epoch)."""


def test_10_000_payments_in_flight_survive_an_engine_killed_again_and_again(
    stack: dict[str, Any], stack_dir: Path
) -> None:
    dsn, client = stack["postgres_dsn"], Client.of(stack)
    loans = [client.open_loan(amount_minor=str(OWED_BY_EACH_MINOR)) for _ in range(LOANS)]
    before = positions_of(dsn)

    with engine_stopped(stack_dir):
        acknowledged = asyncio.run(post_async(stack, loans, PAYMENTS))
        assert unapplied_of(stack) >= AT_LEAST_UNAPPLIED
        seen = positions_of(dsn)
        kill_engine(stack_dir)
    kills = 1 + kill_while_catching_up(stack, stack_dir, seen)
    until(lambda: unapplied_of(stack) == 0, seconds=60)

    assert len(set(acknowledged)) == PAYMENTS
    assert audit.faults_of_acknowledged(dsn, acknowledged) == []
    assert audit.faults_of_books(dsn) == []
    owed = [int(balance_of(client, loan)["principal_outstanding_minor"]) for loan in loans]
    assert owed == [OWED_BY_EACH_MINOR - PAYMENTS // LOANS] * LOANS
    after = positions_of(dsn)
    assert min(after[p][1] - before[p][1] for p in before) >= kills


def test_an_engine_paused_for_longer_than_its_session_and_continued_posts_each_payment_once(
    stack: dict[str, Any], stack_dir: Path
) -> None:
    dsn, client = stack["postgres_dsn"], Client.of(stack)
    loans = [client.open_loan(amount_minor="100000") for _ in range(10)]

    with engine_stopped(stack_dir):
        seen = positions_of(dsn)
        acknowledged = asyncio.run(post_async(stack, loans, 2_000))
    # Continued, and stopped again in the midst of applying.
    until(lambda: has_applied(seen, positions_of(dsn)), seconds=30)
    with engine_stopped(stack_dir):
        paused_until = time.monotonic() + SESSION_S
        acknowledged += asyncio.run(post_async(stack, loans, 1_000))
        until(lambda: members_of_group(stack) == 0, seconds=30)
        until(lambda: time.monotonic() > paused_until, seconds=SESSION_S)
        assert unapplied_of(stack) >= 1_000
    client.pay(loans[0], amount_minor="1")
    until(lambda: unapplied_of(stack) == 0, seconds=60)

    assert len(set(acknowledged)) == 3_000
    assert audit.faults_of_acknowledged(dsn, acknowledged) == []
    assert audit.faults_of_books(dsn) == []
    owed = [int(balance_of(client, loan)["principal_outstanding_minor"]) for loan in loans]
    assert owed == [100_000 - 301, *[100_000 - 300] * 9]


def kill_while_catching_up(stack: dict[str, Any], data_dir: Path, seen: Positions) -> int:
    """Kill each engine that has begun to apply; every time something is left unapplied.

    `seen`: the positions before the last kill. Read after it, they may be its successor's already.
    """
    dsn = stack["postgres_dsn"]
    for _ in range(KILLS_WHILE_CATCHING_UP):
        wait_for_takeover(dsn, seen)
        seen = positions_of(dsn)
        kill_engine(data_dir)
        assert unapplied_of(stack) > 0, "the engine had caught up before it was killed"
    return KILLS_WHILE_CATCHING_UP


def wait_for_takeover(dsn: str, seen: Positions) -> None:
    """Wait until a new engine holds every partition and has applied something."""

    def has_taken_over() -> bool:
        now = positions_of(dsn)
        return all(now[p][1] > seen[p][1] for p in seen) and has_applied(taken, now)

    taken = positions_of(dsn)
    until(has_taken_over, seconds=30)


def has_applied(seen: Positions, now: Positions) -> bool:
    return any(now[p][0] > seen[p][0] for p in seen)


@contextmanager
def engine_stopped(data_dir: Path) -> Iterator[None]:
    """The engine stands still meanwhile, unless it is killed."""
    pids = signal_engine(data_dir, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in set(pids) & set(pids_of_engine(data_dir)):
            with suppress(ProcessLookupError):  # killed, and local.json does not say so yet
                os.kill(pid, signal.SIGCONT)


def kill_engine(data_dir: Path) -> None:
    signal_engine(data_dir, signal.SIGKILL)


def signal_engine(data_dir: Path, number: signal.Signals) -> list[int]:
    """Signal the engine that runs now; the process ids that got it."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        pids = pids_of_engine(data_dir)
        try:
            for pid in pids:
                os.kill(pid, number)
        except ProcessLookupError:
            continue  # local.json is about to name its successor
        if pids:
            return pids
    raise AssertionError("no engine runs")


def pids_of_engine(data_dir: Path) -> list[int]:
    return list(read_local_json(data_dir)["processes"].get("engine", []))


def positions_of(dsn: str) -> Positions:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            "SELECT partition_id, next_offset, lease_epoch FROM hpts.partitions"
        ).fetchall()
    return {partition_id: (offset, epoch) for partition_id, offset, epoch in rows}


def unapplied_of(stack: dict[str, Any]) -> int:
    """How many records the log has beyond the positions."""
    positions = positions_of(stack["postgres_dsn"])
    servers = {"bootstrap.servers": stack["kafka_bootstrap"], "group.id": "a test"}
    consumer = Consumer(servers)
    try:
        ends = [
            consumer.get_watermark_offsets(TopicPartition(COMMANDS, p), timeout=10)[1]
            for p in positions
        ]
    finally:
        consumer.close()
    return sum(ends) - sum(offset for offset, _ in positions.values())


def members_of_group(stack: dict[str, Any]) -> int:
    """How many engines the broker believes to be alive."""
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        row = connection.execute("SELECT group_id FROM hpts_edge.ledger_settings").fetchone()
    assert row is not None
    admin = AdminClient({"bootstrap.servers": stack["kafka_bootstrap"]})
    described = admin.describe_consumer_groups([row[0]])[row[0]].result(timeout=10)
    return len(described.members)


def balance_of(client: Client, loan: dict[str, str]) -> dict[str, Any]:
    return dict(client.get(f"/v1/loans/{loan['loan_id']}/balance").json())


def until(is_so: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not so within {seconds} s"
        time.sleep(0.005)


async def post_async(stack: dict[str, Any], loans: list[dict[str, str]], count: int) -> list[str]:
    """Send payments of one cent without waiting for their posting; the acknowledged commands."""
    client = stack["clients"][0]
    token = await fetch_token(stack["token_url"], client["client_id"], client["client_secret"])
    acknowledged: list[str] = []
    numbers = iter(range(count))

    async def worker() -> None:
        async with Connection(stack["api_url"]) as connection:
            for number in numbers:
                body = {
                    **loans[number % len(loans)],
                    "amount_minor": "1",
                    "currency": "USD",
                    "effective_at": "2026-02-02",
                    "source_method": "ach",
                }
                acknowledged.append(await _until_accepted(connection, token, body))

    await asyncio.gather(*(worker() for _ in range(CLIENTS)))
    return acknowledged


async def _until_accepted(connection: Connection, token: str, body: dict[str, Any]) -> str:
    headers = {
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "idempotency-key": f"payment:{uuid4()}",
        "prefer": "respond-async",
    }
    while True:
        status, answer = await connection.request(
            "POST", "/v1/payments", headers, json.dumps(body).encode()
        )
        if status == 202:
            return str(json.loads(answer)["command_id"])
        # Too much in flight: the same key again, as the contract tells clients to.
        assert status in (429, 503), (status, answer)
        await asyncio.sleep(0.2)
