"""Every status over HTTP: what the row says, and what the journal says as of any day."""

from typing import Any
from uuid import uuid4

import pytest

from tests.http import Client

Stack = dict[str, Any]
Loan = dict[str, str]


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


def post(client: Client, path: str, **body: str) -> dict[str, Any]:
    answer = client.post(f"/v1/{path}", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def status(client: Client, loan_id: str, query: str = "") -> str:
    answer = client.get(f"/v1/loans/{loan_id}/balance{query}")
    assert answer.status_code == 200, answer.text
    return str(answer.json()["status"])


def statuses(client: Client, loan_id: str) -> list[str]:
    """Now; as of far ahead, which must be the same; and as of the day after it was lent."""
    now = status(client, loan_id)
    assert client.get(f"/v1/loans/{loan_id}").json()["status"] == now
    assert status(client, loan_id, "?as_of_date=9999-12-31") == now
    return [status(client, loan_id, "?as_of_date=2026-01-06"), now]


def settled_loan(client: Client) -> Loan:
    """1,000.00 lent on 5 January, and arrived."""
    loan = {"loan_id": str(uuid4()), "borrower_id": str(uuid4())}
    money = {"amount_minor": "100000", "currency": "USD", "effective_at": "2026-01-05"}
    event = post(client, "disbursements", **loan, **money, method="ach")["disbursement_event_id"]
    day = {"effective_at": "2026-01-05"}
    post(client, "disbursement-settlements", disbursement_event_id=event, **day)
    return loan


def test_a_charged_off_loan_was_active_before(client: Client) -> None:
    loan_id = settled_loan(client)["loan_id"]
    day = {"effective_at": "2026-02-01"}
    entry = post(client, "charge-offs", loan_id=loan_id, reason_code="fraud", **day)
    assert statuses(client, loan_id) == ["active", "charged_off"]
    assert client.reverse(entry["journal_entry_id"]).status_code == 201
    assert statuses(client, loan_id) == ["active", "active"]
    assert status(client, loan_id, "?as_of_date=2026-02-28") == "charged_off"


def test_a_refinance_ends_one_loan_and_begins_another(client: Client) -> None:
    old, new = settled_loan(client)["loan_id"], str(uuid4())
    day = {"effective_at": "2026-02-01"}
    entry_id = post(client, "refinances", loan_id=old, new_loan_id=new, **day)["journal_entry_id"]
    assert statuses(client, old) == ["active", "refinanced"]
    assert status(client, new) == status(client, new, "?as_of_date=2026-02-01") == "active"
    told = client.get(f"/v1/journal-entries/{entry_id}").json()
    assert {line["loan_id"] for line in told["lines"]} == {old, new}
    listed = client.get("/v1/journal-entries?event_type=refinance&order=desc").json()["items"]
    parts = [item["part"] for item in listed if item["journal_entry_id"] == entry_id]
    assert sorted(parts) == [0, 1]
    statement = client.get(f"/v1/loans/{old}/statement?from_date=2026-02-01").json()
    assert statement["opening_balance"]["total_exposure_minor"] == "100000"
    assert statement["closing_balance"]["total_exposure_minor"] == "0"
    undone = client.reverse(entry_id).json()["journal_entry_id"]
    assert statuses(client, old) == ["active", "active"]
    assert statuses(client, new)[1] == "cancelled"
    assert client.get(f"/v1/journal-entries/{entry_id}").json()["reversed_by_entry_id"] == undone


def test_a_returned_payment_is_owed_again(client: Client) -> None:
    loan = settled_loan(client)
    paid = client.pay(loan, amount_minor="100000")  # 2026-02-02
    assert statuses(client, loan["loan_id"]) == ["active", "paid_off"]
    named = {"payment_event_id": paid["payment_event_id"], "return_code": "R01"}
    returned = post(client, "payment-returns", **named, effective_at="2026-02-05")
    assert statuses(client, loan["loan_id"]) == ["active", "active"]
    assert status(client, loan["loan_id"], "?as_of_date=2026-02-03") == "paid_off"
    entry = client.get(f"/v1/journal-entries/{paid['journal_entry_id']}").json()
    assert entry["reversed_by_entry_id"] == returned["journal_entry_id"]
    mirrored = client.get(f"/v1/journal-entries/{returned['journal_entry_id']}").json()
    assert mirrored["reverses_entry_id"] == paid["journal_entry_id"]


def test_a_loan_that_is_opened_anew_starts_from_zero_as_of_every_day(client: Client) -> None:
    loan_id, later_borrower = str(uuid4()), str(uuid4())
    money = {"currency": "USD", "method": "ach", "loan_id": loan_id}
    first = {"amount_minor": "100000", "borrower_id": str(uuid4()), "effective_at": "2026-01-05"}
    lent = post(client, "disbursements", **money, **first)
    undone = client.reverse(lent["journal_entry_id"])  # 2026-03-01
    second = {"amount_minor": "50000", "borrower_id": later_borrower, "effective_at": "2026-02-01"}
    post(client, "disbursements", **money, **second)
    path = f"/v1/loans/{loan_id}"
    told = client.get(f"{path}/balance?as_of_date=2026-02-15").json()
    assert (told["principal_outstanding_minor"], told["borrower_id"]) == ("50000", later_borrower)
    statement = client.get(f"{path}/statement?to_date=2026-02-15").json()
    assert statement["closing_balance"]["principal_outstanding_minor"] == "50000"
    early = client.get(f"{path}/balance?as_of_date=2026-01-10").json()
    assert (early["principal_outstanding_minor"], early["borrower_id"]) == ("0", later_borrower)
    known_at = undone.json()["posted_at"]
    before = client.get(f"{path}/balance?as_of_date=2026-02-15&known_at={known_at}").json()
    assert (before["principal_outstanding_minor"], before["status"]) == ("100000", "active")
    assert before["borrower_id"] == first["borrower_id"]
    assert status(client, loan_id, f"?known_at={known_at}") == "cancelled"
