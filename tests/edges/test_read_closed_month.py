"""A closed month over HTTP: whatever is posted into it later, its trial balance stays as it was."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.edges.new_tenant import client_of_new_tenant
from tests.http import Client

Stack = dict[str, Any]
MONTH_END = "/v1/trial-balance?as_of_date=2026-01-31"
USD = {"currency": "USD"}
IN_JANUARY = {**USD, "effective_at": "2026-01-20"}


@pytest.fixture(scope="module")
def client(stack: Stack, stack_dir: Path) -> Client:
    """Of a tenant of its own: its months are closed."""
    return client_of_new_tenant(stack, stack_dir)


def posted(client: Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = client.post(path, body, headers={"Prefer": "wait=30"})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def read(client: Client, path: str) -> dict[str, Any]:
    answer: httpx.Response = client.get(path)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def accrual_of(loan: dict[str, str], day: str, **more: object) -> dict[str, Any]:
    one = {"loan_id": loan["loan_id"], "outstanding_principal_minor": "0", "interest_minor": "822"}
    body = {"program_id": str(uuid4()), "accrual_date": day, "day_count_convention": "ACT_365"}
    return {**body, **USD, **more, "loans": [one]}


def payment_of(loan: dict[str, str], amount_minor: str) -> dict[str, Any]:
    return {**loan, **IN_JANUARY, "amount_minor": amount_minor, "source_method": "ach"}


def reversal_of(entry_id: str) -> dict[str, Any]:
    return {
        "reverses_entry_id": entry_id,
        "reason_code": "error_correction",
        "reason_description": "a test",
        "effective_at": "2026-01-31",
    }


def test_a_closed_month_never_changes_whatever_is_posted_into_it(client: Client) -> None:
    loan = client.open_loan(amount_minor="100000")  # 2026-01-05
    first = posted(client, "/v1/payments", payment_of(loan, "3000"))
    second = posted(client, "/v1/payments", payment_of(loan, "500"))
    accrued = posted(client, "/v1/accruals/batch", accrual_of(loan, "2026-01-15"))
    before = read(client, "/v1/periods")["items"][0]
    assert before == {"period": "2026-01", "status": "open", "closed_at": None}

    closed = posted(client, "/v1/periods/2026-01/close", {})
    at_close = read(client, MONTH_END)
    known_at = closed["closed_at"]
    assert read(client, f"{MONTH_END}&known_at={known_at}")["items"] == at_close["items"]
    told = read(client, "/v1/periods")["items"]
    assert told[0] == {"period": "2026-01", "status": "closed", "closed_at": known_at}
    assert {one["status"] for one in told[1:]} == {"open"}

    late = posted(client, "/v1/payments", payment_of(loan, "700"))
    fee = {**IN_JANUARY, "loan_id": loan["loan_id"], "amount_minor": "500", "fee_type": "late"}
    posted(client, "/v1/fees", fee)
    posted(client, "/v1/accruals/batch", accrual_of(loan, "2026-01-31"))
    posted(client, "/v1/accruals/batch", accrual_of(loan, "2026-01-10", backfill=True))
    returned = {"payment_event_id": second["payment_event_id"], "return_code": "R01"}
    posted(client, "/v1/payment-returns", {**returned, "effective_at": "2026-01-25"})
    posted(client, "/v1/reversals", reversal_of(first["journal_entry_id"]))
    undone = posted(client, "/v1/reversals", reversal_of(accrued["journal_entry_id"]))
    client.open_loan(amount_minor="70000")  # 2026-01-05, too

    assert read(client, MONTH_END) == at_close
    for instant in (known_at, late["posted_at"], undone["posted_at"]):
        again = read(client, f"{MONTH_END}&known_at={instant}")
        assert (again["items"], again["totals"]) == (at_close["items"], at_close["totals"])
    # All of it is booked in February, and by effective date it counts where it was dated.
    february = read(client, "/v1/trial-balance?as_of_date=2026-02-28")
    assert february["items"] != at_close["items"]
    assert february == read(client, "/v1/trial-balance") | {"as_of_date": "2026-02-28"}
    balance = read(client, f"/v1/loans/{loan['loan_id']}/balance?as_of_date=2026-01-31")
    # Of three accruals one was undone, and the one payment that stands went to interest.
    assert balance["principal_outstanding_minor"] == "100000"
    assert balance["interest_receivable_minor"] == str(2 * 822 - 700)
    assert balance["fees_receivable_minor"] == "500"
    assert read(client, "/v1/periods")["items"] == told


def test_an_adjustment_into_a_closed_month_is_refused_and_changes_nothing(client: Client) -> None:
    at_close = read(client, MONTH_END)
    line = {**USD, "amount_minor": "100", "layer": "SETTLED"}
    body = {
        "effective_at": "2026-01-31",
        "reason_code": "correction",
        "description": "too late",
        "lines": [
            {**line, "account_code": "1000", "direction": "DR"},
            {**line, "account_code": "4200", "direction": "CR"},
        ],
    }
    answer = client.post("/v1/manual-adjustments", body)
    assert (answer.status_code, answer.json()["code"]) == (422, "period_closed"), answer.text
    assert read(client, MONTH_END) == at_close
