"""`HPTS-Min-Position`: how much must have been applied before a read is answered (contract 1, 5).

Both edges serve reads, each from a store of its own; what the header means is here. A read waits
at most `MOST_WAIT_S`, then it is 503 `position_not_reached`. Pure: the clock is given.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from schemas.problems import FieldError, Problem, ProblemError

NAME: Final = "HPTS-Min-Position"
MOST_WAIT_S: Final = 5.0
_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.1
_POSITION: Final = re.compile(r"(0|[1-9][0-9]{0,3}):(0|[1-9][0-9]{0,18})", re.ASCII)


def read_min_position(values: Sequence[bytes]) -> dict[int, int]:
    """Partition -> the offset that must have been applied; raises 400 for what is no position."""
    offsets: dict[int, int] = {}
    for item in b",".join(values).decode("latin-1").split(",") if values else ():
        found = _POSITION.fullmatch(item.strip(" \t"))
        if found is None:
            raise _refused("invalid_format", "must be <partition>:<offset>[,...]")
        partition, offset = int(found[1]), int(found[2])
        offsets[partition] = max(offset, offsets.get(partition, -1))
    return offsets


def check_partitions(least: Mapping[int, int], partition_count: int) -> None:
    """Raise 400 where a position names a partition that the ledger does not have."""
    if least and max(least) >= partition_count:
        raise _refused("out_of_range", "names no partition")


def pauses_s(clock: Callable[[], float]) -> Iterator[float]:
    """How long to pause before each further look; raises 503 when the time is over."""
    deadline = clock() + MOST_WAIT_S
    pause_s = _FIRST_PAUSE_S
    while clock() + pause_s <= deadline:
        yield pause_s
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
    raise ProblemError(Problem(code="position_not_reached", headers={"Retry-After": "1"}))


def _refused(code: str, message: str) -> ProblemError:
    fault = FieldError(f"/{NAME}", code, message)
    return ProblemError(Problem(code="invalid_parameter", errors=(fault,)))
