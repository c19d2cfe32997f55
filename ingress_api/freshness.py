"""How new the books must be before one of this edge's reads is answered: `HPTS-Min-Position`."""

import asyncio
from collections.abc import Mapping

from ingress_api.store import Store
from schemas.min_position import check_partitions, pauses_s


async def wait_for(store: Store, least: Mapping[int, int]) -> None:
    """Return once these offsets (by partition) are applied; 503 `position_not_reached` if never."""
    if not least:
        return
    check_partitions(least, store.partition_count)
    pauses = pauses_s(asyncio.get_running_loop().time)
    while not _is_there(await store.last_offsets(), least):
        await asyncio.sleep(next(pauses))


def _is_there(last_offsets: Mapping[int, int], least: Mapping[int, int]) -> bool:
    return all(last_offsets.get(partition, -1) >= offset for partition, offset in least.items())
