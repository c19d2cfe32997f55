"""How much is under way at once, so that what a process holds is bounded."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from schemas.problems import Problem, ProblemError


class InFlight:
    """How many requests (of some kind) are under way, in all and for each tenant."""

    def __init__(self, most: int, most_per_tenant: int, *, retry_after_s: int = 1) -> None:
        self._most = most
        self._retry_after = {"Retry-After": str(retry_after_s)}
        self._most_per_tenant = most_per_tenant
        self._by_tenant: Counter[UUID] = Counter()
        self._total = 0

    def total(self) -> int:
        """How many are under way."""
        return self._total

    @contextmanager
    def one(self, tenant_id: UUID) -> Iterator[None]:
        """Count one request; raises `overloaded` or `rate_limited` beyond the limits."""
        if self._total >= self._most:
            raise ProblemError(Problem(code="overloaded", headers=self._retry_after))
        if self._by_tenant[tenant_id] >= self._most_per_tenant:
            raise ProblemError(Problem(code="rate_limited", headers=self._retry_after))
        self._total += 1
        self._by_tenant[tenant_id] += 1
        try:
            yield
        finally:
            self._total -= 1
            self._by_tenant[tenant_id] -= 1
            if not self._by_tenant[tenant_id]:
                del self._by_tenant[tenant_id]
