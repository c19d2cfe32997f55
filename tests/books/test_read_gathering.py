"""Many balance reads at once share statements, and each is answered as if it had been alone."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from read_api.gathering import MOST_AT_ONCE, Loans
from read_api.store import Row, Store, StoreUnavailable
from tests.books.filled_ledger import FilledLedger

Named = tuple[UUID, int, UUID]


@pytest.fixture(scope="module")
def named(filled_ledger: FilledLedger) -> list[Named]:
    """Tenant, partition and id of every loan."""
    with psycopg.connect(filled_ledger.admin_dsn) as admin:
        return admin.execute(
            "SELECT tenant_id, partition_id, loan_id FROM hpts.loans WHERE life > 0 ORDER BY 3"
        ).fetchall()


def found(filled_ledger: FilledLedger, wanted: list[Named]) -> list[Row | None]:
    """What each of these requests finds, all asked at once."""

    async def find(store: Store) -> list[Row | None]:
        loans = Loans(store)
        return await asyncio.gather(
            *(loans.find(tenant, partition_id=p, loan_id=loan) for tenant, p, loan in wanted)
        )

    return filled_ledger.read(find)


def test_each_request_finds_its_own_loan(filled_ledger: FilledLedger, named: list[Named]) -> None:
    wanted = [*named, *reversed(named)] * (1 + MOST_AT_ONCE // len(named))
    assert len(wanted) > MOST_AT_ONCE
    rows = found(filled_ledger, wanted)
    assert [row and row["loan_id"] for row in rows] == [loan for _, _, loan in wanted]
    with psycopg.connect(filled_ledger.admin_dsn) as admin:
        [(principals,)] = admin.execute(
            "SELECT sum(principal_minor) FROM hpts.loans WHERE life > 0"
        ).fetchall()
    told: list[Any] = [row["principal_minor"] for row in rows[: len(named)] if row is not None]
    assert sum(told) == principals


def test_what_the_tenant_does_not_have_is_found_by_nobody(
    filled_ledger: FilledLedger, named: list[Named]
) -> None:
    tenants = {tenant for tenant, _, _ in named}
    assert len(tenants) > 1
    others = [(t, p, loan) for own, p, loan in named for t in tenants if t != own]
    nowhere = [(tenant, p, uuid4()) for tenant, p, _ in named]
    assert found(filled_ledger, others + nowhere) == [None] * len(others + nowhere)


def test_a_caller_that_goes_away_takes_nobody_with_it(
    filled_ledger: FilledLedger, named: list[Named]
) -> None:
    tenant, partition_id, loan_id = named[0]

    async def find(store: Store) -> Row | None:
        loans = Loans(store)
        going, staying = (
            asyncio.create_task(loans.find(tenant, partition_id=partition_id, loan_id=loan_id))
            for _ in range(2)
        )
        await asyncio.sleep(0)
        going.cancel()
        return await staying

    row = filled_ledger.read(find)
    assert row is not None
    assert row["loan_id"] == loan_id


class Faulty(Store):
    """A store that fails in a way that nobody foresaw."""

    async def read(self, tenant_id: UUID, work: Any) -> Any:
        await asyncio.sleep(0)
        raise ValueError(f"for {tenant_id}")


def test_after_an_error_that_nobody_foresaw_nobody_waits_for_ever() -> None:
    async def ask() -> None:
        loans = Loans(Faulty("", 1))
        asked = []
        for _ in range(3):  # the second and third come while the first is being read
            asked.append(
                asyncio.create_task(loans.find(UUID(int=1), partition_id=0, loan_id=uuid4()))
            )
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            answers = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(answer) for answer in answers] == [StoreUnavailable] * 3

    asyncio.run(ask())


def test_without_postgres_everybody_is_told_and_later_ones_are_asked_for_anew() -> None:
    async def ask() -> None:
        store = Store("host=127.0.0.1 port=9 dbname=nowhere connect_timeout=1", 1)
        loans = Loans(store)  # the pool is not open: no connection becomes free
        for _ in range(2):
            answers = await asyncio.gather(
                *(loans.find(UUID(int=1), partition_id=0, loan_id=uuid4()) for _ in range(3)),
                return_exceptions=True,
            )
            assert [type(answer) for answer in answers] == [StoreUnavailable] * 3

    asyncio.run(ask())
