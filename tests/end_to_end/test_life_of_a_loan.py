"""The worked life of one loan, posted over HTTP: the steps that need no fees or settlements.

The same dates and amounts as in the accounting rules, so the figures can be checked by hand.
"""

from typing import Any
from uuid import uuid4

import httpx
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


class Life:
    """One loan, step by step: what is posted, and what its journal and balances then say."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.loan = {"loan_id": str(uuid4()), "borrower_id": str(uuid4())}
        self.tag = uuid4().hex

    def step(
        self,
        path: str,
        body: dict[str, Any],
        lines: list[tuple[str, str, str]],
        after: tuple[str, str, str, str] | None,
    ) -> httpx.Response:
        """Post, and hold the entry's lines and the balances (P, I, F, S) against the books."""
        key = f"step:{self.tag}:{body.get('effective_at', body.get('accrual_date'))}"
        answer = self.client.post(path, body, key=key)
        assert answer.status_code == 201, answer.text
        assert lines_of(self.client, answer.json()["journal_entry_id"]) == lines
        if after is not None:
            assert balances(answer.json()["balance"]) == after
        return answer

    def money(self, amount_minor: str, on: str, **more: str) -> dict[str, Any]:
        """The body of an event that moves an amount."""
        amount = {"amount_minor": amount_minor, "currency": "USD", "effective_at": on}
        return {**self.loan, **amount, **more}

    def accrual(self, principal_minor: str, interest_minor: str, on: str) -> dict[str, Any]:
        """The body of an accrual batch of this one loan."""
        share = {
            "loan_id": self.loan["loan_id"],
            "outstanding_principal_minor": principal_minor,
            "interest_minor": interest_minor,
        }
        return {
            "program_id": str(uuid4()),
            "accrual_date": on,
            "day_count_convention": "ACT_365",
            "currency": "USD",
            "loans": [share],
        }


@pytest.fixture
def life(client: Client) -> Life:
    """The loan after its last payment of 6 February."""
    life = Life(client)
    life.step(
        "/v1/disbursements",
        life.money("100000", "2026-01-05", method="ach"),
        [("DR", "1100", "100000"), ("CR", "2000", "100000")],
        ("100000", "0", "0", "0"),
    )
    accrued = life.step(
        "/v1/accruals/batch",
        life.accrual("100000", "822", "2026-01-31"),
        [("DR", "1200", "822"), ("CR", "4000", "822")],
        None,
    ).json()
    assert (accrued["loan_count"], accrued["total_accrued_minor"]) == (1, "822")
    life.step(
        "/v1/payments",
        life.money("10822", "2026-02-02", source_method="ach"),
        [("DR", "1000", "10822"), ("CR", "1200", "822"), ("CR", "1100", "10000")],
        ("90000", "0", "0", "0"),
    )
    undo = {
        "reverses_entry_id": accrued["journal_entry_id"],
        "loan_id": life.loan["loan_id"],
        "reason_code": "error_correction",
        "reason_description": "accrued twice elsewhere",
        "effective_at": "2026-02-04",
    }
    back = [("DR", "4000", "822"), ("CR", "1200", "822")]
    moved = [("DR", "1200", "822"), ("CR", "2100", "822")]
    life.step("/v1/reversals", undo, back + moved, ("90000", "0", "0", "822"))
    life.step(
        "/v1/payments",
        life.money("90822", "2026-02-06", source_method="wire"),
        [("DR", "1000", "90822"), ("CR", "1100", "90000"), ("CR", "2100", "822")],
        ("0", "0", "0", "1644"),
    )
    return life


def test_a_loan_is_paid_off_and_what_it_owed_on_each_day_stays_known(
    life: Life, client: Client
) -> None:
    loan = f"/v1/loans/{life.loan['loan_id']}"
    now = client.get(f"{loan}/balance").json()
    before_the_reversal = client.get(f"{loan}/balance?as_of_date=2026-02-03").json()
    before_anything = client.get(f"{loan}/balance?as_of_date=2026-01-04").json()

    assert (balances(now), now["status"]) == (("0", "0", "0", "1644"), "paid_off")
    assert balances(before_the_reversal) == ("90000", "0", "0", "0")
    assert balances(before_anything) == ("0", "0", "0", "0")


def test_a_loan_s_journal_tells_its_life_in_order(life: Life, client: Client) -> None:
    journal = client.get(f"/v1/loans/{life.loan['loan_id']}/journal-entries").json()

    assert [entry["event_type"] for entry in journal["items"]] == [
        "disbursement",
        "accrual",
        "payment_received",
        "reversal",
        "payment_received",
    ]
    undone, undoing = journal["items"][1], journal["items"][3]
    assert undoing["reverses_entry_id"] == undone["journal_entry_id"]


def test_after_a_loan_s_life_the_books_are_sound(life: Life, stack: Stack) -> None:
    assert life.loan
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
