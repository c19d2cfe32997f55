"""The independent witness: what a superuser changes is found and named; kills are no finding.

`HPTS_WITNESS_S` is for how many seconds the mixed load with kills runs.
"""

import os
import random
import signal
import time
from collections.abc import Callable
from typing import Any

import psycopg

from tests.deliveries.delivering import deliveries
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

LOAD_S = float(os.environ.get("HPTS_WITNESS_S", "8"))
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


def tampered(own: OwnLedger, *statements: str) -> Callable[[], None]:
    """Do something as a superuser whom no trigger sees; what undoes it (the second statement)."""

    def run(statement: str) -> None:
        with psycopg.connect(own.admin_dsn, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute(statement)

    for statement in statements[:-1]:
        run(statement)
    return lambda: run(statements[-1])


def test_each_of_four_tamperings_is_found_and_named_and_cleared_once_it_is_mended(
    own: OwnLedger,
) -> None:
    client, loans = books(own)
    entry = client.pay(loans[0], amount_minor="900")["journal_entry_id"]
    witness = reconciliation(own)
    until(lambda: compared(own) == own.count("journal_entries"), seconds=40, told=witness.said)
    assert findings(own) == []

    of_entry = f"""(partition_id, entry_seq) = (SELECT partition_id, entry_seq
        FROM hpts.journal_entries WHERE journal_entry_id = '{entry}')"""
    mend_line = tampered(
        own,
        f"UPDATE hpts.journal_lines SET amount_minor = 901 WHERE sequence = 1 AND {of_entry}",
        f"UPDATE hpts.journal_lines SET amount_minor = 900 WHERE sequence = 1 AND {of_entry}",
    )
    lost = loans[1]["loan_id"]
    mend_balance = tampered(
        own,
        f"UPDATE hpts.loans SET principal_minor = principal_minor + 5 WHERE loan_id = '{lost}'",
        f"UPDATE hpts.loans SET principal_minor = principal_minor - 5 WHERE loan_id = '{lost}'",
    )
    mend_day = tampered(
        own,
        "UPDATE hpts.account_days SET debit_minor = debit_minor + 3 WHERE account_code = '1000'",
        "UPDATE hpts.account_days SET debit_minor = debit_minor - 3 WHERE account_code = '1000'",
    )
    gone = loans[2]["loan_id"]
    kept = "hpts.kept AS SELECT * FROM hpts.journal_entries WHERE event_type = 'disbursement'"
    of_gone = f"""(partition_id, entry_seq) IN (SELECT partition_id, entry_seq
        FROM hpts.journal_lines WHERE loan_id = '{gone}')"""
    mend_entry = tampered(
        own,
        f"CREATE TABLE {kept} AND {of_gone}",
        f"DELETE FROM hpts.journal_entries WHERE event_type = 'disbursement' AND {of_gone}",
        "INSERT INTO hpts.journal_entries SELECT * FROM hpts.kept",
    )
    wanted = {"entry_differs", "entry_missing", "loan_balance_differs", "account_day_differs"}
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
    assert witness.said().count('"event": "finding"') == len(
        [one for one in findings(own) if one["cleared_at"] is None]
    )
    status = client.get("/v1/reconciliation/status").json()
    assert status["ledger_integrity"]["status"] == "mismatch"
    assert status["ledger_integrity"]["mismatched_account_count"] >= 3
    assert {one["kind"] for one in status["findings"]} == set(found)
    listed = client.get("/v1/reconciliation/runs?order=desc&page_size=500").json()["items"]
    assert {one["kind"] for run in listed for one in run["findings"]} == set(found)

    for mend in (mend_line, mend_balance, mend_day, mend_entry):
        mend()
    until(lambda: standing(own) == {}, seconds=FOUND_WITHIN_S, told=witness.said)
    status = client.get("/v1/reconciliation/status").json()
    assert status["ledger_integrity"]["status"] == "ok"
    assert status["portfolio_rollup"]["status"] == "ok"


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
