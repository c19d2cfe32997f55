"""Balances over real HTTP: what is posted, as of a date, as known at an instant."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from schemas.chart_of_accounts import CHART
from tests.http import Client

Stack = dict[str, Any]
PRINCIPAL, INTEREST = "principal_outstanding_minor", "interest_receivable_minor"


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


@pytest.fixture(scope="module")
def other_tenant(stack: Stack) -> Client:
    return Client.of(stack, 1)


def accrue(client: Client, loan: dict[str, str], *, interest_minor: str, on: str) -> dict[str, Any]:
    accrued = {
        "loan_id": loan["loan_id"],
        "outstanding_principal_minor": "0",
        "interest_minor": interest_minor,
    }
    body = {
        "program_id": str(uuid4()),
        "accrual_date": on,
        "day_count_convention": "ACT_365",
        "currency": "USD",
        "loans": [accrued],
    }
    answer = client.post("/v1/accruals/batch", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def balance(client: Client, loan: dict[str, str], query: str = "") -> dict[str, Any]:
    answer = client.get(f"/v1/loans/{loan['loan_id']}/balance{query}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def account(client: Client, code: str, query: str = "") -> dict[str, Any]:
    answer = client.get(f"/v1/accounts/{code}/balance?currency=USD{query}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def change_of(client: Client, code: str, before: dict[str, Any]) -> tuple[int, int]:
    """What was added to the debits and the credits of an account since `before`."""
    after = account(client, code)
    return (
        int(after["dr_balance_minor"]) - int(before["dr_balance_minor"]),
        int(after["cr_balance_minor"]) - int(before["cr_balance_minor"]),
    )


def test_a_balance_is_what_the_posting_answered(client: Client) -> None:
    loan = client.open_loan(amount_minor="100000")
    told = client.pay(loan, amount_minor="10000")["balance"]
    assert balance(client, loan) == told
    assert told | {PRINCIPAL: "90000", "total_exposure_minor": "90000"} == told


def test_a_balance_names_its_loan_borrower_currency_and_status(client: Client) -> None:
    loan = client.open_loan(amount_minor="1")
    read = balance(client, loan)
    assert read["loan_id"] == loan["loan_id"]
    assert read["borrower_id"] == loan["borrower_id"]
    assert (read["currency"], read["status"]) == ("USD", "active")
    assert read["as_of_date"] == datetime.now(UTC).date().isoformat()
    client.pay(loan, amount_minor="1")
    assert balance(client, loan)["status"] == "paid_off"


def test_an_id_in_capitals_is_the_same_loan(client: Client) -> None:
    loan = client.open_loan(amount_minor="5")
    answer = client.get(f"/v1/loans/{loan['loan_id'].upper()}/balance")
    assert answer.json()["loan_id"] == loan["loan_id"]


def test_as_of_a_date_counts_what_was_effective_by_then(client: Client) -> None:
    loan = client.open_loan(amount_minor="100000")  # effective 2026-01-05
    accrue(client, loan, interest_minor="822", on="2026-01-31")
    client.pay(loan, amount_minor="10822")  # effective 2026-02-02
    days = {
        "2026-01-04": ("0", "0", "active"),
        "2026-01-05": ("100000", "0", "active"),
        "2026-01-31": ("100000", "822", "active"),
        "2026-02-02": ("90000", "0", "active"),
        "9999-12-31": ("90000", "0", "active"),
    }
    for day, (principal, interest, status) in days.items():
        read = balance(client, loan, f"?as_of_date={day}")
        assert (read[PRINCIPAL], read[INTEREST], read["status"]) == (principal, interest, status)
        assert read["as_of_date"] == day


def test_as_of_a_date_far_ahead_equals_everything_posted(client: Client) -> None:
    loan = client.open_loan(amount_minor="70000")
    accrue(client, loan, interest_minor="5", on="2026-01-31")
    reversed_id = client.pay(loan, amount_minor="60000")["journal_entry_id"]
    assert client.reverse(reversed_id).status_code == 201
    now, ahead = balance(client, loan), balance(client, loan, "?as_of_date=9999-12-31")
    assert ahead == now | {"as_of_date": "9999-12-31"}


def test_a_backdated_payment_may_leave_a_negative_sub_balance(client: Client) -> None:
    loan = client.open_loan(amount_minor="1000")
    accrue(client, loan, interest_minor="300", on="2026-03-31")
    client.pay(loan, amount_minor="300")  # effective 2026-02-02, applied to March's interest
    read = balance(client, loan, "?as_of_date=2026-02-28")
    assert (read[INTEREST], read["total_exposure_minor"]) == ("-300", "700")


def test_a_past_pair_of_date_and_instant_answers_the_same_for_ever(client: Client) -> None:
    loan = client.open_loan(amount_minor="100000")
    known_at = client.pay(loan, amount_minor="10000")["posted_at"]
    pair = f"?as_of_date=2026-02-28&known_at={known_at}"
    before = balance(client, loan, pair)
    account_before = account(client, "1100", f"&known_at={known_at}&as_of_date=2026-12-31")
    client.pay(loan, amount_minor="90000")
    client.open_loan(amount_minor="1")
    assert balance(client, loan, pair) == before
    assert before[PRINCIPAL] == "90000"
    after = account(client, "1100", f"&known_at={known_at}&as_of_date=2026-12-31")
    assert after == account_before


def test_a_loan_was_not_known_before_it_was_posted(client: Client) -> None:
    loan = client.open_loan(amount_minor="100000")
    answer = client.get(
        f"/v1/loans/{loan['loan_id']}/balance?as_of_date=2026-12-31&known_at=2026-01-06T00:00:00Z"
    )
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_reversed_disbursements_leave_a_cancelled_loan(client: Client) -> None:
    loan = client.open_loan(amount_minor="400")
    entries = client.get(f"/v1/loans/{loan['loan_id']}/journal-entries").json()["items"]
    assert client.reverse(entries[0]["journal_entry_id"]).status_code == 201
    assert balance(client, loan)["status"] == "cancelled"
    assert balance(client, loan, "?as_of_date=2026-12-31")["status"] == "cancelled"
    assert balance(client, loan, "?as_of_date=2026-02-01")["status"] == "active"


def test_an_account_gains_what_is_debited_and_credited(client: Client) -> None:
    before = {code: account(client, code) for code in ("1000", "1100", "2000")}
    loan = client.open_loan(amount_minor="50000")
    client.pay(loan, amount_minor="20000")
    assert change_of(client, "1000", before["1000"]) == (20000, 0)
    assert change_of(client, "1100", before["1100"]) == (50000, 20000)
    assert change_of(client, "2000", before["2000"]) == (0, 50000)


@pytest.mark.parametrize("code", sorted(CHART))
def test_normal_is_the_difference_on_the_normal_side(client: Client, code: str) -> None:
    read = account(client, code)
    signed_minor = int(read["dr_balance_minor"]) - int(read["cr_balance_minor"])
    side = 1 if CHART[code].normal_side == "DR" else -1
    assert int(read["normal_balance_minor"]) == side * signed_minor
    assert read["account_name"] == CHART[code].name


def test_all_accounts_together_balance(client: Client) -> None:
    client.pay(client.open_loan(amount_minor="300"), amount_minor="100")
    known_at = client.pay(client.open_loan(amount_minor="50"), amount_minor="60")["posted_at"]
    read = [account(client, code, f"&known_at={known_at}") for code in CHART]
    assert sum(int(one["dr_balance_minor"]) for one in read) == sum(
        int(one["cr_balance_minor"]) for one in read
    )
    assert any(int(one["dr_balance_minor"]) for one in read)


def test_known_now_equals_everything_posted(client: Client) -> None:
    loan = client.open_loan(amount_minor="300")
    known_at = client.pay(loan, amount_minor="100")["posted_at"]
    for code in ("1000", "1100", "2000"):
        assert account(client, code, f"&known_at={known_at}") == account(client, code)


def test_an_account_counts_the_days_booked_by_then(client: Client) -> None:
    before = account(client, "1100", "&as_of_date=2026-01-31")
    loan = client.open_loan(amount_minor="40000")  # 2026-01-05
    client.pay(loan, amount_minor="30000")  # 2026-02-02
    after = account(client, "1100", "&as_of_date=2026-01-31")
    assert int(after["dr_balance_minor"]) - int(before["dr_balance_minor"]) == 40000
    assert after["cr_balance_minor"] == before["cr_balance_minor"]


def test_other_currencies_and_layers_are_other_balances(client: Client) -> None:
    client.open_loan(amount_minor="1")
    zeros = {"dr_balance_minor": "0", "cr_balance_minor": "0", "normal_balance_minor": "0"}
    pending = account(client, "1100", "&layer=PENDING")
    swiss = client.get("/v1/accounts/1100/balance?currency=CHF").json()
    assert pending | zeros == pending
    assert swiss | zeros == swiss


def test_the_chart_is_told_whole(client: Client) -> None:
    items = client.get("/v1/accounts").json()["items"]
    assert {one["account_code"]: one["normal_side"] for one in items} == {
        code: account.normal_side for code, account in CHART.items()
    }


def test_another_tenants_loan_is_as_one_that_does_not_exist(
    client: Client, other_tenant: Client
) -> None:
    loan = client.open_loan(amount_minor="100")
    for path in ("", "/balance", "/balance?as_of_date=2026-12-31", "/journal-entries"):
        foreign = other_tenant.get(f"/v1/loans/{loan['loan_id']}{path}")
        absent = other_tenant.get(f"/v1/loans/{uuid4()}{path}")
        assert foreign.status_code == absent.status_code == 404
        assert told(foreign) == told(absent)


def told(answer: httpx.Response) -> dict[str, Any]:
    """A problem without what differs between any two requests."""
    return {k: v for k, v in answer.json().items() if k not in ("instance", "trace_id")}


def test_another_tenants_postings_do_not_move_an_account(
    client: Client, other_tenant: Client
) -> None:
    before = account(client, "1100")
    other_tenant.open_loan(amount_minor="99999")
    assert account(client, "1100") == before


def test_a_read_waits_for_the_position_that_a_posting_told(client: Client) -> None:
    loan = {"loan_id": str(uuid4()), "borrower_id": str(uuid4())}
    body = {
        **loan,
        "amount_minor": "100",
        "currency": "USD",
        "effective_at": "2026-01-05",
        "method": "ach",
    }
    pending = client.post("/v1/disbursements", body, headers={"Prefer": "respond-async"})
    assert pending.status_code == 202
    position = {"HPTS-Min-Position": pending.headers["HPTS-Position"]}
    answer = client.get(f"/v1/loans/{loan['loan_id']}/balance", position)
    assert (answer.status_code, answer.json()[PRINCIPAL]) == (200, "100")


def test_a_position_that_is_never_reached_is_told_after_five_seconds(client: Client) -> None:
    loan = client.open_loan(amount_minor="100")
    far = {"HPTS-Min-Position": "0:9223372036854775806"}
    answer = client.get(f"/v1/loans/{loan['loan_id']}/balance", far)
    assert (answer.status_code, answer.json()["code"]) == (503, "position_not_reached")
    assert answer.elapsed.total_seconds() < 7
