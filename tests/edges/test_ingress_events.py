"""Every event over HTTP: refused where its books are missing, and remembered like any other."""

from collections import Counter
from typing import Any
from uuid import uuid4

import pytest

from tests.edges import bodies_of
from tests.edges.lending import posted, settled_loan
from tests.edges.test_ingress_idempotency import at_once
from tests.http import Client

Stack = dict[str, Any]


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


REFUSED = {
    "/v1/disbursement-settlements": "event_not_found",
    "/v1/payment-allocations": "loan_not_found",
    "/v1/payment-returns": "event_not_found",
    "/v1/fees": "loan_not_found",
    "/v1/fee-waivers": "loan_not_found",
    "/v1/charge-offs": "loan_not_found",
    "/v1/recoveries": "loan_not_found",
    "/v1/restructures": "loan_not_found",
    "/v1/refinances": "loan_not_found",
}


@pytest.mark.parametrize(("path", "code"), REFUSED.items())
def test_what_names_nothing_is_refused_for_ever(client: Client, path: str, code: str) -> None:
    body = bodies_of.full(path)
    key = f"refused:{uuid4()}"
    first, again = (client.post(path, body, key=key) for _ in range(2))
    for answer in (first, again):
        assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
        assert answer.json()["command_id"] == first.json()["command_id"]
    assert again.headers["idempotency-replayed"] == "true"
    state = client.get(f"/v1/commands/{first.json()['command_id']}").json()
    assert (state["status"], state["problem"]["code"]) == ("rejected", code)


def test_a_settlement_and_a_return_must_name_their_own_loan(client: Client) -> None:
    loan = {"loan_id": str(uuid4()), "borrower_id": str(uuid4())}
    disbursed = posted(client, "/v1/disbursements", bodies_of.disbursement() | loan)
    paid = client.pay(loan, amount_minor="5000")
    for path, body in (
        ("/v1/disbursement-settlements", bodies_of.settlement(disbursed["disbursement_event_id"])),
        ("/v1/payment-returns", bodies_of.payment_return(paid["payment_event_id"])),
    ):
        other = client.post(path, body | {"loan_id": str(uuid4())})
        assert (other.status_code, other.json()["code"]) == (422, "event_not_found")
        assert client.post(path, body | {"loan_id": loan["loan_id"].upper()}).status_code == 201


def test_a_disbursement_is_settled_in_parts_and_no_further(client: Client) -> None:
    disbursed = posted(client, "/v1/disbursements", bodies_of.disbursement())
    part = bodies_of.settlement(
        disbursed["disbursement_event_id"], amount_minor="40000", currency="USD"
    )
    posted(client, "/v1/disbursement-settlements", part)
    over = client.post("/v1/disbursement-settlements", part | {"amount_minor": "60001"})
    assert (over.status_code, over.json()["code"]) == (422, "amount_exceeds_unsettled")
    rest = bodies_of.settlement(disbursed["disbursement_event_id"])
    posted(client, "/v1/disbursement-settlements", rest)


ADJUSTMENTS = [
    ("unbalanced", [("1000", "DR", "100"), ("3000", "CR", "99")]),
    ("account_not_found", [("9999", "DR", "100"), ("3000", "CR", "100")]),
    ("account_not_found", [("0000", "DR", "100"), ("3000", "CR", "100")]),
    ("account_not_adjustable", [("2000", "DR", "100"), ("3000", "CR", "100")]),
    ("loan_required", [("1100", "DR", "100"), ("3000", "CR", "100")]),
]


@pytest.mark.parametrize(("code", "lines"), ADJUSTMENTS)
def test_an_adjustment_that_cannot_be(
    client: Client, code: str, lines: list[tuple[str, str, str]]
) -> None:
    body = bodies_of.adjustment() | {"lines": [bodies_of.line(*one) for one in lines]}
    answer = client.post("/v1/manual-adjustments", body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_an_adjustment_of_200_lines_in_all_layers_without_a_loan(client: Client) -> None:
    lines = [
        bodies_of.line(code, direction, "999999999999999") | {"layer": layer}
        for layer in ("SETTLED", "PENDING", "ENCUMBRANCE") * 33
        for code, direction in (("1000", "DR"), ("3000", "CR"))
    ]
    lines += [bodies_of.line("1000", "DR", "1"), bodies_of.line("3000", "CR", "1")]
    assert len(lines) == 200
    body = bodies_of.adjustment() | {"lines": lines, "description": "é" * 255}
    result = posted(client, "/v1/manual-adjustments", body)
    assert "balance" not in result
    back = client.reverse(result["journal_entry_id"])
    assert back.status_code == 201, back.text


def test_an_adjustment_opens_a_loan(client: Client) -> None:
    body = bodies_of.migration()
    result = posted(client, "/v1/manual-adjustments", body)
    assert result["balance"]["loan_id"] == body["loan_id"]
    assert result["balance"]["principal_outstanding_minor"] == "750000"
    paid = {"loan_id": body["loan_id"], "borrower_id": body["borrower_id"]}
    assert client.pay(paid, amount_minor="750000")["balance"]["status"] == "paid_off"


def test_a_key_belongs_to_one_route(client: Client) -> None:
    loan = settled_loan(client)
    key = f"shared:{uuid4()}"
    body = bodies_of.money(loan["loan_id"], source_method="ach")
    first = client.post("/v1/recoveries", body, key=key)
    assert first.json()["code"] == "loan_not_charged_off"
    fee = bodies_of.fee(loan["loan_id"])
    other = client.post("/v1/fees", fee, key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")


@pytest.mark.parametrize("path", ["/v1/fees", "/v1/charge-offs", "/v1/refinances"])
def test_20_copies_at_once_post_one(stack: Stack, client: Client, path: str) -> None:
    loan = settled_loan(client)
    body = bodies_of.SOUND[path](loan["loan_id"])
    answers = at_once(client, path, body, f"copies:{uuid4()}", 20)
    counts = Counter(answer.status_code for answer in answers)
    assert counts[201] == 1, counts
    assert set(counts) <= {200, 201, 409}
    assert len({answer.content for answer in answers if answer.status_code in (200, 201)}) == 1
    entries = client.get(f"/v1/loans/{loan['loan_id']}/journal-entries").json()["items"]
    assert len(entries) == 3, "the disbursement, its settlement, and this one"


def test_the_largest_amounts_on_the_first_day_are_posted_or_refused(client: Client) -> None:
    loan = {"loan_id": str(uuid4()), "borrower_id": str(uuid4())}
    most = {"amount_minor": "9" * 15, "effective_at": "0001-01-01"}
    disbursed = posted(client, "/v1/disbursements", bodies_of.disbursement() | loan | most)
    settle = bodies_of.settlement(disbursed["disbursement_event_id"], effective_at="0001-01-01")
    posted(client, "/v1/disbursement-settlements", settle)
    again = client.post("/v1/disbursements", bodies_of.disbursement() | loan | most)
    assert (again.status_code, again.json()["code"]) == (422, "balance_out_of_range")
    posted(client, "/v1/fees", bodies_of.fee(loan["loan_id"]) | most)
    refused = {
        "/v1/refinances": ({"effective_at": "0001-01-01"}, "balance_out_of_range"),
        "/v1/restructures": (
            {"capitalize_interest_minor": "0", "capitalize_fees_minor": "1"},
            "balance_out_of_range",
        ),
        "/v1/payment-allocations": (most, "amount_exceeds_suspense"),
        "/v1/recoveries": (most, "loan_not_charged_off"),
    }
    for path, (change, code) in refused.items():
        answer = client.post(path, bodies_of.SOUND[path](loan["loan_id"]) | change)
        assert (answer.status_code, answer.json()["code"]) == (422, code), path
    for _ in range(3):
        posted(client, "/v1/payments", bodies_of.payment() | loan | most)
    over = client.post("/v1/payments", bodies_of.payment() | loan | most)
    assert over.status_code == 422, over.text
    charged = client.post("/v1/charge-offs", bodies_of.charge_off(loan["loan_id"]))
    assert (charged.status_code, charged.json()["code"]) == (422, "suspense_outstanding")
