"""Accrual batches over HTTP: totals, rejections, progress, replay and reversal."""

import time
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.edges import bodies_of
from tests.http import Client

Stack = dict[str, Any]


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


def batch(client: Client, *, good: int, bad: int, interest: str = "822") -> dict[str, Any]:
    loans = [client.open_loan(amount_minor="100000")["loan_id"] for _ in range(good)]
    body = bodies_of.accrual(*(UUID(one) for one in loans), *(uuid4() for _ in range(bad)))
    for loan in body["loans"]:
        loan["interest_minor"] = interest
    return body


def test_a_batch_posts_what_can_accrue_and_lists_the_rest(client: Client) -> None:
    body = batch(client, good=5, bad=3)
    body["loans"][0]["outstanding_principal_minor"] = "99999"
    key = f"accrual:{uuid4()}"
    first = client.post("/v1/accruals/batch", body, key=key)
    assert first.status_code == 201, first.text
    result = first.json()
    assert (result["loan_count"], result["rejected_count"]) == (5, 3)
    assert (result["total_accrued_minor"], result["principal_mismatch_count"]) == ("4110", 1)
    assert first.headers["location"] == f"/v1/journal-entries/{result['journal_entry_id']}"
    assert first.headers["hpts-position"]
    again = client.post("/v1/accruals/batch", body, key=key)
    assert (again.status_code, again.content) == (200, first.content)

    event_id = result["accrual_event_id"]
    progress = client.get(f"/v1/accruals/{event_id}").json()
    assert progress["status"] == "posted_with_rejections"
    assert (progress["expected_loan_count"], progress["expected_total_minor"]) == (8, "6576")
    assert (progress["loan_count"], progress["total_accrued_minor"]) == (5, "4110")
    assert (progress["rejected_count"], progress["rejected_total_minor"]) == (3, "2466")
    assert progress["chunks_done"] == progress["chunks_total"]
    assert progress["posted_at"] == result["posted_at"]

    rejected = {loan["loan_id"] for loan in body["loans"][5:]}
    for order in ("asc", "desc"):
        items = pages(client, event_id, order)
        assert {item["loan_id"] for item in items} == rejected
        assert {(item["code"], item["step"]) for item in items} == {("loan_not_found", "accrual")}
    assert pages(client, event_id, "asc") == pages(client, event_id, "desc")[::-1]


def test_a_batch_that_ingress_did_not_take_in_is_read_from_its_outcomes(
    stack: Stack, client: Client
) -> None:
    body = batch(client, good=4, bad=2)
    event_id = client.post("/v1/accruals/batch", body).json()["accrual_event_id"]
    known = client.get(f"/v1/accruals/{event_id}")
    rejected = pages(client, event_id, "asc")
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        connection.execute(
            "DELETE FROM hpts_edge.accrual_batches WHERE accrual_event_id = %s", [event_id]
        )
    left = client.get(f"/v1/accruals/{event_id}")
    assert left.json().items() < known.json().items()
    assert known.json().keys() - left.json().keys() == {
        *("program_id", "accrual_date", "currency", "expected_loan_count", "expected_total_minor"),
        *("rejected_total_minor", "accepted_at"),
    }
    assert left.headers["hpts-position"] == known.headers["hpts-position"]
    assert pages(client, event_id, "asc") == rejected
    assert len(rejected) == 2


def test_a_batch_of_which_a_chunk_was_resumed_is_known_from_there_on(
    stack: Stack, client: Client
) -> None:
    """Nothing short of a bug holds a whole chunk, so its outcome is made one of a resumed one."""
    answer = client.post("/v1/accruals/batch", batch(client, good=1, bad=0))
    event_id = answer.json()["accrual_event_id"]
    partition_id, offset = answer.headers["hpts-position"].split(":")
    resumed = (
        "UPDATE hpts.command_outcomes SET resumed_offset = %s"
        " WHERE partition_id = %s AND accrual_event_id = %s"
    )
    with psycopg.connect(stack["postgres_dsn"], autocommit=True) as connection:
        connection.execute(resumed, [int(offset) + 7, partition_id, event_id])
        progress = client.get(f"/v1/accruals/{event_id}")
        connection.execute(resumed, [None, partition_id, event_id])
    assert progress.headers["hpts-position"] == f"{partition_id}:{int(offset) + 7}"


def pages(client: Client, event_id: str, order: str) -> list[dict[str, Any]]:
    """All rejections, read one a page."""
    items: list[dict[str, Any]] = []
    path = f"/v1/accruals/{event_id}/rejections?page_size=1&order={order}"
    token = ""
    while True:
        answer = client.get(path + token)
        assert answer.status_code == 200, answer.text
        items += answer.json()["items"]
        if "next_page_token" not in answer.json():
            return items
        token = f"&page_token={answer.json()['next_page_token']}"


def test_a_page_token_belongs_to_its_query(client: Client) -> None:
    tokens = []
    events = []
    for _ in range(2):
        result = client.post("/v1/accruals/batch", batch(client, good=1, bad=2)).json()
        events.append(result["accrual_event_id"])
        page = client.get(f"/v1/accruals/{events[-1]}/rejections?page_size=1").json()
        tokens.append(page["next_page_token"])
    path = f"/v1/accruals/{events[0]}/rejections?page_token="
    assert client.get(path + tokens[0]).status_code == 200
    spoiled = [tokens[1], tokens[0] + "!", tokens[0][:-2], tokens[0].swapcase(), "", "x", "é"]
    for token in [*spoiled, f"{tokens[0]}&order=desc"]:
        answer = client.get(path + token)
        assert answer.json()["code"] == "page_token_invalid", token


@pytest.mark.parametrize(
    "query", ["page_size=0", "page_size=501", "page_size=1e1", "page_size=", "order=up", "x=1",
              "page_size=1&page_size=1", "page_size=%D9%A1"],
)  # fmt: skip
def test_a_malformed_paging_parameter_is_400(client: Client, query: str) -> None:
    answer = client.get(f"/v1/accruals/{uuid4()}/rejections?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


def test_a_batch_of_which_every_loan_is_refused_is_422_for_ever(client: Client) -> None:
    body = batch(client, good=0, bad=3)
    key = f"accrual:{uuid4()}"
    answers = [client.post("/v1/accruals/batch", body, key=key) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert [answer.json()["code"] for answer in answers] == ["accrual_rejected"] * 2
    event_id = answers[0].json()["accrual_event_id"]
    assert len(pages(client, event_id, "asc")) == 3


def test_a_batch_of_zeros_has_no_entry(client: Client) -> None:
    answer = client.post("/v1/accruals/batch", batch(client, good=2, bad=0, interest="0"))
    assert answer.status_code == 201
    assert answer.json()["journal_entry_id"] is None
    assert (answer.json()["loan_count"], answer.json()["total_accrued_minor"]) == (2, "0")


def test_a_date_accrues_once(client: Client) -> None:
    body = batch(client, good=1, bad=0)
    assert client.post("/v1/accruals/batch", body).status_code == 201
    answer = client.post("/v1/accruals/batch", body)
    assert answer.json()["code"] == "accrual_rejected"
    codes = [item["code"] for item in pages(client, answer.json()["accrual_event_id"], "asc")]
    assert codes == ["already_accrued"]


def test_a_thousand_loans_that_do_not_exist_and_some_that_do(client: Client) -> None:
    body = batch(client, good=3, bad=9_997)
    answer = client.post("/v1/accruals/batch", body, headers={"Prefer": "wait=60"})
    assert answer.status_code == 201, answer.text
    assert (answer.json()["loan_count"], answer.json()["rejected_count"]) == (3, 9_997)


def test_a_batch_answered_at_once_tells_its_progress(client: Client) -> None:
    body = batch(client, good=4, bad=0)
    headers = {"Prefer": "respond-async"}
    answer = client.post("/v1/accruals/batch", body, headers=headers)
    assert answer.status_code == 202
    event_id = answer.json()["accrual_event_id"]
    assert answer.headers["location"] == f"/v1/accruals/{event_id}"
    deadline = time.monotonic() + 30
    seen = []
    while time.monotonic() < deadline:
        progress = client.get(f"/v1/accruals/{event_id}").json()
        seen.append(progress["status"])
        if progress["status"] != "posting":
            break
    assert seen[-1] == "posted"
    state = client.get(f"/v1/commands/{answer.json()['command_id']}").json()
    assert (state["status"], state["result"]["accrual_event_id"]) == ("posted", event_id)


def test_another_tenants_batch_is_as_none(stack: Stack, client: Client) -> None:
    result = client.post("/v1/accruals/batch", batch(client, good=1, bad=1)).json()
    other = Client.of(stack, 1)
    for path in ("", "/rejections"):
        answer = other.get(f"/v1/accruals/{result['accrual_event_id']}{path}")
        assert answer.status_code == 404
    assert other.reverse(result["journal_entry_id"]).json()["code"] == "entry_not_found"


def test_a_batch_is_reversed_whole_and_once(stack: Stack, client: Client) -> None:
    body = batch(client, good=6, bad=0)
    entry_id = client.post("/v1/accruals/batch", body).json()["journal_entry_id"]
    reversed_once = client.reverse(entry_id)
    assert reversed_once.status_code == 201, reversed_once.text
    assert reversed_once.json()["loan_count"] == 6
    assert reversed_once.json()["reverses_entry_id"] == entry_id
    again = client.reverse(entry_id)
    assert (again.status_code, again.json()["code"]) == (409, "already_reversed")
    for loan in body["loans"]:
        assert interest_of(stack, loan["loan_id"]) == 0


def interest_of(stack: Stack, loan_id: str) -> int:
    """A loan's interest receivable, by the books themselves."""
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        found = connection.execute(
            "SELECT interest_minor FROM hpts.loans WHERE loan_id = %s", [loan_id]
        ).fetchone()
    assert found is not None
    return int(found[0])


def test_a_reversal_of_a_batch_is_refused_where_it_was_posted(client: Client) -> None:
    entry_id = client.post("/v1/accruals/batch", batch(client, good=2, bad=0)).json()[
        "journal_entry_id"
    ]
    undone = client.reverse(entry_id)
    refused = client.reverse(undone.json()["journal_entry_id"])
    assert (refused.status_code, refused.json()["code"]) == (422, "reversal_of_reversal")
    state = client.get(f"/v1/commands/{refused.json()['command_id']}")
    partitions = {place.split(":")[0] for place in undone.headers["hpts-position"].split(",")}
    assert state.headers["hpts-position"].split(":")[0] in partitions


def test_a_batch_that_is_still_posting_is_reversed_whole_or_not_yet(client: Client) -> None:
    body = batch(client, good=16, bad=5_000)
    headers = {"Prefer": "respond-async"}
    event_id = client.post("/v1/accruals/batch", body, headers=headers).json()["accrual_event_id"]
    deadline = time.monotonic() + 30
    entry_id = None
    while entry_id is None and time.monotonic() < deadline:
        entry_id = client.get(f"/v1/accruals/{event_id}").json()["journal_entry_id"]
    assert entry_id is not None
    while (answer := client.reverse(entry_id)).status_code != 201 and time.monotonic() < deadline:
        assert (answer.status_code, answer.json()["code"]) == (409, "batch_in_progress")
    assert (answer.status_code, answer.json().get("loan_count")) == (201, 16), answer.text


def test_one_loan_of_a_batch_is_reversed_alone(client: Client) -> None:
    body = batch(client, good=2, bad=0)
    entry_id = client.post("/v1/accruals/batch", body).json()["journal_entry_id"]
    loan_id = body["loans"][0]["loan_id"]
    alone = bodies_of.reversal(entry_id) | {"loan_id": loan_id}
    answer = client.post("/v1/reversals", alone)
    assert answer.status_code == 201, answer.text
    assert answer.json()["balance"]["interest_receivable_minor"] == "0"
    rest = client.reverse(entry_id)
    assert (rest.status_code, rest.json()["loan_count"]) == (201, 1)


def test_the_same_reversal_of_a_batch_is_repeated(client: Client) -> None:
    entry_id = client.post("/v1/accruals/batch", batch(client, good=3, bad=0)).json()[
        "journal_entry_id"
    ]
    key = f"reversal:{uuid4()}"
    answers = [
        client.post("/v1/reversals", bodies_of.reversal(entry_id), key=key) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert answers[0].content == answers[1].content


def capitalised(client: Client, loans: list[dict[str, Any]]) -> set[str]:
    """Turn these loans' interest into principal: no cash that a reversal could give back."""
    for loan in loans:
        restructured = client.post("/v1/restructures", bodies_of.restructure(loan["loan_id"]))
        assert restructured.status_code == 201, restructured.text
    return {loan["loan_id"] for loan in loans}


def test_a_reversal_posts_for_the_loans_that_can_and_lists_the_others(
    stack: Stack, client: Client
) -> None:
    body = batch(client, good=8, bad=1)
    posted = client.post("/v1/accruals/batch", body).json()
    kept = capitalised(client, body["loans"][:3])
    key = f"reversal:{uuid4()}"
    first = client.reverse(posted["journal_entry_id"], key=key)
    assert first.status_code == 201, first.text
    assert (first.json()["loan_count"], first.json()["rejected_count"]) == (5, 3)
    again = client.reverse(posted["journal_entry_id"], key=key)
    assert (again.status_code, again.content) == (200, first.content)

    event_id = posted["accrual_event_id"]
    for order in ("asc", "desc"):
        items = pages(client, event_id, order)
        told = {(one["loan_id"], one["code"], one["step"]) for one in items}
        refused = {(loan_id, "reduced_without_cash", "reversal") for loan_id in kept}
        assert told == refused | {(body["loans"][8]["loan_id"], "loan_not_found", "accrual")}
    assert pages(client, event_id, "asc") == pages(client, event_id, "desc")[::-1]
    for loan in body["loans"][3:8]:
        assert interest_of(stack, loan["loan_id"]) == 0


def test_a_reversal_that_every_loan_refuses_is_422_for_ever(client: Client) -> None:
    body = batch(client, good=4, bad=0)
    entry_id = client.post("/v1/accruals/batch", body).json()["journal_entry_id"]
    capitalised(client, body["loans"])
    key = f"reversal:{uuid4()}"
    for _ in range(2):
        refused = client.reverse(entry_id, key=key)
        assert (refused.status_code, refused.json()["code"]) == (422, "reduced_without_cash")
        assert refused.json()["rejected_count"] == 4
