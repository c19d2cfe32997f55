"""Reservations of idempotency keys: one durable commit for many requests.

Requests that arrive while a commit is under way share the next one. A key is promised to one
command before that command is produced, so a retry, here or in another process, finds the
command id and never makes a second one.

Under load a group waits a little for more, by how many the last one had: a commit, and what
follows it in the log, costs the same for one request as for forty. A client that is alone never
waits.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from ingress_api.lasting import OnFatal, lasting_task
from ingress_api.reservation import Reservation
from ingress_api.store import Store, StoreUnavailable

MOST_AT_ONCE: Final = 500
RESERVE_WITHIN_S: Final = 8.0
_TRIES: Final = 5

LINGER_A_REQUEST_S: Final = 0.000_1
LEAST_LINGER_S: Final = 0.000_5
MOST_LINGER_S: Final = 0.003

Then = Callable[[bool], None]
"""What is done at once with a key that is now one's own, before anybody else is served; it is told
whether the key was alone in its commit.
"""


@dataclass(slots=True, eq=False)
class _Waiting:
    wanted: Reservation
    then: Then | None
    reserved: "asyncio.Future[datetime | None]"


class Reservations:
    """The keys of this process's requests. `start` before use, `close` after."""

    def __init__(self, store: Store, on_fatal: OnFatal) -> None:
        self._store = store
        self._on_fatal = on_fatal
        self._waiting: deque[_Waiting] = deque()
        self._arrived = asyncio.Event()
        self._last_size = 0
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

    async def reserve(
        self, wanted: Reservation, then: Then | None = None
    ) -> tuple[Reservation, bool]:
        """Reserve a key: the reservation that now holds it, and whether it is our own.

        `then` is done once it is our own, in one go with that of all others in the same commit;
        it must not raise, and is not done for a caller that has gone.
        """
        loop = asyncio.get_running_loop()
        for _ in range(_TRIES):
            if self._grouping is None or self._grouping.done():
                raise StoreUnavailable("keys are not reserved now")
            waiting = _Waiting(wanted, then, loop.create_future())
            self._waiting.append(waiting)
            self._arrived.set()
            # It may be reserved yet, with no command: a retry takes it over after 30 s.
            too_late = loop.call_later(RESERVE_WITHIN_S, _give_up, waiting.reserved)
            try:
                sent_at = await waiting.reserved
            finally:
                too_late.cancel()
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
                    await self._linger()
                    await self._reserve_group()
        finally:
            _fail(self._waiting)

    async def _linger(self) -> None:
        """Wait for more, the longer the more the last group had, unless they are here already."""
        if len(self._waiting) < self._last_size:
            linger_s = min(MOST_LINGER_S, LINGER_A_REQUEST_S * (self._last_size - 1))
            if linger_s >= LEAST_LINGER_S:
                await asyncio.sleep(linger_s)

    async def _reserve_group(self) -> None:
        group: dict[tuple[UUID, str], _Waiting] = {}
        late: list[_Waiting] = []
        while self._waiting and len(group) < MOST_AT_ONCE:
            waiting = self._waiting.popleft()
            if waiting.reserved.done():
                continue  # its caller has gone, or has waited too long
            name = (waiting.wanted.tenant_id, waiting.wanted.idempotency_key)
            if name in group:
                # The same key twice in one commit: the second finds the first.
                late.append(waiting)
            else:
                group[name] = waiting
        self._last_size = len(group)
        names = sorted(group)
        try:
            taken = await self._store.reserve([group[name].wanted for name in names])
            for name in names:
                _answer(group[name], taken.get(name), is_alone=len(names) == 1)
            for waiting in late:
                _answer(waiting, None, is_alone=False)
        except StoreUnavailable:
            return
        finally:
            # Whatever went wrong, nobody is left waiting.
            _fail((*late, *group.values()))


def _holder(reservation: Reservation) -> dict[str, object]:
    names = ("tenant_id", "idempotency_key", "sent_at")
    return {name: getattr(reservation, name) for name in names}


def _answer(waiting: _Waiting, sent_at: datetime | None, *, is_alone: bool) -> None:
    if not waiting.reserved.done():
        if sent_at is not None and waiting.then is not None:
            waiting.then(is_alone)
        waiting.reserved.set_result(sent_at)


def _give_up(reserved: "asyncio.Future[datetime | None]") -> None:
    if not reserved.done():
        reserved.set_exception(StoreUnavailable("the key was not reserved in time"))


def _fail(unanswered: Iterable[_Waiting]) -> None:
    for waiting in unanswered:
        if not waiting.reserved.done():
            waiting.reserved.set_exception(StoreUnavailable("the key could not be reserved"))
