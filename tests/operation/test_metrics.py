"""Every process of the real stack exports what docs/reference/metrics.md says, and it counts."""

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from hpts.reference import metrics
from reconciliation.findings import Kind
from tests.deliveries.endpoints import listen
from tests.deliveries.receiver import Receiver
from tests.http import Client
from tests.operation.scraping import Page, once, scraped

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "metrics.md"
SERVICES_OF = {
    "api": ("ingress_api", "read_api"),
    "engine": ("posting_engine",),
    "deliveries": ("deliveries",),
    "reconciliation": ("reconciliation",),
}
"""Process -> the services in it."""
PARTITIONS = 12

Stack = dict[str, Any]


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


@pytest.mark.parametrize("process", SERVICES_OF)
def test_each_process_exports_what_the_page_says_and_nothing_else_of_ours(
    stack: Stack, process: str
) -> None:
    declared = [
        family for service in SERVICES_OF[process] for family in metrics.families_of(service)
    ]
    page = Page([stack["metrics"][process]])
    exported = {name for name in page.kinds if name.startswith("hpts_")}
    assert exported == {family.name for family in declared}
    for family in declared:
        assert page.kinds[family.name] == family.kind
        assert page.helps[family.name] == family.help
        for name in family.samples:
            for labels in page.labels(name):
                assert set(labels) - {"le"} == set(family.labels)
    assert page.of("process_resident_memory_bytes") > 0
    text = PAGE.read_text(encoding="utf-8")
    assert all(f"`{family.name}" in text for family in declared)


def test_every_process_of_ours_serves_metrics(stack: Stack) -> None:
    assert set(stack["metrics"]) == set(SERVICES_OF)


def test_a_payment_a_refusal_and_a_problem_are_counted_where_they_happen(
    stack: Stack, client: Client
) -> None:
    before = scraped(stack)
    loan = client.open_loan(amount_minor="100000")
    for _ in range(3):
        client.pay(loan, amount_minor="100")
    stranger = {"loan_id": str(uuid4()), "borrower_id": loan["borrower_id"]}
    body = {"amount_minor": "1", "currency": "USD", "effective_at": "2026-02-02"}
    refused = client.post("/v1/payments", {**stranger, **body, "source_method": "ach"})
    assert refused.json()["code"] == "loan_not_found"
    assert client.post("/v1/payments", {}).json()["code"] == "validation_failed"
    assert client.get(f"/v1/loans/{loan['loan_id']}/balance").status_code == 200
    after = scraped(stack)

    def grown(name: str, **labels: str) -> float:
        return after.of(name, **labels) - before.of(name, **labels)

    assert grown("hpts_engine_commands_total", command_type="Payment", status="posted") == 3
    assert grown("hpts_engine_commands_total", command_type="Payment", status="rejected") == 1
    assert grown("hpts_engine_refusals_total", code="loan_not_found") == 1
    assert grown("hpts_engine_batch_records_sum") == 5
    assert grown("hpts_engine_commit_seconds_count") == grown("hpts_engine_batch_records_count") > 0
    route = {"route": "/v1/payments"}
    assert grown("hpts_ingress_request_seconds_count", **route, status="201") == 3
    assert grown("hpts_ingress_request_seconds_count", **route, status="422") == 2
    assert grown("hpts_ingress_problems_total", code="loan_not_found") == 1
    assert grown("hpts_ingress_problems_total", code="validation_failed") == 1
    of_balance = {"route": "/v1/loans/{loan_id}/balance", "status": "200"}
    assert grown("hpts_read_request_seconds_count", **of_balance) == 1
    assert after.of("hpts_ingress_in_flight") == 0


def test_a_night_s_loans_are_counted(stack: Stack, client: Client) -> None:
    loans = [client.open_loan(amount_minor="100000")["loan_id"] for _ in range(3)]
    before = scraped(stack)
    body = {
        "program_id": str(uuid4()),
        "accrual_date": "2026-02-01",
        "day_count_convention": "ACT_365",
        "currency": "USD",
        "loans": [
            {"loan_id": one, "outstanding_principal_minor": "100000", "interest_minor": "10"}
            for one in loans
        ],
    }
    assert client.post("/v1/accruals/batch", body).status_code == 201
    after = scraped(stack)
    name = "hpts_engine_loans_accrued_total"
    assert after.of(name) - before.of(name) == 3


def test_the_books_and_the_engine_say_how_far_every_partition_is(stack: Stack) -> None:
    page = once(stack, lambda page: page.of("hpts_books_seen_timestamp_seconds") > 0)
    page = once(stack, lambda page: len(page.labels("hpts_engine_lag_commands")) == PARTITIONS)
    for name in ("lag_seconds", "lag_commands", "halted", "quarantined_commands"):
        for whose in ("engine", "books"):
            told = {labels["partition"] for labels in page.labels(f"hpts_{whose}_{name}")}
            assert told == {str(number) for number in range(PARTITIONS)}
    assert page.of("hpts_engine_partitions") == PARTITIONS
    assert page.of("hpts_engine_halted") == page.of("hpts_books_halted") == 0
    assert page.of("hpts_engine_invariant_breaks_total", invariant="double_entry") == 0
    assert len(page.labels("hpts_engine_invariant_breaks_total")) == 2
    assert 0 < page.of("hpts_engine_lag_seconds") < PARTITIONS * 30
    assert page.of("hpts_books_seen_timestamp_seconds") > time.time() - 30


def test_what_no_checkpoint_covers_has_an_age(stack: Stack, client: Client) -> None:
    loan = client.open_loan(amount_minor="100000")
    client.pay(loan, amount_minor="100")
    once(stack, lambda page: page.of("hpts_engine_checkpoint_age_seconds") > 0)
    assert len(scraped(stack).labels("hpts_engine_checkpoint_age_seconds")) == PARTITIONS


def test_what_leaves_the_ledger_is_counted_and_its_lag_told(stack: Stack, client: Client) -> None:
    before = scraped(stack)
    receiver = Receiver(lambda path: 410 if path == "/gone" else 200)
    try:
        endpoints = [listen(client, receiver, path) for path in ("/hook", "/gone")]
        client.pay(client.open_loan(amount_minor="100000"), amount_minor="100")

        def grown(page: Page, name: str, **labels: str) -> float:
            return page.of(name, **labels) - before.of(name, **labels)

        attempts, disabled = "hpts_deliveries_webhook_attempts_total", "hpts_deliveries_webhook"
        once(stack, lambda page: grown(page, attempts, outcome="acknowledged") == 2)
        once(stack, lambda page: grown(page, attempts, outcome="refused") >= 1)
        once(stack, lambda page: grown(page, f"{disabled}_endpoints_disabled") == 1)
        page = once(stack, lambda page: grown(page, "hpts_deliveries_published_total") >= 2)
    finally:
        for endpoint in endpoints:
            path = f"/v1/webhook-endpoints/{endpoint['webhook_endpoint_id']}"
            client.http.delete(path, headers={"Authorization": f"Bearer {client.token}"})
        receiver.close()
    assert len(page.labels(attempts)) == 3
    page = once(stack, lambda page: page.of("hpts_deliveries_lag_entries") == 0)
    assert page.of("hpts_deliveries_lag_seconds") == 0
    assert page.of("hpts_deliveries_halted") == 0
    for name in ("lag_entries", "lag_seconds"):
        told = [tuple(labels.values()) for labels in page.labels(f"hpts_deliveries_{name}")]
        numbers = [str(number) for number in range(PARTITIONS)]
        assert sorted(told) == sorted(
            (cursor, number) for cursor in ("journal_topic", "webhooks") for number in numbers
        )
    assert page.of("hpts_deliveries_seen_timestamp_seconds") > time.time() - 30


def test_the_witness_tells_what_it_compares_and_how_far_it_is(stack: Stack, client: Client) -> None:
    before = scraped(stack)
    name = "hpts_reconciliation_entries_checked_total"
    client.open_loan(amount_minor="100000")
    page = once(stack, lambda page: page.of(name) > before.of(name), within_s=60)
    assert page.of("hpts_reconciliation_runs_total") > 0
    page = once(stack, lambda page: page.of("hpts_reconciliation_lag_entries") == 0)
    assert page.of("hpts_reconciliation_lag_seconds") == 0
    assert len(page.labels("hpts_reconciliation_lag_entries")) == PARTITIONS
    kinds = {labels["kind"] for labels in page.labels("hpts_reconciliation_findings")}
    assert kinds == {kind.value for kind in Kind}
    assert page.of("hpts_reconciliation_findings") == 0
    assert 0 < page.of("hpts_reconciliation_complete_age_seconds") < 600


def test_a_made_up_path_makes_no_series(stack: Stack, client: Client) -> None:
    for path in ("/v1/payments/x", f"/v1/commands/{uuid4()}", "/v1/periods/nonsense/close"):
        client.post(path, {})
        client.get(path)
    routes = {
        labels["route"]
        for name in ("hpts_ingress_request_seconds_count", "hpts_read_request_seconds_count")
        for labels in scraped(stack).labels(name)
    }
    assert {"/v1/commands/{command_id}", "/v1/periods/{period}/close"} <= routes
    contract = set(metrics_routes())
    assert routes <= contract, routes - contract


def metrics_routes() -> list[str]:
    """Every path of the published contract."""
    from read_api.app import published

    return list(published()["paths"])
