"""How many requests a tenant may make in a second, so that no tenant takes the others' share."""

import math
import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

from schemas.problems import Problem, ProblemError

BURST_S: Final = 1.0
"""So much may be ahead of the rate: a tenant that was still may send a second's worth at once."""
MOST_REMEMBERED: Final = 10_000


class RateLimit:
    """The rate of each tenant in one process: remembered is until when a tenant has spent."""

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._each_s = 1.0 / per_second
        self._clock = clock
        self._spent_until: dict[UUID, float] = {}

    def take(self, tenant_id: UUID) -> None:
        """Count one request; raises `rate_limited` with the seconds after which there is room."""
        now = self._clock()
        spent_until = max(self._spent_until.get(tenant_id, now), now) + self._each_s
        if (ahead_s := spent_until - now - BURST_S) > 0:
            after = {"Retry-After": str(math.ceil(ahead_s))}
            raise ProblemError(Problem(code="rate_limited", headers=after))
        self._spent_until[tenant_id] = spent_until
        if len(self._spent_until) > MOST_REMEMBERED:
            self._spent_until = {t: until for t, until in self._spent_until.items() if until > now}
