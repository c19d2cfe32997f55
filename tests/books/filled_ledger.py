"""A filled ledger for the session: half a year of everything, and who reads it."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
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
    """A filled ledger, the read edge's store on it, and each closed month's trial balance then."""

    mixed: MixedBooks
    admin_dsn: str
    store: Store
    loop: asyncio.AbstractEventLoop
    at_close: dict[tuple[UUID, date], Sides]

    def read(self, work: Callable[[Store], Awaitable[Result]]) -> Result:
        """Work with the read edge's store."""
        return self.loop.run_until_complete(work(self.store))


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
    loop = asyncio.new_event_loop()
    store = Store(reader_dsn_of(admin_dsn), 2)
    loop.run_until_complete(store.open())
    filled = FilledLedger(mixed, admin_dsn, store, loop, {})
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
    _stand_at_the_end(books, mixed.now + timedelta(minutes=1))
    yield filled
    loop.run_until_complete(store.close())
    loop.close()
    books.close()


def _stand_at_the_end(books: Books, reached_at: datetime) -> None:
    """What an engine notes that has applied all there is: reads of its last instants may go on."""
    held = books.take_leases(range(PARTITIONS), "a test")
    at_end = [replace(position, reached_at=reached_at) for position in held.values()]
    ends = {position.partition_id: position.next_offset for position in at_end}
    books.note_ends(at_end, ends, ends)
