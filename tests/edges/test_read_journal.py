"""The journal over real HTTP: entries, pages that stay in place, and entries in parts."""

from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any
from uuid import uuid4

import pytest

from tests.http import Client

Stack = dict[str, Any]
LOANS_OF_A_LONG_BATCH = 1_050


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


@pytest.fixture(scope="module")
def other_tenant(stack: Stack) -> Client:
    return Client.of(stack, 1)


def accrue(client: Client, loan_ids: list[str], *, on: str) -> dict[str, Any]:
    body = {
        "program_id": str(uuid4()),
        "accrual_date": on,
        "day_count_convention": "ACT_365",
        "currency": "USD",
        "loans": [
            {"loan_id": one, "outstanding_principal_minor": "0", "interest_minor": "7"}
            for one in loan_ids
        ],
    }
    answer = client.post("/v1/accruals/batch", body, headers={"Prefer": "wait=60"})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def read(client: Client, path: str) -> dict[str, Any]:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_an_entry_is_told_with_its_lines(client: Client) -> None:
    loan = client.open_loan(amount_minor="100")
    body = {
        **loan,
        "amount_minor": "30",
        "currency": "USD",
        "effective_at": "2026-02-02",
        "source_method": "ach",
        "external_ref": "bank\u2009ref é",
        "description": "first",
        "metadata": {"b": "2", "a": "1"},
    }
    posted = client.post("/v1/payments", body).json()
    entry = read(client, f"/v1/journal-entries/{posted['journal_entry_id']}")
    common = {
        "amount_minor": "30",
        "currency": "USD",
        "layer": "SETTLED",
        **loan,
        "external_ref": "bank\u2009ref é",
    }
    assert entry["lines"] == [
        {"sequence": 1, "account_code": "1000", "direction": "DR", **common},
        {"sequence": 2, "account_code": "1100", "direction": "CR", **common},
    ]
    assert entry["event_type"] == "payment_received"
    assert entry["effective_at"] == "2026-02-02"
    assert entry["posted_at"] == posted["posted_at"]
    assert entry["correlation_id"] == posted["correlation_id"]
    assert entry["description"] == "first"
    assert list(entry["metadata"].items()) == [("b", "2"), ("a", "1")]
    assert entry["reverses_entry_id"] is entry["reversed_by_entry_id"] is None
    assert entry["actor"]
    assert "next_page_token" not in entry


def test_a_reversal_and_its_original_name_each_other(client: Client) -> None:
    loan = client.open_loan(amount_minor="100")
    paid = client.pay(loan, amount_minor="40")["journal_entry_id"]
    reversal = client.reverse(paid).json()["journal_entry_id"]
    original, mirrored = (read(client, f"/v1/journal-entries/{one}") for one in (paid, reversal))
    assert original["reversed_by_entry_id"] == reversal
    assert mirrored["reverses_entry_id"] == paid
    assert mirrored["event_type"] == "reversal"
    told = read(client, f"/v1/loans/{loan['loan_id']}/journal-entries")["items"]
    assert [one["reversed_by_entry_id"] for one in told] == [None, reversal, None]


def test_a_loans_journal_is_in_the_order_posted_and_back(client: Client) -> None:
    loan = client.open_loan(amount_minor="100")
    client.pay(loan, amount_minor="10")
    accrue(client, [loan["loan_id"]], on="2026-03-01")
    path = f"/v1/loans/{loan['loan_id']}/journal-entries"
    events = [one["event_type"] for one in read(client, path)["items"]]
    assert events == ["disbursement", "payment_received", "accrual"]
    back = [one["event_type"] for one in read(client, f"{path}?order=desc")["items"]]
    assert back == events[::-1]


def test_a_loans_journal_can_be_narrowed(client: Client) -> None:
    loan = client.open_loan(amount_minor="100")  # 2026-01-05
    client.pay(loan, amount_minor="10")  # 2026-02-02
    accrue(client, [loan["loan_id"]], on="2026-03-01")
    path = f"/v1/loans/{loan['loan_id']}/journal-entries"
    narrowed = {
        "from_date=2026-02-02": ["payment_received", "accrual"],
        "to_date=2026-02-02": ["disbursement", "payment_received"],
        "from_date=2026-02-02&to_date=2026-02-02": ["payment_received"],
        "from_date=2026-03-02": [],
        "event_type=accrual": ["accrual"],
        "event_type=chargeoff": [],
        "event_type=accrual&to_date=2026-02-28": [],
    }
    for query, events in narrowed.items():
        items = read(client, f"{path}?{query}")["items"]
        assert [one["event_type"] for one in items] == events, query


def pages(client: Client, path: str) -> list[list[str]]:
    """The entry ids of every page."""
    told, token = [], None
    while True:
        page = read(client, path if token is None else f"{path}&page_token={token}")
        told.append([one["journal_entry_id"] for one in page["items"]])
        token = page.get("next_page_token")
        if token is None:
            return told


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_neither_skip_nor_repeat_while_entries_arrive(client: Client, order: str) -> None:
    loan = client.open_loan(amount_minor="1000")
    for _ in range(4):
        client.pay(loan, amount_minor="1")
    path = f"/v1/loans/{loan['loan_id']}/journal-entries"
    whole = [one["journal_entry_id"] for one in read(client, f"{path}?order={order}")["items"]]
    page = read(client, f"{path}?order={order}&page_size=2")
    told = [one["journal_entry_id"] for one in page["items"]]
    while (token := page.get("next_page_token")) is not None:
        client.pay(loan, amount_minor="1")
        page = read(client, f"{path}?order={order}&page_size=2&page_token={token}")
        told += [one["journal_entry_id"] for one in page["items"]]
    assert told == whole


def test_pages_of_every_size_tell_the_same(client: Client) -> None:
    loan = client.open_loan(amount_minor="1000")
    for _ in range(4):
        client.pay(loan, amount_minor="1")
    path = f"/v1/loans/{loan['loan_id']}/journal-entries"
    for size in (1, 2, 3, 4, 5, 6, 500):
        told = pages(client, f"{path}?page_size={size}")
        assert list(chain(*told)) == [
            one["journal_entry_id"] for one in read(client, path)["items"]
        ]
        assert all(len(page) == size for page in told[:-1])
        assert told[-1]


def test_a_page_token_belongs_to_its_tenant_query_and_loan(
    client: Client, other_tenant: Client
) -> None:
    loan, second = client.open_loan(amount_minor="1000"), client.open_loan(amount_minor="1000")
    client.pay(loan, amount_minor="1")
    path = f"/v1/loans/{loan['loan_id']}/journal-entries"
    token = read(client, f"{path}?page_size=1")["next_page_token"]
    last = "B" if token[-1] != "B" else "C"
    for reader, query in (
        (client, f"{path}?order=desc&page_token={token}"),
        (client, f"{path}?event_type=accrual&page_token={token}"),
        (client, f"/v1/loans/{second['loan_id']}/journal-entries?page_token={token}"),
        (client, f"{path}?page_token={token[:-1]}{last}"),
        (client, f"{path}?page_token={token}="),
        (client, f"{path}?page_token="),
        (client, f"{path}?page_token=AAAA"),
        (other_tenant, f"{path}?page_token={token}"),
    ):
        answer = reader.get(query)
        assert (answer.status_code, answer.json()["code"]) == (400, "page_token_invalid"), query
    assert len(read(client, f"{path}?page_size=5&page_token={token}")["items"]) == 1


def test_a_batch_is_one_entry_whose_parts_are_told_together(client: Client) -> None:
    loans = [client.open_loan(amount_minor="1000")["loan_id"] for _ in range(30)]
    batch = accrue(client, loans, on="2026-03-01")
    entry = read(client, f"/v1/journal-entries/{batch['journal_entry_id']}")
    debited = [line for line in entry["lines"] if line["direction"] == "DR"]
    credited = [line for line in entry["lines"] if line["direction"] == "CR"]
    assert sorted(line["loan_id"] for line in debited) == sorted(loans)
    assert {line["account_code"] for line in credited} == {"4000"}
    assert sum(int(line["amount_minor"]) for line in credited) == 7 * 30
    assert [line["sequence"] for line in entry["lines"]] == list(
        range(1, len(debited + credited) + 1)
    )
    assert entry["posted_at"] == batch["posted_at"]


def test_a_batch_is_reversed_once_every_loan_of_it_is(client: Client) -> None:
    loans = [client.open_loan(amount_minor="1000")["loan_id"] for _ in range(3)]
    entry_id = accrue(client, loans, on="2026-03-01")["journal_entry_id"]
    one_loan = {
        "reverses_entry_id": entry_id,
        "reason_code": "error_correction",
        "reason_description": "one of three",
        "effective_at": "2026-03-01",
        "loan_id": loans[0],
    }
    single = client.post("/v1/reversals", one_loan).json()["journal_entry_id"]
    assert read(client, f"/v1/journal-entries/{entry_id}")["reversed_by_entry_id"] is None
    shares = read(client, f"/v1/loans/{loans[0]}/journal-entries?event_type=accrual")["items"]
    assert [one["reversed_by_entry_id"] for one in shares] == [single]
    whole = client.reverse(entry_id).json()["journal_entry_id"]
    assert read(client, f"/v1/journal-entries/{entry_id}")["reversed_by_entry_id"] == whole


def test_lines_past_a_thousand_are_on_further_pages(client: Client) -> None:
    with ThreadPoolExecutor(16) as several:
        opened = several.map(
            lambda _: client.open_loan(amount_minor="1000"), range(LOANS_OF_A_LONG_BATCH)
        )
        loans = [one["loan_id"] for one in opened]
    entry_id = accrue(client, loans, on="2026-03-01")["journal_entry_id"]
    first = read(client, f"/v1/journal-entries/{entry_id}")
    assert len(first["lines"]) == 1_000
    token = first.pop("next_page_token")
    second = read(client, f"/v1/journal-entries/{entry_id}?page_token={token}")
    assert "next_page_token" not in second
    lines = first.pop("lines") + second.pop("lines")
    assert first == second
    assert [line["sequence"] for line in lines] == list(range(1, len(lines) + 1))
    debited = [line["loan_id"] for line in lines if line["direction"] == "DR"]
    assert sorted(debited) == sorted(loans)


def test_another_tenants_entry_is_as_one_that_does_not_exist(
    client: Client, other_tenant: Client
) -> None:
    loan = client.open_loan(amount_minor="100")
    paid = client.pay(loan, amount_minor="1")["journal_entry_id"]
    batch = accrue(client, [loan["loan_id"]], on="2026-03-01")["journal_entry_id"]
    for entry_id in (paid, batch, str(uuid4()), f"{paid[:15]}ffe{paid[18:]}"):
        answer = other_tenant.get(f"/v1/journal-entries/{entry_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
