"""A waiter that no announcement reaches any more: it asks Postgres, and only for its own."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from ingress_api import steps
from ingress_api.outcomes import Outcomes
from ingress_api.steps import Steps
from ingress_api.store import Store
from schemas import ids
from schemas.codec import Outcome
from tests.edges import bodies_of
from tests.edges.lending import posted, rows, settled_loan, tenant_of
from tests.http import Client

Stack = dict[str, Any]
WITHIN_S = 10


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


def found_by_asking(stack: Stack, within_s: float = WITHIN_S, **expected: Any) -> Any:
    """What a waiter finds that begins to wait when everything has been announced already."""

    async def ask() -> list[Outcome] | None:
        store = Store(stack["postgres_dsn"], connections=2)
        await store.open()
        outcomes = Outcomes(stack["kafka_bootstrap"], 0, store, pytest.fail)
        assert await outcomes.start() is None
        try:
            with outcomes.expect(**expected) as waiter:
                return await waiter.wait(asyncio.get_running_loop().time() + within_s)
        finally:
            await outcomes.close()
            await store.close()

    return asyncio.run(ask())


def test_the_steps_of_a_refinance_are_found_by_asking(stack: Stack, client: Client) -> None:
    key = f"refinance:{uuid4()}"
    body = bodies_of.refinance(settled_loan(client)["loan_id"])
    command_id = UUID(posted(client, "/v1/refinances", body, key=key)["correlation_id"])
    found = found_by_asking(
        stack,
        tenant_id=UUID(tenant_of(client)),
        command_id=command_id,
        partition_id=partition_of(stack, key),
        idempotency_key=key,
        steps=Steps(steps.REFINANCE, 3),
    )
    assert {one.idempotency_key for one in found} == {key, f"{key}/payoff", f"{key}/opening"}
    assert {one.correlation_id for one in found} == {command_id}


def test_a_batch_is_found_by_asking_once_all_of_it_is_known(stack: Stack, client: Client) -> None:
    loans = [UUID(settled_loan(client)["loan_id"]) for _ in range(3)]
    body = bodies_of.accrual(*loans, *(uuid4() for _ in range(20)))
    key = f"accrual:{uuid4()}"
    result = posted(client, "/v1/accruals/batch", body, key=key)
    command_id = UUID(result["correlation_id"])
    chunks = int(
        rows(
            stack,
            "SELECT count(*) FROM hpts.command_outcomes WHERE correlation_id = %s",
            str(command_id),
        )[0][0]
    )
    batch = {
        "tenant_id": UUID(tenant_of(client)),
        "command_id": command_id,
        "partition_id": ids.IN_PARTS,
        "idempotency_key": key,
    }
    found = found_by_asking(stack, **batch, steps=Steps(steps.ACCRUAL, chunks))
    assert len(found) == chunks
    assert not any("rejections" in one.result for one in found)
    assert steps.ACCRUAL.total(found, command_id) == result
    more = found_by_asking(stack, 2, **batch, steps=Steps(steps.ACCRUAL, chunks + 1))
    assert more is None


def partition_of(stack: Stack, key: str) -> int:
    query = "SELECT partition_id FROM hpts.command_outcomes WHERE idempotency_key = %s"
    return int(rows(stack, query, key)[0][0])


def test_a_request_in_steps_learns_that_another_command_has_its_key(
    stack: Stack, client: Client
) -> None:
    key = f"fee:{uuid4()}"
    posted(client, "/v1/fees", bodies_of.fee(settled_loan(client)["loan_id"]), key=key)
    own = UUID(int=ids.IN_PARTS << 64 | 8 << 76 | 2 << 62)
    found = found_by_asking(
        stack,
        tenant_id=UUID(tenant_of(client)),
        command_id=own,
        partition_id=partition_of(stack, key),
        idempotency_key=key,
        steps=Steps(steps.REFINANCE, 3),
    )
    assert [one.idempotency_key for one in found] == [key]
    assert found[0].correlation_id != own


def test_a_dry_run_asks_for_nothing(stack: Stack, client: Client) -> None:
    key = f"fee:{uuid4()}"
    result = posted(client, "/v1/fees", bodies_of.fee(settled_loan(client)["loan_id"]), key=key)
    expected = {
        "tenant_id": UUID(tenant_of(client)),
        "command_id": UUID(result["correlation_id"]),
        "partition_id": partition_of(stack, key),
        "idempotency_key": key,
    }
    assert len(found_by_asking(stack, **expected)) == 1
    assert found_by_asking(stack, 1.5, **expected, dry_run_of=bytes(32)) is None
