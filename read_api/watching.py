"""Looks at the books now and then, so that the metrics say how they stand, whoever writes them.

An engine that is gone exports nothing any more; what is read here still grows.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import structlog

from read_api import metrics
from read_api.store import Row, Snapshot, Store, StoreUnavailable

LOOK_EVERY_S: Final = 5.0

_log = structlog.get_logger("read")


@asynccontextmanager
async def books_watched(store: Store) -> AsyncIterator[None]:
    """Meanwhile look at the books every few seconds."""
    looking = asyncio.create_task(_look_forever(store), name="watch the books")
    looking.add_done_callback(_say_why)
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def _look_forever(store: Store) -> None:
    while True:
        try:
            partitions, [counted] = await store.read(UUID(int=0), _look)
            metrics.note_books(partitions, counted["dead_letter_count"])
        except StoreUnavailable as error:
            # `hpts_books_seen_timestamp_seconds` stands still meanwhile, and has an alert.
            _log.warning("the books could not be looked at", reason=str(error))
        await asyncio.sleep(LOOK_EVERY_S)


def _say_why(looking: "asyncio.Task[None]") -> None:
    if not looking.cancelled() and (error := looking.exception()) is not None:
        _log.error("the books are looked at no more", reason=repr(error))


async def _look(books: Snapshot) -> tuple[list[Row], list[Row]]:
    await books.rows("set_operator")
    return await books.rows("load_operations"), await books.rows("count_dead_letters")
