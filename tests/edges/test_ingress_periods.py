"""Closing months over HTTP: once, in order, and what comes late is booked in the open month."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.edges import bodies_of
from tests.edges.lending import posted, rows, settled_loan, tenant_of
from tests.edges.new_tenant import client_of_new_tenant
from tests.edges.test_ingress_idempotency import at_once
from tests.http import Client

Stack = dict[str, Any]


@pytest.fixture
def client(stack: Stack, stack_dir: Path) -> Client:
    return client_of_new_tenant(stack, stack_dir)


def path_of(period: str) -> str:
    return f"/v1/periods/{period}/close"


def close(client: Client, period: str, key: str | None = None) -> tuple[int, Any]:
    answer = client.post(path_of(period), {}, key=key)
    return answer.status_code, answer.json()


def test_a_month_that_ended_is_closed_and_the_answer_repeated(stack: Stack, client: Client) -> None:
    key = f"close:{uuid4()}"
    first, again = (client.post(path_of("2026-01"), {}, key=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200), first.text
    assert first.content == again.content
    assert first.headers["location"] == "/v1/periods"
    result = first.json()
    assert set(result) == {"period", "status", "closed_at", "correlation_id"}
    assert (result["period"], result["status"]) == ("2026-01", "closed")
    closes = rows(
        stack,
        "SELECT closed_through::text, count(*) FROM hpts.closed_periods WHERE tenant_id = %s"
        " GROUP BY closed_through",
        tenant_of(client),
    )
    positions = first.headers["hpts-position"].split(",")
    assert closes == [("2026-01-31", len(positions))], "every partition has closed it"
    state = client.get(f"/v1/commands/{result['correlation_id']}").json()
    assert (state["status"], state["result"]) == ("posted", result)


def test_months_are_closed_in_order_and_once(client: Client) -> None:
    assert close(client, "2025-11")[0] == 201
    assert close(client, "2025-12")[0] == 201
    status, problem = close(client, "2025-12")
    assert (status, problem["code"]) == (409, "period_already_closed")
    status, problem = close(client, "2020-02")
    assert (status, problem["code"]) == (409, "period_already_closed")
    status, problem = close(client, "2026-02")
    assert (status, problem["code"]) == (422, "earlier_period_open")
    assert close(client, "2026-01")[0] == 201


@pytest.mark.parametrize("period", ["today", "9999-12"])
def test_a_month_that_has_not_ended_stays_open(client: Client, period: str) -> None:
    named = f"{datetime.now(UTC):%Y-%m}" if period == "today" else period
    key = f"close:{uuid4()}"
    for _ in range(2):
        status, problem = close(client, named, key)
        assert (status, problem["code"]) == (422, "period_not_ended")
    assert close(client, "0001-01")[1]["period"] == "0001-01"


@pytest.mark.parametrize(
    "period", ["2026-13", "2026-00", "0000-01", "2026-1", "x", "%00", "２026-01"]
)
def test_what_is_no_month_is_400(client: Client, period: str) -> None:
    status, problem = close(client, period)
    assert (status, problem["code"]) == (400, "invalid_parameter")
    assert [error["field"] for error in problem["errors"]] == ["/period"]


@pytest.mark.parametrize("body", [{"period": "2026-01"}, {"metadata": {}}, {"description": "x"}])
def test_a_close_takes_no_member(client: Client, body: dict[str, Any]) -> None:
    answer = client.post(path_of("2026-01"), body)
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [error["code"] for error in answer.json()["errors"]] == ["unknown_field"]


def test_a_close_is_not_tried_and_its_key_is_that_of_its_month(client: Client) -> None:
    dry = client.post(f"{path_of('2025-12')}?dry_run=true", {})
    assert (dry.status_code, dry.json()["code"]) == (422, "dry_run_unsupported")
    key = f"close:{uuid4()}"
    assert close(client, "2025-12", key)[0] == 201
    status, problem = close(client, "2026-01", key)
    assert (status, problem["code"]) == (422, "idempotency_mismatch")


def test_20_closes_at_once_close_once(client: Client) -> None:
    answers = at_once(client, path_of("2026-01"), {}, f"close:{uuid4()}", 20)
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(201) == 1
    assert set(statuses) <= {200, 201, 409}


def test_another_tenants_months_stay_open(stack: Stack, stack_dir: Path, client: Client) -> None:
    assert close(client, "2026-01")[0] == 201
    other = client_of_new_tenant(stack, stack_dir)
    assert close(other, "2026-01")[0] == 201


def test_what_comes_late_counts_for_its_day_and_is_booked_in_the_open_month(
    stack: Stack, client: Client
) -> None:
    loan = settled_loan(client)
    assert close(client, "2026-01")[0] == 201
    paid = {**bodies_of.payment(), **loan, "effective_at": "2026-01-20"}
    entry_id = posted(client, "/v1/payments", paid)["journal_entry_id"]
    dates = rows(
        stack,
        "SELECT effective_on::text, booked_on::text FROM hpts.journal_entries"
        " WHERE journal_entry_id = %s",
        entry_id,
    )
    assert dates == [("2026-01-20", "2026-02-01")]
    owed = {
        day: client.get(f"/v1/loans/{loan['loan_id']}/balance?as_of_date={day}").json()
        for day in ("2026-01-19", "2026-01-20")
    }
    assert owed["2026-01-19"]["principal_outstanding_minor"] == "100000"
    assert owed["2026-01-20"]["principal_outstanding_minor"] == str(100_000 - 11_322)
    adjustment = bodies_of.adjustment(effective_at="2026-01-31")
    late = client.post("/v1/manual-adjustments", adjustment)
    assert (late.status_code, late.json()["code"]) == (422, "period_closed")
    posted(client, "/v1/manual-adjustments", bodies_of.adjustment(effective_at="2026-02-01"))


def test_only_who_may_close_closes(stack: Stack) -> None:
    reader = next(i for i, one in enumerate(stack["clients"]) if "-reader" in one["client_id"])
    status, problem = close(Client.of(stack, reader), "2026-01")
    assert (status, problem["code"]) == (403, "insufficient_scope")
