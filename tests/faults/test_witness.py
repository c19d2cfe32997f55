"""The independent witness: what a superuser changes is found and named; kills are no finding.

`HPTS_WITNESS_S` is for how many seconds the mixed load with kills runs.
"""

import os
import random
import signal
import time
from dataclasses import replace
from typing import Any

import psycopg
from confluent_kafka import Producer

from schemas.codec import encode
from schemas.topics import JOURNAL
from tests.deliveries.delivering import deliveries
from tests.deliveries.on_topic import cursors_in, is_all_told, told_in
from tests.edges.contract_story import DOCUMENT, faults_of
from tests.faults.own_ledger import OwnLedger, Service, until
from tests.http import Client
from tests.reconciliation.witnessing import (
    compared,
    complete_runs,
    findings,
    is_running,
    reconciliation,
    runs,
    standing,
)

LOAD_S = float(os.environ.get("HPTS_WITNESS_S", "6"))
FOUND_WITHIN_S = 60


def books(own: OwnLedger) -> tuple[Client, list[dict[str, str]]]:
    """A ledger with everything but a witness, and a little in it."""
    own.engine()
    client = Client.of(own.stack(own.api()))
    deliveries(own)
    loans = [client.open_loan(amount_minor="100000") for _ in range(4)]
    for loan in loans:
        client.pay(loan, amount_minor="700")
    return client, loans


def as_superuser(own: OwnLedger, *statements: str) -> None:
    """Do what no trigger sees."""
    with psycopg.connect(own.admin_dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(statement)


def tamperings(entry_id: str, loan_id: str, gone_id: str) -> list[tuple[list[str], str]]:
    """A line, a balance, a day total, an entry that goes missing, a key that posts elsewhere, too:
    and what mends each.
    """
    line = f"""FROM hpts.journal_entries AS e WHERE e.journal_entry_id = '{entry_id}'
        AND e.partition_id = l.partition_id AND e.entry_seq = l.entry_seq AND l.sequence = 1"""
    balance = "UPDATE hpts.loans SET principal_minor = principal_minor"
    day = "UPDATE hpts.account_days SET debit_minor = debit_minor"
    gone = f"""event_type = 'disbursement' AND (partition_id, entry_seq) IN (
        SELECT partition_id, entry_seq FROM hpts.journal_lines WHERE loan_id = '{gone_id}')"""
    return [
        (
            [f"UPDATE hpts.journal_lines AS l SET amount_minor = 901 {line}"],
            f"UPDATE hpts.journal_lines AS l SET amount_minor = 900 {line}",
        ),
        (
            [f"{balance} + 5 WHERE loan_id = '{loan_id}'"],
            f"{balance} - 5 WHERE loan_id = '{loan_id}'",
        ),
        ([f"{day} + 3 WHERE account_code = '1000'"], f"{day} - 3 WHERE account_code = '1000'"),
        (
            [
                f"CREATE TABLE hpts.kept AS SELECT * FROM hpts.journal_entries WHERE {gone}",
                f"DELETE FROM hpts.journal_entries WHERE {gone}",
            ],
            "INSERT INTO hpts.journal_entries SELECT * FROM hpts.kept",
        ),
        (
            [
                "CREATE TABLE hpts.twin AS SELECT * FROM hpts.command_outcomes LIMIT 1",
                "UPDATE hpts.twin SET partition_id = (partition_id + 1) % 12",
                "INSERT INTO hpts.command_outcomes SELECT * FROM hpts.twin",
            ],
            "DELETE FROM hpts.command_outcomes AS o USING hpts.twin AS t WHERE"
            " o.partition_id = t.partition_id AND o.idempotency_key = t.idempotency_key",
        ),
    ]


def test_each_tampering_is_found_and_named_and_cleared_once_it_is_mended(
    own: OwnLedger,
) -> None:
    client, loans = books(own)
    entry = client.pay(loans[0], amount_minor="900")["journal_entry_id"]
    lost, gone = loans[1]["loan_id"], loans[2]["loan_id"]
    witness = reconciliation(own)
    _is_all_compared(own, witness)
    assert findings(own) == []
    for done, _ in tamperings(entry, lost, gone):
        as_superuser(own, *done)
    wanted = {
        *("entry_differs", "entry_missing", "loan_balance_differs", "account_day_differs"),
        "key_on_two_partitions",
    }
    until(lambda: wanted <= set(standing(own)), seconds=FOUND_WITHIN_S, told=witness.said)

    found = standing(own)
    line = found["entry_differs"]
    assert (str(line["journal_entry_id"]), line["account_code"]) == (entry, "1000")
    assert "DR 1000 900 USD" in line["expected"]
    assert "DR 1000 901 USD" in line["found"]
    balance = found["loan_balance_differs"]
    assert (str(balance["loan_id"]), balance["account_code"]) == (lost, "1100")
    assert int(balance["found"]) - int(balance["expected"]) == 5
    assert str(found["entry_missing"]["loan_id"]) == gone
    assert found["account_day_differs"]["account_code"] == "1000"
    assert set(found) == wanted | {"portfolio_differs"}  # the loans' sum is another one, too
    assert '"event": "finding", "level": "critical"' in witness.said()
    _is_told_over_http(client, set(found))

    as_superuser(own, *(mend for _, mend in tamperings(entry, lost, gone)))
    until(lambda: standing(own) == {}, seconds=FOUND_WITHIN_S, told=witness.said)
    status = client.get("/v1/reconciliation/status").json()
    assert status["ledger_integrity"]["status"] == "ok"
    assert status["portfolio_rollup"]["status"] == "ok"


def _is_told_over_http(client: Client, kinds: set[str]) -> None:
    status = client.get("/v1/reconciliation/status").json()
    assert status["ledger_integrity"]["status"] == "mismatch"
    assert status["ledger_integrity"]["mismatched_account_count"] >= 3
    assert {one["kind"] for one in status["findings"]} == kinds
    listed = client.get("/v1/reconciliation/runs?order=desc&page_size=500").json()
    assert {one["kind"] for run in listed["items"] for one in run["findings"]} == kinds
    for path, body in (("status", status), ("runs", listed)):
        described = DOCUMENT["paths"][f"/v1/reconciliation/{path}"]["get"]["responses"]["200"]
        assert faults_of(body, described["content"]["application/json"]["schema"]) == []


def test_under_load_with_kills_nothing_is_found(own: OwnLedger) -> None:
    client, loans = books(own)
    witness, told = reconciliation(own), deliveries(own)
    engine = next(one for one in own.services if one.name.startswith("engine"))
    chance, killed = random.Random(7), 0
    deadline = time.monotonic() + LOAD_S
    next_kill = time.monotonic() + 2
    while time.monotonic() < deadline:
        _something(client, loans, chance)
        if time.monotonic() >= next_kill:
            killed += 1
            next_kill = time.monotonic() + chance.uniform(2, 4)
            if killed % 3 == 1:
                _kill_within_a_run(own, witness)
                witness = reconciliation(own)
            elif killed % 3 == 2:
                told.stop(signal.SIGKILL)
                told = deliveries(own, is_ready=False)
            elif LOAD_S > 60:
                engine.stop(signal.SIGKILL)
                engine = own.engine()
    _is_all_compared(own, witness)
    assert findings(own) == []
    assert [run for run in runs(own) if run["status"] == "mismatch"] == []
    assert complete_runs(own) != []
    assert killed >= (2 if LOAD_S < 60 else LOAD_S // 10)
    print(f"{own.count('journal_entries')} entries, {killed} kills, {len(runs(own))} runs")


def test_a_gap_of_the_topic_is_named_for_what_is_missing_whatever_follows_it(
    own: OwnLedger,
) -> None:
    books(own)
    until(lambda: is_all_told(own.admin_dsn), seconds=20)
    last = told_in(own.bootstrap, len(cursors_in(own.admin_dsn)))[-1].entry
    producer = Producer({"bootstrap.servers": own.bootstrap})
    for ahead in range(2, 60):
        later = replace(last, entry_seq=last.entry_seq + ahead)
        producer.produce(JOURNAL, encode(later), partition=last.partition_id)
    assert producer.flush(10) == 0
    witness = reconciliation(own)
    until(lambda: "event_missing" in standing(own), seconds=FOUND_WITHIN_S, told=witness.said)
    [found] = [one for one in findings(own) if one["kind"] == "event_missing"]
    assert (found["partition_id"], found["entry_seq"]) == (last.partition_id, last.entry_seq + 1)
    assert (found["expected"], found["found"]) == (
        str(last.entry_seq + 1),
        str(last.entry_seq + 2),
    )
    assert set(standing(own)) == {"event_missing"}


def _kill_within_a_run(own: OwnLedger, witness: Service) -> None:
    until(lambda: is_running(own), seconds=40, told=witness.said)
    witness.stop(signal.SIGKILL)


def _is_all_compared(own: OwnLedger, witness: Service) -> None:
    until(lambda: compared(own) == own.count("journal_entries"), seconds=60, told=witness.said)


def _something(client: Client, loans: list[dict[str, str]], chance: random.Random) -> None:
    """One of what happens to loans."""
    loan = chance.choice(loans)
    kind = chance.random()
    if kind < 0.1:
        loans.append(client.open_loan(amount_minor=str(chance.randrange(1, 10**6))))
    elif kind < 0.8:
        _post(client, "/v1/payments", {**loan, **_usd(chance), "source_method": "ach"})
    elif kind < 0.9:
        _post(client, "/v1/fees", {"loan_id": loan["loan_id"], **_usd(chance), "fee_type": "late"})
    else:
        paid = client.pay(loan, amount_minor="10")
        assert client.reverse(paid["journal_entry_id"]).status_code in (201, 202, 422)


def _usd(chance: random.Random) -> dict[str, str]:
    amount_minor = str(chance.randrange(1, 2000))
    return {"amount_minor": amount_minor, "currency": "USD", "effective_at": "2026-02-02"}


def _post(client: Client, path: str, body: dict[str, Any]) -> None:
    assert client.post(path, body).status_code in (201, 202), (path, body)
