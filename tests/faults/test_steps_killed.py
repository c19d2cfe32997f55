"""The engine is killed with -9 between the steps of refinances and of a batch's reversal: both
sides finish, and account 2200 is zero.
"""

from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from tests import audit
from tests.faults.test_engine_killed import (
    engine_stopped,
    kill_engine,
    until,
)
from tests.http import Client

REFINANCES = 150
BATCHES = 6
LOANS_OF_A_BATCH = 600
KILLS = 4

HOW_FAR = """
    WITH requests AS (
        SELECT correlation_id, count(*) >= max(chunks_total) AS has_ended
        FROM hpts.command_outcomes WHERE correlation_id = ANY(%s) GROUP BY 1)
    SELECT count(*) FILTER (WHERE NOT has_ended), count(*) FILTER (WHERE has_ended)
    FROM requests"""
CLEARING = """
    SELECT coalesce(sum(CASE direction WHEN 'DR' THEN amount_minor ELSE -amount_minor END), 0)
    FROM hpts.journal_lines WHERE account_code = '2200'"""


def test_refinances_finish_on_both_sides_whenever_the_engine_is_killed(
    stack: dict[str, Any], stack_dir: Path
) -> None:
    client = Client.of(stack)
    old_loans = [settled_loan(client) for _ in range(REFINANCES)]
    with engine_stopped(stack_dir):
        sent = [refinance(client, loan["loan_id"]) for loan in old_loans]
    correlations = [command_id for command_id, _ in sent]

    kills = [kill_between_steps(stack, stack_dir, correlations) for _ in range(KILLS)]
    assert kills[0], "the engine was never killed between two steps"
    until(lambda: all_are(client, correlations, "posted"), seconds=90)

    for old, (_, new_loan_id) in zip(old_loans, sent, strict=True):
        assert status_and_principal(client, old["loan_id"]) == ("refinanced", "0")
        assert status_and_principal(client, new_loan_id) == ("active", "150000")
    sound(stack)


def test_a_batch_s_reversal_finishes_in_every_partition_whenever_the_engine_is_killed(
    stack: dict[str, Any], stack_dir: Path
) -> None:
    client = Client.of(stack)
    loans = [client.open_loan(amount_minor="100000") for _ in range(LOANS_OF_A_BATCH)]
    entries = [accrue(client, loans, day) for day in range(1, BATCHES + 1)]
    with engine_stopped(stack_dir):
        correlations = [undo(client, entry_id) for entry_id in reversed(entries)]

    kills = [kill_between_steps(stack, stack_dir, correlations) for _ in range(KILLS)]
    assert kills[0], "the engine was never killed between two steps"
    until(lambda: all_are(client, correlations, "posted"), seconds=90)

    for loan in loans[::50]:
        balance = client.get(f"/v1/loans/{loan['loan_id']}/balance").json()
        assert balance["interest_receivable_minor"] == "0"
    sound(stack)


def kill_between_steps(stack: dict[str, Any], data_dir: Path, correlations: list[str]) -> bool:
    """Kill the engine while requests are between two steps; False when all have ended.

    It is stopped first, so that what was seen is still so when it is killed.
    """
    while True:
        until(lambda: how_far(stack, correlations) != (0, 0), seconds=60)
        with engine_stopped(data_dir):
            between, ended = how_far(stack, correlations)
            if between:
                kill_engine(data_dir)
                return True
        if ended == len(correlations):
            return False


def how_far(stack: dict[str, Any], correlations: list[str]) -> tuple[int, int]:
    """How many requests are between two steps, and how many have ended."""
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        row = connection.execute(HOW_FAR, (correlations,)).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def settled_loan(client: Client) -> dict[str, str]:
    """A loan of 1,000.00 whose disbursement has arrived."""
    loan = {"loan_id": str(uuid4()), "borrower_id": str(uuid4())}
    money = {"amount_minor": "100000", "currency": "USD", "effective_at": "2026-01-05"}
    lent = client.post("/v1/disbursements", {**loan, **money, "method": "ach"})
    assert lent.status_code == 201, lent.text
    event_id = lent.json()["disbursement_event_id"]
    settled = client.post(
        "/v1/disbursement-settlements",
        {"disbursement_event_id": event_id, "effective_at": "2026-01-06"},
    )
    assert settled.status_code == 201, settled.text
    return loan


def refinance(client: Client, loan_id: str) -> tuple[str, str]:
    """Ask for a refinance without waiting: its command id and the new loan's id."""
    new_loan_id = str(uuid4())
    body = {
        "loan_id": loan_id,
        "new_loan_id": new_loan_id,
        "additional_principal_minor": "50000",
        "currency": "USD",
        "effective_at": "2026-02-10",
    }
    answer = client.post("/v1/refinances", body, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    return answer.json()["command_id"], new_loan_id


def accrue(client: Client, loans: list[dict[str, str]], day: int) -> str:
    """A batch of one cent for each loan; its entry's id."""
    shares = [
        {
            "loan_id": loan["loan_id"],
            "outstanding_principal_minor": "100000",
            "interest_minor": "1",
        }
        for loan in loans
    ]
    body = {
        "program_id": str(uuid4()),
        "accrual_date": f"2026-02-{day:02}",
        "day_count_convention": "ACT_365",
        "currency": "USD",
        "loans": shares,
    }
    answer = client.post("/v1/accruals/batch", body, headers={"Prefer": "wait=30"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["journal_entry_id"])


def undo(client: Client, entry_id: str) -> str:
    """Ask for the reversal of a whole batch without waiting; its command id."""
    body = {
        "reverses_entry_id": entry_id,
        "reason_code": "error_correction",
        "reason_description": "a test",
        "effective_at": "2026-03-01",
    }
    answer = client.post("/v1/reversals", body, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["command_id"])


def all_are(client: Client, command_ids: list[str], status: str) -> bool:
    states = (client.get(f"/v1/commands/{one}").json()["status"] for one in command_ids)
    return all(state == status for state in states)


def status_and_principal(client: Client, loan_id: str) -> tuple[str, str]:
    balance = client.get(f"/v1/loans/{loan_id}/balance").json()
    return balance["status"], balance["principal_outstanding_minor"]


def sound(stack: dict[str, Any]) -> None:
    """The books add up, nothing waits to be sent, and nothing is left in clearing."""
    assert audit.faults_of_books(stack["postgres_dsn"]) == []
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        waiting = connection.execute("SELECT count(*) FROM hpts.outgoing_commands").fetchone()
        clearing = connection.execute(CLEARING).fetchone()
    assert waiting == (0,)
    assert clearing == (0,)
