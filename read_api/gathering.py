"""Loans for many requests at once: those that arrive while a statement runs share the next one.

A statement costs the driver several times what the database spends on it, and about the same for
one loan as for thirty. A request joins only a statement that has not begun, so it sees everything
that was posted before it came; each statement is one tenant's, as row-level security has it.
"""

import asyncio
from typing import Final
from uuid import UUID

from read_api.store import Row, Store, StoreUnavailable

MOST_AT_ONCE: Final = 200

_NOT_READ: Final = "the loans could not be read"

_Waiting = tuple[int, UUID, "asyncio.Future[Row | None]"]
"""Partition, loan, and who asks."""


class Loans:
    """The loans that are being asked for in this process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[UUID, list[_Waiting]] = {}
        self._serving: dict[UUID, asyncio.Task[None]] = {}

    async def find(self, tenant_id: UUID, *, partition_id: int, loan_id: UUID) -> Row | None:
        """A loan as everything posted has left it; None where the tenant has none such.

        Raises `StoreUnavailable`.
        """
        asked: asyncio.Future[Row | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(tenant_id, []).append((partition_id, loan_id, asked))
        if tenant_id not in self._serving:
            self._serving[tenant_id] = asyncio.create_task(self._serve(tenant_id))
        return await asked

    async def _serve(self, tenant_id: UUID) -> None:
        """Answer until nobody of the tenant waits."""
        try:
            while waiting := self._waiting.pop(tenant_id, None):
                group, rest = waiting[:MOST_AT_ONCE], waiting[MOST_AT_ONCE:]
                if rest:
                    self._waiting[tenant_id] = rest
                await self._answer(tenant_id, group)
        finally:
            del self._serving[tenant_id]
            # After an error that nobody foresaw: who came meanwhile has nobody to serve them.
            _tell(self._waiting.pop(tenant_id, []), StoreUnavailable(_NOT_READ))

    async def _answer(self, tenant_id: UUID, group: list[_Waiting]) -> None:
        fault = StoreUnavailable(_NOT_READ)
        names = {
            "partition_ids": [partition_id for partition_id, _, _ in group],
            "loan_ids": [loan_id for _, loan_id, _ in group],
        }
        try:
            rows = await self._store.read(
                tenant_id, lambda books: books.rows("find_loans", **names)
            )
            found = {row["loan_id"]: row for row in rows}
            for _, loan_id, asked in group:
                if not asked.done():
                    asked.set_result(found.get(loan_id))
        except StoreUnavailable as error:
            fault = error
        finally:
            # Whatever went wrong, nobody is left waiting.
            _tell(group, fault)


def _tell(waiting: list[_Waiting], fault: StoreUnavailable) -> None:
    for _, _, asked in waiting:
        if not asked.done():
            asked.set_exception(fault)
