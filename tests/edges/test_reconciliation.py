"""What the witness says over HTTP and by command, and bank statements from import to match."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from read_api.app import reconciliation_text
from tests.edges.contract_story import DOCUMENT, body_of, faults_of, masked
from tests.faults.own_ledger import until
from tests.http import Client
from tests.local_stack import hpts

MAPPING = {"columns": {"booked_on": "Date", "amount": "Amount", "reference": "Ref"}}


@pytest.fixture(scope="module")
def client(stack: dict[str, Any]) -> Client:
    return Client.of(stack)


def reconciled(stack_dir: Path) -> dict[str, Any]:
    """A run now, which must find the books sound."""
    told = hpts("reconcile", "now", "--json", "--data-dir", str(stack_dir))
    assert told.returncode == 0, told.stdout + told.stderr
    run: dict[str, Any] = json.loads(told.stdout)
    return run


def statement(**more: Any) -> dict[str, Any]:
    """A body with no line of its own."""
    return {
        "bank_account_ref": "operating",
        "statement_ref": str(uuid4()),
        "currency": "EUR",
        "from_date": "2026-03-01",
        "to_date": "2026-03-02",
        "lines": [],
        **more,
    }


def test_a_run_now_looks_at_everything_and_is_told(client: Client, stack_dir: Path) -> None:
    client.pay(client.open_loan(amount_minor="1000"), amount_minor="10")
    run = reconciled(stack_dir)
    assert run["checked"]["oldest_look_s"] is not None
    assert min(run["checked"][name] for name in ("loans", "account_days", "entries")) > 0
    status = client.get("/v1/reconciliation/status").json()
    assert status["ledger_integrity"]["status"] == "ok"
    assert status["ledger_integrity"]["mismatched_account_count"] == 0
    rollup = client.get("/v1/reconciliation/status?currency=USD").json()["portfolio_rollup"]
    assert rollup["status"] == "ok"
    assert rollup["gl_principal_minor"] == rollup["sum_of_loan_balances_minor"] != "0"
    [last] = client.get("/v1/reconciliation/runs?order=desc&page_size=1").json()["items"]
    assert last["run_id"] >= run["run_id"]
    first = client.get("/v1/reconciliation/runs?page_size=1").json()
    token = first["next_page_token"]
    second = client.get(f"/v1/reconciliation/runs?page_size=1&page_token={token}").json()
    assert second["items"][0]["run_id"] > first["items"][0]["run_id"]


def test_runs_of_the_schedule_are_forgotten_after_a_day_but_for_those_that_found_something(
    stack: dict[str, Any], stack_dir: Path
) -> None:
    """By a witness that has been at work all the time."""
    made = (
        "INSERT INTO hpts_edge.reconciliation_runs (trigger, status, started_at, finished_at)"
        " SELECT w.trigger, w.status, at, at FROM (VALUES ('schedule', 'ok'),"
        " ('schedule', 'incomplete'), ('schedule', 'mismatch'), ('schedule', 'mismatch'),"
        " ('request', 'ok')) AS w (trigger, status), (SELECT now() - interval '2 days') AS t (at)"
        " RETURNING run_id"
    )
    found = (
        "INSERT INTO hpts_edge.reconciliation_findings (kind, subject, detail, found_by,"
        " cleared_at) VALUES ('of a test', %s, 'of a test', %s, now())"
    )
    with psycopg.connect(stack["postgres_dsn"], autocommit=True) as admin:
        run_ids = [run_id for (run_id,) in admin.execute(made).fetchall()]
        admin.execute(found, [str(uuid4()), run_ids[3]])
        reconciled(stack_dir)
        left = admin.execute(
            "DELETE FROM hpts_edge.reconciliation_runs WHERE run_id = ANY (%s) RETURNING run_id",
            [run_ids],
        ).fetchall()
        admin.execute("DELETE FROM hpts_edge.reconciliation_findings WHERE kind = 'of a test'")
    assert sorted(left) == [(run_ids[3],), (run_ids[4],)]


def test_a_statement_is_imported_once_matched_and_what_is_left_is_listed(
    stack: dict[str, Any], stack_dir: Path, tmp_path: Path
) -> None:
    client, account = Client.of(stack, 1), f"bank-{uuid4()}"
    loan, reference = client.open_loan(amount_minor="5000"), f"ACH-{uuid4()}"
    payment = {**loan, "amount_minor": "777", "currency": "USD", "effective_at": "2026-02-02"}
    body = {**payment, "source_method": "ach", "external_ref": reference}
    entry_id = client.post("/v1/payments", body).json()["journal_entry_id"]
    file, mapping = tmp_path / "day.csv", tmp_path / "mapping.json"
    file.write_text(f"Date,Amount,Ref\n2026-02-03,7.77,{reference}\n2026-02-03,-25.00,\n")
    mapping.write_text(json.dumps(MAPPING))
    owner = stack["clients"][1]["client_id"]
    command = ["bank", "import", str(file), "--mapping", str(mapping), "--account", account]
    for _ in range(2):  # the second changes nothing
        told = hpts(*command, "--client", owner, "--data-dir", str(stack_dir))
        assert told.returncode == 0, told.stdout + told.stderr
        assert "2 lines, in 777, out 2500" in told.stdout
    reconciled(stack_dir)

    items = client.get("/v1/bank-statements/unmatched?page_size=500").json()["items"]
    [left] = [one for one in items if one["bank_account_ref"] == account]
    assert (left["direction"], left["amount_minor"]) == ("out", "2500")
    assert entry_id not in [one["journal_entry_id"] for one in items]
    banks = client.get("/v1/reconciliation/status").json()["bank_reconciliation"]
    [bank] = [one for one in banks if one["bank_account_ref"] == account]
    assert (bank["status"], bank["unmatched_line_count"]) == ("mismatch", 1)
    theirs = Client.of(stack).get("/v1/bank-statements/unmatched?page_size=500").json()["items"]
    assert account not in [one["bank_account_ref"] for one in theirs]


def test_a_statement_of_the_first_day_there_is_does_not_end_the_witness(
    client: Client, stack_dir: Path
) -> None:
    body = statement(from_date="0001-01-01", to_date="0001-01-01")
    assert client.post("/v1/bank-statements", body).status_code == 201
    reconciled(stack_dir)


def test_the_same_key_is_answered_as_before_and_another_body_refused(client: Client) -> None:
    key, body = f"test:{uuid4()}", statement()
    first, again = (client.post("/v1/bank-statements", body, key=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    other = client.post("/v1/bank-statements", statement(), key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    same = client.post("/v1/bank-statements", body)
    assert (same.status_code, same.json()["errors"][0]["field"]) == (422, "/statement_ref")


def test_the_example_is_imported_and_answered_as_its_schema_says(client: Client) -> None:
    operation = DOCUMENT["paths"]["/v1/bank-statements"]["post"]
    body = body_of(operation)
    assert faults_of(body["examples"]["day"]["value"], body["schema"]) == []
    example = {**body["examples"]["day"]["value"], "statement_ref": str(uuid4())}
    answer = client.post("/v1/bank-statements", example)
    assert answer.status_code == 201, answer.text
    content = operation["responses"]["201"]["content"]["application/json"]
    assert faults_of(answer.json(), content["schema"]) == []
    shown = content["examples"]["imported"]["value"]
    assert masked({**shown, "statement_ref": example["statement_ref"]}) == masked(answer.json())


@pytest.mark.parametrize(
    "path",
    ["/v1/reconciliation/status", "/v1/reconciliation/runs", "/v1/bank-statements/unmatched"],
)
def test_an_answer_and_the_one_that_is_shown_are_as_their_schema_says(
    client: Client, path: str
) -> None:
    content = DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    assert faults_of(client.get(path).json(), content["schema"]) == []
    assert faults_of(content["example"], content["schema"]) == []


LINE = {"booked_on": "2026-03-01", "direction": "in", "amount_minor": "5"}


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"to_date": "2026-02-01"}, "/to_date"),
        ({"lines": [{**LINE, "booked_on": "2026-03-03"}]}, "/lines/0/booked_on"),
        ({"lines": [LINE], "expected_in_minor": "6"}, "/expected_in_minor"),
        ({"lines": [{**LINE, "amount_minor": "0"}]}, "/lines/0/amount_minor"),
        ({"lines": [{**LINE, "direction": "up"}]}, "/lines/0/direction"),
        ({"currency": "XXZ"}, "/currency"),
    ],
)
def test_a_statement_that_does_not_add_up_is_refused(
    client: Client, more: dict[str, Any], field: str
) -> None:
    answer = client.post("/v1/bank-statements", statement(**more))
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert field in [one["field"] for one in answer.json()["errors"]]


def test_who_may_not_is_refused(stack: dict[str, Any]) -> None:
    reader = Client.of(stack, 2)
    answer = reader.post("/v1/bank-statements", statement())
    assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")


def test_the_role_writes_nothing_of_the_books(stack: dict[str, Any]) -> None:
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        rows = connection.execute(
            "SELECT table_schema || '.' || table_name, privilege_type"
            " FROM information_schema.role_table_grants"
            " WHERE grantee = 'hpts_reconciliation' AND privilege_type <> 'SELECT'"
        ).fetchall()
    written = {table for table, _ in rows}
    assert written <= {
        *("hpts_edge.reconciliation_runs", "hpts_edge.reconciliation_findings"),
        *("hpts_edge.reconciliation_rollups", "hpts_edge.bank_differences"),
        "hpts_edge.bank_unmatched_entries",
    }


def test_the_witness_is_one_of_the_processes(stack: dict[str, Any], stack_dir: Path) -> None:
    assert len(stack["processes"]["reconciliation"]) == 1
    until(
        lambda: "reconciliation" in hpts("status", "--data-dir", str(stack_dir)).stdout, seconds=10
    )


@pytest.mark.parametrize(
    ("last", "told"),
    [
        (None, None),
        ({"status": "ok", "incomplete_because": None, "age_s": 3.0}, None),
        ({"status": "mismatch", "incomplete_because": None, "age_s": 3.0}, "hpts reconcile now"),
        ({"status": "incomplete", "incomplete_because": "why", "age_s": 301.0}, "lately: why"),
    ],
)
def test_status_warns_of_findings_and_of_books_that_nobody_compares(
    last: dict[str, Any] | None, told: str | None
) -> None:
    text = reconciliation_text(last)
    assert text is None if told is None else told in (text or "")
