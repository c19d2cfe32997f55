"""What an operator sets for a tenant: by which order its payments are allocated."""

from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.edges import bodies_of
from tests.edges.lending import posted, settled_loan, tenant_of
from tests.edges.new_tenant import client_of_new_tenant
from tests.http import Client

Stack = dict[str, Any]


@pytest.fixture
def client(stack: Stack, stack_dir: Path) -> Client:
    return client_of_new_tenant(stack, stack_dir)


def choose(stack: Stack, client: Client, waterfall_version: int) -> None:
    """Before the tenant's first request: settings are kept for some seconds."""
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        connection.execute(
            "INSERT INTO hpts_edge.tenant_settings (tenant_id, waterfall_version) VALUES (%s, %s)",
            (tenant_of(client), waterfall_version),
        )


def test_a_tenant_that_chose_interest_first_has_it_paid_before_fees(
    stack: Stack, client: Client
) -> None:
    choose(stack, client, 2)
    loan = settled_loan(client)
    posted(client, "/v1/fees", bodies_of.fee(loan["loan_id"]))
    paid = posted(client, "/v1/payments", bodies_of.payment() | loan)
    explained = paid["allocation"]["explained"]
    assert [part["receivable"] for part in explained] == ["interest", "fees", "principal"]
    assert {part["rule"] for part in explained} == {"waterfall/2"}


def test_an_order_that_this_build_does_not_know_never_reaches_the_log(
    stack: Stack, client: Client
) -> None:
    choose(stack, client, 999)
    answer = client.post("/v1/payments", bodies_of.payment())
    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        halted = connection.execute(
            "SELECT partition_id FROM hpts.partitions WHERE halted_because IS NOT NULL"
        ).fetchall()
    assert halted == []
