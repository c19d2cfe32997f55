"""How new the books must be before they are read: `HPTS-Min-Position` and `known_at`.

A read waits at most `MOST_WAIT_S` for the engine to get there, then it is 503
`position_not_reached`; it never answers from books that are older than was asked for.
"""

import asyncio
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Final

from read_api.parameters import refuse
from read_api.store import Position, Store
from schemas.problems import FieldError, Problem, ProblemError

MOST_WAIT_S: Final = 5.0
_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.1


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
    if least and max(least) >= await store.partition_count():
        raise refuse(FieldError("/HPTS-Min-Position", "out_of_range", "names no partition"))
    clock = asyncio.get_running_loop().time
    deadline = clock() + MOST_WAIT_S
    pause_s = _FIRST_PAUSE_S
    while not _is_there(await store.positions(), least, known_at, partition_ids):
        if clock() + pause_s > deadline:
            raise ProblemError(Problem(code="position_not_reached", headers={"Retry-After": "1"}))
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


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
