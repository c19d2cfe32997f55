"""A server stands still or dies: clients are answered honestly, and what was sent posts once."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests import audit
from tests.http import Client

LONGER_THAN_A_SESSION_S = 15
RECOVERED_WITHIN_S = 90


def pids_of(stack_dir: Path, name: str) -> list[int]:
    pids: list[int] = json.loads((stack_dir / "local.json").read_text())["processes"][name]
    return pids


def stand_still(stack_dir: Path) -> None:
    """The broker stops for longer than a consumer's session lasts, then goes on."""
    pids = pids_of(stack_dir, "kafka")
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(LONGER_THAN_A_SESSION_S)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


def kill_postgres(stack_dir: Path) -> None:
    for pid in pids_of(stack_dir, "postgres"):
        os.kill(pid, signal.SIGKILL)


def kill_the_api(stack_dir: Path) -> None:
    for pid in pids_of(stack_dir, "ingress"):
        os.kill(pid, signal.SIGKILL)


def until_answered(client: Client, body: dict[str, Any], key: str) -> httpx.Response:
    """Retry with the same key, as the contract tells clients to, until the outcome is known."""
    deadline = time.monotonic() + RECOVERED_WITHIN_S
    while True:
        assert time.monotonic() < deadline, "not answered in time"
        try:
            answer = client.post("/v1/payments", body, key=key)
        except httpx.TransportError:
            time.sleep(0.2)
            continue
        if answer.status_code in (200, 201):
            return answer
        assert answer.status_code in (202, 409, 429, 503), answer.text
        time.sleep(0.5)


@pytest.mark.parametrize("disturb", [stand_still, kill_postgres, kill_the_api])
def test_what_was_sent_while_a_server_was_away_posts_once(
    stack: dict[str, Any], stack_dir: Path, disturb: Callable[[Path], None]
) -> None:
    client = Client.of(stack)
    loan = client.open_loan(amount_minor="100000")
    body = {
        **loan,
        "amount_minor": "100",
        "currency": "USD",
        "effective_at": "2026-02-02",
        "source_method": "ach",
    }

    disturb(stack_dir)
    answers = [until_answered(client, body, f"payment:{uuid4()}") for _ in range(3)]

    owed = answers[-1].json()["balance"]["principal_outstanding_minor"]
    assert owed == str(100_000 - 3 * 100)
    assert audit.faults_of_books(stack["postgres_dsn"]) == []
