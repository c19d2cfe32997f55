"""A filled ledger for the session: half a year of everything, and who reads it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, TypeVar
from uuid import UUID

import pytest

from posting_engine.books import Books
from read_api import accounts
from read_api.periods import month_end
from read_api.store import Store
from tests.books.ledger import PARTITIONS
from tests.books.mixed_books import TENANTS, MixedBooks

BATCHES = 170
SEED = 20261126
Sides = dict[accounts.AccountKey, accounts.Sides]
Result = TypeVar("Result")


@dataclass
class FilledLedger:
    """A filled ledger, who reads it, and each closed month's trial balance at its close."""

    mixed: MixedBooks
    admin_dsn: str
    reader_dsn: str
    at_close: dict[tuple[UUID, date], Sides]

    def read(self, work: Callable[[Store], Awaitable[Result]]) -> Result:
        """Work with the read edge's store."""

        async def opened() -> Result:
            store = Store(self.reader_dsn, 2)
            await store.open()
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(opened())


def everything(**narrowed: Any) -> dict[str, Any]:
    """Parameters of a trial balance of everything booked, or less."""
    names = {
        "partition_ids": list(range(PARTITIONS)),
        "account_code": None,
        "currency": None,
        "layer": None,
        "as_of": date.max,
    }
    return {**names, **narrowed}


def trial_balance(
    ledger: FilledLedger, tenant_id: UUID, known_at: datetime | None = None, **narrowed: Any
) -> Sides:
    names = everything(**narrowed)
    return ledger.read(
        lambda store: store.read(tenant_id, lambda s: accounts.sides_at(s, names, known_at))
    )


@pytest.fixture(scope="session")
def filled_ledger(
    fresh_ledger: Callable[[], tuple[str, str]], reader_dsn_of: Callable[[str], str]
) -> Iterator[FilledLedger]:
    """Half a year of everything; each tenant closes its months some time after they end."""
    admin_dsn, engine_dsn = fresh_ledger()
    books = Books(engine_dsn)
    mixed = MixedBooks(books, Random(SEED))
    filled = FilledLedger(mixed, admin_dsn, reader_dsn_of(admin_dsn), {})
    next_end = dict.fromkeys(TENANTS, date(2026, 1, 31))
    for _ in range(BATCHES):
        mixed.post(1)
        for tenant_id, ends_on in next_end.items():
            if mixed.now.date() > ends_on + timedelta(days=mixed.chance.randrange(3, 25)):
                mixed.close(tenant_id, ends_on)
                at_close = trial_balance(filled, tenant_id, as_of=ends_on)
                filled.at_close[tenant_id, ends_on] = at_close
                next_end[tenant_id] = month_end(ends_on + timedelta(days=1))
    mixed.settle()
    yield filled
    books.close()
