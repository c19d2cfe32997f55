"""The worked life of one loan, posted over HTTP: the steps that need no fees or settlements.

The same dates and amounts as in the accounting rules, so the figures can be checked by hand.
"""

from typing import Any
from uuid import uuid4

import pytest

from tests import audit
from tests.http import Client

Stack = dict[str, Any]


@pytest.fixture
def client(stack: Stack) -> Client:
    return Client.of(stack)


def balances(answer: dict[str, Any]) -> tuple[str, str, str, str]:
    """(P, I, F, S) of a posting's or a read's balance."""
    return (
        answer["principal_outstanding_minor"],
        answer["interest_receivable_minor"],
        answer["fees_receivable_minor"],
        answer["suspense_minor"],
    )


def lines_of(client: Client, entry_id: str) -> list[tuple[str, str, str]]:
    """(direction, account, amount) of an entry's lines, in order."""
    entry = client.get(f"/v1/journal-entries/{entry_id}").json()
    return [(x["direction"], x["account_code"], x["amount_minor"]) for x in entry["lines"]]


def test_a_loan_is_drawn_accrues_is_paid_and_its_accrual_reversed(
    client: Client, stack: Stack
) -> None:
    loan = {"loan_id": str(uuid4()), "borrower_id": str(uuid4())}
    tag = uuid4().hex

    drawn = client.post(
        "/v1/disbursements",
        {
            **loan,
            "amount_minor": "100000",
            "currency": "USD",
            "effective_at": "2026-01-05",
            "method": "ach",
        },
        key=f"disbursement:{tag}",
    )
    assert drawn.status_code == 201, drawn.text
    assert balances(drawn.json()["balance"]) == ("100000", "0", "0", "0")
    assert lines_of(client, drawn.json()["journal_entry_id"]) == [
        ("DR", "1100", "100000"),
        ("CR", "2000", "100000"),
    ]

    accrued = client.post(
        "/v1/accruals/batch",
        {
            "program_id": str(uuid4()),
            "accrual_date": "2026-01-31",
            "day_count_convention": "ACT_365",
            "currency": "USD",
            "loans": [
                {
                    "loan_id": loan["loan_id"],
                    "outstanding_principal_minor": "100000",
                    "interest_minor": "822",
                }
            ],
        },
        key=f"accrual:{tag}",
    )
    assert accrued.status_code == 201, accrued.text
    assert (accrued.json()["loan_count"], accrued.json()["total_accrued_minor"]) == (1, "822")
    assert lines_of(client, accrued.json()["journal_entry_id"]) == [
        ("DR", "1200", "822"),
        ("CR", "4000", "822"),
    ]

    paid = client.post(
        "/v1/payments",
        {
            **loan,
            "amount_minor": "10822",
            "currency": "USD",
            "effective_at": "2026-02-02",
            "source_method": "ach",
        },
        key=f"payment:{tag}:1",
    )
    assert paid.status_code == 201, paid.text
    allocation = paid.json()["allocation"]
    assert allocation["interest_minor"] == "822"
    assert allocation["principal_minor"] == "10000"
    assert balances(paid.json()["balance"]) == ("90000", "0", "0", "0")

    undone = client.post(
        "/v1/reversals",
        {
            "reverses_entry_id": accrued.json()["journal_entry_id"],
            "loan_id": loan["loan_id"],
            "reason_code": "error_correction",
            "reason_description": "accrued twice elsewhere",
            "effective_at": "2026-02-04",
        },
        key=f"reversal:{tag}",
    )
    assert undone.status_code == 201, undone.text
    assert undone.json()["moved_to_suspense_minor"] == "822"
    assert lines_of(client, undone.json()["journal_entry_id"]) == [
        ("DR", "4000", "822"),
        ("CR", "1200", "822"),
        ("DR", "1200", "822"),
        ("CR", "2100", "822"),
    ]

    last = client.post(
        "/v1/payments",
        {
            **loan,
            "amount_minor": "90822",
            "currency": "USD",
            "effective_at": "2026-02-06",
            "source_method": "wire",
        },
        key=f"payment:{tag}:2",
    )
    assert last.status_code == 201, last.text
    assert lines_of(client, last.json()["journal_entry_id"]) == [
        ("DR", "1000", "90822"),
        ("CR", "1100", "90000"),
        ("CR", "2100", "822"),
    ]

    position = last.headers["hpts-position"]
    now = client.get(
        f"/v1/loans/{loan['loan_id']}/balance", headers={"HPTS-Min-Position": position}
    ).json()
    assert balances(now) == ("0", "0", "0", "1644")
    assert now["status"] == "paid_off"
    # Before the reversal counted, the loan owed 900.00 and nothing was in suspense.
    earlier = client.get(f"/v1/loans/{loan['loan_id']}/balance?as_of_date=2026-02-03").json()
    assert balances(earlier) == ("90000", "0", "0", "0")

    journal = client.get(f"/v1/loans/{loan['loan_id']}/journal-entries").json()
    assert [entry["event_type"] for entry in journal["items"]] == [
        "disbursement",
        "accrual",
        "payment_received",
        "reversal",
        "payment_received",
    ]
    assert audit.faults_of_books(stack["postgres_dsn"]) == []


def test_a_retry_gets_the_same_answer_and_another_body_is_refused(client: Client) -> None:
    loan = client.open_loan(amount_minor="50000")
    body = {
        **loan,
        "amount_minor": "100",
        "currency": "USD",
        "effective_at": "2026-02-02",
        "source_method": "ach",
    }
    key = f"payment:{uuid4()}"

    first = client.post("/v1/payments", body, key=key)
    again = client.post("/v1/payments", body, key=key)
    other = client.post("/v1/payments", {**body, "amount_minor": "101"}, key=key)

    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 422)
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert other.json()["code"] == "idempotency_mismatch"


def test_a_reversed_payment_is_owed_again_and_cannot_be_reversed_twice(client: Client) -> None:
    loan = client.open_loan(amount_minor="50000")
    paid = client.pay(loan, amount_minor="20000")

    first = client.reverse(paid["journal_entry_id"])
    second = client.reverse(paid["journal_entry_id"])

    assert first.status_code == 201, first.text
    assert first.json()["balance"]["principal_outstanding_minor"] == "50000"
    assert second.status_code == 409
    assert second.json()["code"] == "already_reversed"
    assert first.json()["journal_entry_id"] in second.text


def test_what_another_tenant_owns_does_not_exist(client: Client, stack: Stack) -> None:
    loan = client.open_loan(amount_minor="50000")
    stranger = Client.of(stack, number=1)

    seen = stranger.get(f"/v1/loans/{loan['loan_id']}/balance")
    absent = stranger.get(f"/v1/loans/{uuid4()}/balance")

    assert (seen.status_code, absent.status_code) == (404, 404)
    assert seen.json()["code"] == absent.json()["code"] == "not_found"
