"""The engine is killed with -9 while 10,000 payments are in flight: none lost, none twice."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench.client import Connection, fetch_token
from tests import audit
from tests.http import Client

PAYMENTS = 10_000
CLIENTS = 32
KILLS = 6


async def _post_async(stack: dict[str, Any], loans: list[dict[str, str]]) -> list[str]:
    """Send every payment without waiting for its posting; the acknowledged command ids."""
    client = stack["clients"][0]
    token = await fetch_token(stack["token_url"], client["client_id"], client["client_secret"])
    acknowledged: list[str] = []
    numbers = iter(range(PAYMENTS))

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


async def _kill_engines(data_dir: Path, until: "asyncio.Task[list[str]]") -> int:
    kills = 0
    while kills < KILLS or not until.done():
        pids = json.loads((data_dir / "local.json").read_text())["processes"]["engine"]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        kills += 1
        await asyncio.sleep(1.5)
        if kills >= KILLS and until.done():
            break
    return kills


def _wait_for_outcomes(dsn: str, command_ids: list[str], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        faults = audit.faults_of_acknowledged(dsn, command_ids)
        if not any("was lost" in fault for fault in faults):
            return
        time.sleep(0.5)


def test_payments_in_flight_survive_an_engine_killed_again_and_again(
    stack: dict[str, Any], stack_dir: Path
) -> None:
    client = Client.of(stack)
    loans = [client.open_loan(amount_minor="100000000") for _ in range(50)]

    async def scenario() -> tuple[list[str], int]:
        sending = asyncio.create_task(_post_async(stack, loans))
        kills = await _kill_engines(stack_dir, sending)
        return await sending, kills

    acknowledged, kills = asyncio.run(scenario())
    _wait_for_outcomes(stack["postgres_dsn"], acknowledged, seconds=120)

    assert kills >= KILLS
    assert len(set(acknowledged)) == PAYMENTS
    assert audit.faults_of_acknowledged(stack["postgres_dsn"], acknowledged) == []
    assert audit.faults_of_books(stack["postgres_dsn"]) == []
    paid = [client.get(f"/v1/loans/{loan['loan_id']}/balance").json() for loan in loans]
    owed = sum(int(balance["principal_outstanding_minor"]) for balance in paid)
    assert owed == 50 * 100_000_000 - PAYMENTS
