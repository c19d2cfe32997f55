"""Finance's reads over real HTTP: trial balance, months, loans, journal, statements."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.edges.new_tenant import client_of_new_tenant
from tests.edges.test_read_strictness import problem
from tests.http import Client

Stack = dict[str, Any]
OWED = (
    *("principal_outstanding_minor", "interest_receivable_minor", "fees_receivable_minor"),
    *("total_exposure_minor", "suspense_minor"),
)


@pytest.fixture(scope="module")
def client(stack: Stack, stack_dir: Path) -> Client:
    """Of a tenant of its own: others book into the year 1."""
    return client_of_new_tenant(stack, stack_dir)


@pytest.fixture(scope="module")
def other_tenant(stack: Stack) -> Client:
    return Client.of(stack, 1)


def read(client: Client, path: str) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def every_page(client: Client, path: str) -> list[dict[str, Any]]:
    items, token = [], None
    while True:
        more = "" if token is None else f"&page_token={token}"
        page = read(client, f"{path}{'&' if '?' in path else '?'}page_size=3{more}")
        items += page["items"]
        token = page.get("next_page_token")
        if token is None:
            return items


def test_the_trial_balance_is_each_accounts_balance_and_both_sides_are_equal(
    client: Client,
) -> None:
    known_at = client.pay(client.open_loan(amount_minor="700"), amount_minor="900")["posted_at"]
    told = read(client, f"/v1/trial-balance?known_at={known_at}")
    assert told["known_at"] == known_at
    for item in told["items"]:
        query = f"currency={item['currency']}&layer={item['layer']}&known_at={known_at}"
        account = read(client, f"/v1/accounts/{item['account_code']}/balance?{query}")
        assert {name: account[name] for name in item} == item
    for total in told["totals"]:
        assert total["dr_balance_minor"] == total["cr_balance_minor"]
        own = [
            x
            for x in told["items"]
            if (x["currency"], x["layer"]) == (total["currency"], total["layer"])
        ]
        assert sum(int(x["dr_balance_minor"]) for x in own) == int(total["dr_balance_minor"])
    assert read(client, f"/v1/trial-balance?known_at={known_at}") == told


def test_the_trial_balance_can_be_narrowed(client: Client) -> None:
    client.open_loan(amount_minor="700")
    whole = read(client, "/v1/trial-balance")
    dollars = read(client, "/v1/trial-balance?currency=USD&layer=SETTLED")
    assert dollars["items"] == [
        x for x in whole["items"] if (x["currency"], x["layer"]) == ("USD", "SETTLED")
    ]
    assert len(dollars["totals"]) == 1
    assert read(client, "/v1/trial-balance?currency=XOF") == whole | {"items": [], "totals": []}
    early = read(client, "/v1/trial-balance?as_of_date=2025-12-31")
    assert (early["items"], early["as_of_date"]) == ([], "2025-12-31")


def test_months_go_from_the_first_booking_to_now(client: Client) -> None:
    client.open_loan(amount_minor="700")  # 2026-01-05
    items = read(client, "/v1/periods")["items"]
    assert items[0] == {"period": "2026-01", "status": "open", "closed_at": None}
    assert items[-1]["period"] == f"{datetime.now(UTC):%Y-%m}"
    assert [x["period"] for x in items] == sorted({x["period"] for x in items})
    assert every_page(client, "/v1/periods") == items
    assert every_page(client, "/v1/periods?order=desc") == items[::-1]
    token = read(client, "/v1/periods?page_size=1")["next_page_token"]
    problem(client.get(f"/v1/periods?order=desc&page_token={token}"), 400, "page_token_invalid")


def test_a_loans_state_says_what_was_collected(client: Client) -> None:
    loan = client.open_loan(amount_minor="700")
    client.pay(loan, amount_minor="200")
    told = read(client, f"/v1/loans/{loan['loan_id']}")
    assert told["collected_principal_minor"] == "200"
    assert told["collected_interest_minor"] == told["collected_fees_minor"] == "0"
    assert told["unsettled_minor"] == "700"
    assert told["recovered_minor"] == "0"
    assert (told["opened_on"], told["accrued_through"]) == ("2026-01-05", None)


def test_loans_are_found_by_borrower_and_status(client: Client, other_tenant: Client) -> None:
    loan = client.open_loan(amount_minor="700")
    path = f"/v1/loans?borrower_id={loan['borrower_id'].upper()}"
    found = every_page(client, path)
    assert found == [read(client, f"/v1/loans/{loan['loan_id']}")]
    assert every_page(client, f"{path}&status=active") == found
    assert every_page(client, f"{path}&status=paid_off") == []
    assert every_page(other_tenant, path) == []
    client.pay(loan, amount_minor="700")
    assert len(every_page(client, f"{path}&status=paid_off")) == 1


def test_all_loans_are_told_once(client: Client) -> None:
    opened = {client.open_loan(amount_minor="7")["loan_id"] for _ in range(8)}
    ids = [one["loan_id"] for one in every_page(client, "/v1/loans")]
    assert ids == sorted(set(ids))
    assert opened <= set(ids)
    back = [one["loan_id"] for one in every_page(client, "/v1/loans?order=desc")]
    assert back == ids[::-1]


def test_a_loan_that_is_opened_after_the_first_page_is_not_in_the_listing(client: Client) -> None:
    for _ in range(3):
        client.open_loan(amount_minor="7")
    first = read(client, "/v1/loans?page_size=1")
    before = {one["loan_id"] for one in every_page(client, "/v1/loans")}
    late = {client.open_loan(amount_minor="7")["loan_id"] for _ in range(8)}
    told, token = first["items"], first["next_page_token"]
    while token is not None:
        page = read(client, f"/v1/loans?page_size=2&page_token={token}")
        told, token = told + page["items"], page.get("next_page_token")
    ids = {one["loan_id"] for one in told}
    assert ids == before
    assert not ids & late


def test_a_token_of_loans_belongs_to_its_query(client: Client, other_tenant: Client) -> None:
    for _ in range(2):
        client.open_loan(amount_minor="7")
    token = read(client, "/v1/loans?page_size=1")["next_page_token"]
    for reader, query in (
        (client, f"status=active&page_token={token}"),
        (other_tenant, f"page_token={token}"),
        (client, f"page_token={token[:-2]}AA"),
        (client, "page_token=AAAA"),
    ):
        problem(reader.get(f"/v1/loans?{query}"), 400, "page_token_invalid")
    for path in ("/v1/journal-entries", "/v1/trial-balance"):
        assert client.get(f"{path}?page_token={token}").status_code == 400


def pay(client: Client, loan: dict[str, str], amount_minor: str, **more: str) -> dict[str, Any]:
    body = {
        **loan,
        "amount_minor": amount_minor,
        "currency": "USD",
        "effective_at": "2026-02-02",
        "source_method": "ach",
        **more,
    }
    answer = client.post("/v1/payments", body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_the_journal_is_found_by_reference_byte_for_byte(client: Client) -> None:
    loan, reference = client.open_loan(amount_minor="1000"), f"+é {uuid4()}&x"
    posted = [pay(client, loan, "1", external_ref=reference)["journal_entry_id"] for _ in range(7)]
    quoted = reference.replace("+", "%2B").replace(" ", "+").replace("&", "%26")
    path = f"/v1/journal-entries?external_ref={quoted}"
    assert [x["journal_entry_id"] for x in every_page(client, path)] == posted
    back = every_page(client, f"{path}&order=desc")
    assert [x["journal_entry_id"] for x in back] == posted[::-1]
    assert every_page(client, f"{path}&account_code=1200") == []
    assert len(every_page(client, f"{path}&account_code=1100")) == 7
    entry = read(client, f"/v1/journal-entries/{posted[0]}")
    assert back[-1] == {**entry, "part": 0}


def test_the_journal_stays_in_place_while_entries_arrive(client: Client) -> None:
    loans = [client.open_loan(amount_minor="1000") for _ in range(4)]
    whole = [x["journal_entry_id"] for x in every_page(client, "/v1/journal-entries")]
    page = read(client, "/v1/journal-entries?page_size=5")
    told = [x["journal_entry_id"] for x in page["items"]]
    for turn in range(40):
        if (token := page.get("next_page_token")) is None:
            break
        client.pay(loans[turn % 4], amount_minor="1")
        page = read(client, f"/v1/journal-entries?page_size=5&page_token={token}")
        told += [x["journal_entry_id"] for x in page["items"]]
    assert told == whole[: len(told)]
    if "next_page_token" not in page:
        assert told == whole


def test_another_tenants_journal_is_not_told(client: Client, other_tenant: Client) -> None:
    loan, reference = client.open_loan(amount_minor="1000"), str(uuid4())
    pay(client, loan, "1", external_ref=reference)
    assert every_page(other_tenant, f"/v1/journal-entries?external_ref={reference}") == []


def test_a_statement_runs_from_opening_to_closing_balance(client: Client) -> None:
    loan = client.open_loan(amount_minor="100000")  # 2026-01-05
    pay(client, loan, "3000", effective_at="2026-02-20", description="late <one>")
    pay(client, loan, "1000", effective_at="2026-02-10", external_ref="=ref")
    path = f"/v1/loans/{loan['loan_id']}/statement"
    told = read(client, f"{path}?from_date=2026-02-01&to_date=2026-02-28")
    assert told["opening_balance"]["principal_outstanding_minor"] == "100000"
    assert [x["effective_at"] for x in told["entries"]] == ["2026-02-10", "2026-02-20"]
    assert [x["balance"]["principal_outstanding_minor"] for x in told["entries"]] == [
        "99000",
        "96000",
    ]
    assert told["entries"][0]["external_ref"] == "=ref"
    assert {line["loan_id"] for x in told["entries"] for line in x["lines"]} == {loan["loan_id"]}
    balance = read(client, f"/v1/loans/{loan['loan_id']}/balance")
    assert told["closing_balance"] == {name: balance[name] for name in OWED}
    whole = read(client, path)
    assert (whole["from_date"], len(whole["entries"])) == ("2026-01-05", 3)
    assert whole["opening_balance"] == dict.fromkeys(OWED, "0")
    empty = read(client, f"{path}?to_date=2025-12-31")
    assert (empty["entries"], empty["closing_balance"]) == ([], whole["opening_balance"])


def test_a_statement_comes_as_it_is_asked_for(client: Client) -> None:
    loan = client.open_loan(amount_minor="100000")
    pay(client, loan, "1000", description="<b>=1+1</b>")
    path = f"/v1/loans/{loan['loan_id']}/statement"
    page = client.get(path, {"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "&lt;b&gt;=1+1" in page.text
    table = client.get(path, {"Accept": "text/csv"})
    assert table.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["principal"] for row in rows] == ["0.00", "1000.00", "990.00", "990.00"]
    for answer in (page, table, client.get(path)):
        assert answer.status_code == 200
        assert answer.headers["vary"] == "Accept"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert table.headers["x-content-type-options"] == "nosniff"
    problem(client.get(path, {"Accept": "application/pdf"}), 406, "not_acceptable")
    absent = client.get(f"/v1/loans/{uuid4()}/statement", {"Accept": "text/html"})
    problem(absent, 404, "not_found")


def test_every_read_of_finance_waits_for_the_position_it_is_told(client: Client) -> None:
    loan = client.open_loan(amount_minor="100")
    far = {"HPTS-Min-Position": "0:9223372036854775806"}
    path = f"/v1/loans/{loan['loan_id']}/statement"
    problem(client.get(path, far), 503, "position_not_reached")
    for path in ("/v1/trial-balance", "/v1/periods", "/v1/loans", "/v1/journal-entries"):
        problem(client.get(path, {"HPTS-Min-Position": "4000:1"}), 400, "invalid_parameter")
