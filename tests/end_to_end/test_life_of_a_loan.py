"""The worked life of one loan, posted over HTTP on a ledger of its own: every step as the
accounting rules write it down, and in the end exactly their trial balance.
"""

import shutil
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests import audit
from tests.http import Client
from tests.local_stack import DOWN_WITHIN_S, hpts, new_folder, read_local_json

Stack = dict[str, Any]


@pytest.fixture
def client(stack: Stack) -> Client:
    return Client.of(stack)


@pytest.fixture(scope="module")
def own_stack() -> Iterator[Stack]:
    """A ledger that holds this one loan and nothing else."""
    data_dir = new_folder()
    started = hpts("up", "--detach", "--port", "0", "--data-dir", str(data_dir))
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield read_local_json(data_dir)
    finally:
        hpts("down", "--data-dir", str(data_dir), timeout=DOWN_WITHIN_S)
        shutil.rmtree(data_dir.parent)


def minor(amount: str) -> str:
    """`1,013.22` as the contract writes it."""
    return str(int(amount.replace(",", "").replace(".", "")))


def legs(text: str) -> list[tuple[str, str, str]]:
    """`DR 1100 1,000.00 / CR 2000 1,000.00` as (direction, account, amount)."""
    found = []
    for leg in text.split(" / "):
        direction, account, amount = leg.split()
        found.append((direction, account, minor(amount)))
    return found


class Life:
    """One loan, step by step: what is posted, and what its journal and balances then say."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.loan = {"loan_id": str(uuid4()), "borrower_id": str(uuid4())}
        self.tag = uuid4().hex

    def step(self, path: str, body: dict[str, Any], lines: str, after: str) -> dict[str, Any]:
        """Post, and hold the entry's lines and `P I F S` against the books."""
        answer = self.post(path, body)
        assert answer.status_code == 201, answer.text
        result: dict[str, Any] = answer.json()
        entry = self.client.get(f"/v1/journal-entries/{result['journal_entry_id']}").json()
        told = [(x["direction"], x["account_code"], x["amount_minor"]) for x in entry["lines"]]
        assert told == legs(lines)
        assert self.balances() == after
        return result

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        on = body.get("effective_at", body.get("accrual_date"))
        return self.client.post(path, body, key=f"step:{self.tag}:{on}")

    def balances(self) -> str:
        """`P I F S` as they are read."""
        balance = self.client.get(f"/v1/loans/{self.loan['loan_id']}/balance").json()
        names = ("principal_outstanding", "interest_receivable", "fees_receivable", "suspense")
        return " ".join(balance[f"{name}_minor"] for name in names)

    def money(self, amount: str, on: str, **more: str) -> dict[str, Any]:
        """The body of an event that moves an amount of the loan."""
        moved = {"amount_minor": minor(amount), "currency": "USD", "effective_at": on}
        return {"loan_id": self.loan["loan_id"], **moved, **more}

    def accrual(self, interest: str, on: str) -> dict[str, Any]:
        """The body of an accrual batch of this one loan."""
        share = {
            "loan_id": self.loan["loan_id"],
            "outstanding_principal_minor": "100000",
            "interest_minor": minor(interest),
        }
        return {
            "program_id": str(uuid4()),
            "accrual_date": on,
            "day_count_convention": "ACT_365",
            "currency": "USD",
            "loans": [share],
        }


def lend_and_settle(life: Life) -> None:
    borrower = life.loan["borrower_id"]
    lent = life.step(
        "/v1/disbursements",
        life.money("1,000.00", "2026-01-05", method="ach", borrower_id=borrower),
        "DR 1100 1,000.00 / CR 2000 1,000.00",
        "100000 0 0 0",
    )
    life.step(
        "/v1/disbursement-settlements",
        {
            "disbursement_event_id": lent["disbursement_event_id"],
            "effective_at": "2026-01-06",
        },
        "DR 2000 1,000.00 / CR 1000 1,000.00",
        "100000 0 0 0",
    )


def owe_and_pay(life: Life) -> dict[str, Any]:
    """The accrual, the late fee and the first payment; what the accrual answered."""
    accrued = life.step(
        "/v1/accruals/batch",
        life.accrual("8.22", "2026-01-31"),
        "DR 1200 8.22 / CR 4000 8.22",
        "100000 822 0 0",
    )
    life.step(
        "/v1/fees",
        life.money("5.00", "2026-02-01", fee_type="late"),
        "DR 1300 5.00 / CR 4100 5.00",
        "100000 822 500 0",
    )
    paid = life.step(
        "/v1/payments",
        life.money(
            "113.22", "2026-02-02", source_method="ach", borrower_id=life.loan["borrower_id"]
        ),
        "DR 1000 113.22 / CR 1300 5.00 / CR 1200 8.22 / CR 1100 100.00",
        "90000 0 0 0",
    )
    assert paid["allocation"]["principal_minor"] == "10000"
    return accrued


def correct_and_pay_off(life: Life, accrued: dict[str, Any]) -> None:
    refused = life.post("/v1/fee-waivers", life.money("1.00", "2026-02-03", reason_code="goodwill"))
    assert (refused.status_code, refused.json()["code"]) == (422, "amount_exceeds_receivable")
    life.step(
        "/v1/reversals",
        {
            "reverses_entry_id": accrued["journal_entry_id"],
            "loan_id": life.loan["loan_id"],
            "reason_code": "error_correction",
            "reason_description": "accrued twice elsewhere",
            "effective_at": "2026-02-04",
        },
        "DR 4000 8.22 / CR 1200 8.22 / DR 1200 8.22 / CR 2100 8.22",
        "90000 0 0 822",
    )
    life.step(
        "/v1/payment-allocations",
        life.money("8.22", "2026-02-05"),
        "DR 2100 8.22 / CR 1100 8.22",
        "89178 0 0 0",
    )
    life.step(
        "/v1/payments",
        life.money(
            "900.00", "2026-02-06", source_method="wire", borrower_id=life.loan["borrower_id"]
        ),
        "DR 1000 900.00 / CR 1100 891.78 / CR 2100 8.22",
        "0 0 0 822",
    )


TRIAL_BALANCE = {
    "1000": ("1,013.22", "1,000.00"),
    "1100": ("1,000.00", "1,000.00"),
    "1200": ("16.44", "16.44"),
    "1300": ("5.00", "5.00"),
    "2000": ("1,000.00", "1,000.00"),
    "2100": ("8.22", "16.44"),
    "4000": ("8.22", "8.22"),
    "4100": ("0.00", "5.00"),
}


def test_the_worked_life_of_a_loan_ends_in_exactly_its_trial_balance(own_stack: Stack) -> None:
    client = Client.of(own_stack)
    life = Life(client)
    lend_and_settle(life)
    accrued = owe_and_pay(life)
    correct_and_pay_off(life, accrued)

    trial = client.get("/v1/trial-balance").json()
    told = {
        x["account_code"]: (x["dr_balance_minor"], x["cr_balance_minor"]) for x in trial["items"]
    }
    assert told == {code: (minor(dr), minor(cr)) for code, (dr, cr) in TRIAL_BALANCE.items()}
    [total] = trial["totals"]
    assert (total["dr_balance_minor"], total["cr_balance_minor"]) == ("305110", "305110")
    loan = f"/v1/loans/{life.loan['loan_id']}"
    assert client.get(loan).json()["status"] == "paid_off"
    before_the_reversal = client.get(f"{loan}/balance?as_of_date=2026-02-03").json()
    assert before_the_reversal["principal_outstanding_minor"] == "90000"
    journal = client.get(f"{loan}/journal-entries").json()["items"]
    assert [entry["event_type"] for entry in journal] == [
        "disbursement",
        "disbursement_settled",
        "accrual",
        "fee_assessed",
        "payment_received",
        "reversal",
        "payment_allocated",
        "payment_received",
    ]
    assert journal[5]["reverses_entry_id"] == journal[2]["journal_entry_id"]
    assert audit.faults_of_books(own_stack["postgres_dsn"]) == []


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
