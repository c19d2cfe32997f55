"""What must never end unheard: an error that ends it ends the process, and nobody waits on."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from ingress_api.idempotency import Reservations
from ingress_api.lasting import lasting_task, lasting_thread
from ingress_api.reservation import Reservation
from ingress_api.store import Store, StoreUnavailable

WANTED = Reservation(
    tenant_id=uuid4(),
    idempotency_key="payment:0001",
    command_id=uuid4(),
    fingerprint=bytes(32),
    partition_id=0,
    required_scope="hpts:payments:write",
    accepted_at=datetime(2026, 1, 1, tzinfo=UTC),
)


class Faulty(Store):
    """A store whose statement fails in a way that nobody foresaw."""

    async def reserve(self, wanted: Sequence[Reservation]) -> dict[tuple[UUID, str], datetime]:
        raise ValueError(f"{len(wanted)} at once")


def test_whoever_waits_for_a_key_is_told_when_reserving_ends() -> None:
    told: list[str] = []

    async def reserve() -> None:
        reservations = Reservations(Faulty("", connections=2), told.append)
        reservations.start()
        for _ in range(2):
            async with asyncio.timeout(5):
                with pytest.raises(StoreUnavailable):
                    await reservations.reserve(WANTED)
        await reservations.close()

    asyncio.run(reserve())
    assert told == ["to reserve keys cannot go on: ValueError('1 at once')"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_in_a_thread_is_told_in_the_loop() -> None:
    told: list[str] = []

    def fail() -> None:
        raise ValueError("unforeseen")

    async def run() -> None:
        thread = lasting_thread(fail, name="read", on_fatal=told.append)
        thread.start()
        await asyncio.to_thread(thread.join)
        await asyncio.sleep(0)

    asyncio.run(run())
    assert told == ["to read cannot go on: ValueError('unforeseen')"]


def test_a_task_that_is_cancelled_is_no_error() -> None:
    told: list[str] = []

    async def run() -> None:
        task = lasting_task(asyncio.sleep(60), name="wait", on_fatal=told.append)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert told == []
