"""How new the books must be before they are read: `HPTS-Min-Position` and `known_at`.

A read waits for the engine to get there, at most as long as `schemas.min_position` has it, then it
is 503 `position_not_reached`; it never answers from books that are older than was asked for.
"""

import asyncio
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

from read_api.parameters import refuse
from read_api.store import Position, Store
from schemas.min_position import check_partitions, pauses_s
from schemas.problems import FieldError


async def wait_for(
    store: Store,
    *,
    least: Mapping[int, int],
    known_at: datetime | None,
    partition_ids: Collection[int],
) -> None:
    """Return once `least` offsets are applied and `partition_ids` have reached `known_at`."""
    if not least and known_at is None:
        return
    if known_at is not None and known_at > datetime.now(UTC):
        raise refuse(FieldError("/known_at", "out_of_range", "must not lie in the future"))
    if least:
        check_partitions(least, await store.partition_count())
    pauses = pauses_s(asyncio.get_running_loop().time)
    while not _is_there(await store.positions(), least, known_at, partition_ids):
        await asyncio.sleep(next(pauses))


def _is_there(
    positions: Collection[Position],
    least: Mapping[int, int],
    known_at: datetime | None,
    partition_ids: Collection[int],
) -> bool:
    for position in positions:
        if position.next_offset <= least.get(position.partition_id, -1):
            return False
        is_named = known_at is not None and position.partition_id in partition_ids
        if is_named and known_at is not None and position.reached_at < known_at:
            return False
    return True
