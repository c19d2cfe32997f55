"""Reservations of idempotency keys: one durable commit for many requests.

Requests that arrive while a commit is under way share the next one. A key is promised to one
command before that command is produced, so a retry, here or in another process, finds the
command id and never makes a second one.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from ingress_api.lasting import OnFatal, lasting_task
from ingress_api.store import Reservation, Store, StoreUnavailable

MOST_AT_ONCE: Final = 500
RESERVE_WITHIN_S: Final = 8.0
_TRIES: Final = 5

_Waiting = tuple[Reservation, "asyncio.Future[datetime | None]"]


class Reservations:
    """The keys of this process's requests. `start` before use, `close` after."""

    def __init__(self, store: Store, on_fatal: OnFatal) -> None:
        self._store = store
        self._on_fatal = on_fatal
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._grouping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to reserve."""
        self._grouping = lasting_task(
            self._reserve_forever(), name="reserve keys", on_fatal=self._on_fatal
        )

    async def close(self) -> None:
        """Stop; nobody may be waiting."""
        if self._grouping is not None:
            self._grouping.cancel()

    async def reserve(self, wanted: Reservation) -> tuple[Reservation, bool]:
        """Reserve a key: the reservation that now holds it, and whether it is our own."""
        for _ in range(_TRIES):
            if self._grouping is None or self._grouping.done():
                raise StoreUnavailable("keys are not reserved now")
            reserved: asyncio.Future[datetime | None]
            reserved = asyncio.get_running_loop().create_future()
            self._waiting.append((wanted, reserved))
            self._arrived.set()
            try:
                async with asyncio.timeout(RESERVE_WITHIN_S):
                    sent_at = await reserved
            except TimeoutError:
                # It may be reserved yet, with no command: a retry takes it over after 30 s.
                raise StoreUnavailable("the key was not reserved in time") from None
            if sent_at is not None:
                return replace(wanted, sent_at=sent_at), True
            holder = await self.find(wanted.tenant_id, wanted.idempotency_key)
            # None: it was given back between the two statements.
            if holder is not None:
                return holder, False
        raise StoreUnavailable("the key is being reserved and released over and over")

    async def find(self, tenant_id: UUID, idempotency_key: str) -> Reservation | None:
        """Who holds a key."""
        return await self._store.reservation(tenant_id, idempotency_key)

    async def take_over(self, stale: Reservation) -> Reservation | None:
        """Become the sender of a stale reservation's command; None: another retry did."""
        row = await self._store.one("take_over", _holder(stale))
        return None if row is None else replace(stale, sent_at=row["sent_at"])

    async def release(self, own: Reservation) -> None:
        """Give a key back whose command was certainly not sent, if it is still our own."""
        await self._store.run("release", _holder(own))

    async def _reserve_forever(self) -> None:
        try:
            while True:
                await self._arrived.wait()
                self._arrived.clear()
                while self._waiting:
                    await self._reserve_group()
        finally:
            _fail([reserved for _, reserved in self._waiting])

    async def _reserve_group(self) -> None:
        group: dict[tuple[UUID, str], _Waiting] = {}
        late: list[asyncio.Future[datetime | None]] = []
        while self._waiting and len(group) < MOST_AT_ONCE:
            wanted, reserved = self._waiting.popleft()
            if reserved.cancelled():
                continue
            name = (wanted.tenant_id, wanted.idempotency_key)
            if name in group:
                # The same key twice in one commit: the second finds the first.
                late.append(reserved)
            else:
                group[name] = (wanted, reserved)
        names = sorted(group)
        try:
            taken = await self._store.reserve([group[name][0] for name in names])
            for name in names:
                _answer(group[name][1], taken.get(name))
            for reserved in late:
                _answer(reserved, None)
        except StoreUnavailable:
            return
        finally:
            # Whatever went wrong, nobody is left waiting.
            _fail([*late, *(reserved for _, reserved in group.values())])


def _holder(reservation: Reservation) -> dict[str, object]:
    names = ("tenant_id", "idempotency_key", "sent_at")
    return {name: getattr(reservation, name) for name in names}


def _answer(reserved: "asyncio.Future[datetime | None]", sent_at: datetime | None) -> None:
    if not reserved.done():
        reserved.set_result(sent_at)


def _fail(unanswered: Iterable["asyncio.Future[datetime | None]"]) -> None:
    for reserved in unanswered:
        if not reserved.done():
            reserved.set_exception(StoreUnavailable("the key could not be reserved"))
