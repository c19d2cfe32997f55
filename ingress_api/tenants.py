"""What operators have set for a tenant, kept for a few seconds: it seldom changes."""

import asyncio
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from ingress_api.store import Store
from schemas.commands import WATERFALL_ORDERS, WATERFALL_VERSION
from schemas.problems import Problem, ProblemError

KEPT_S: Final = 5.0
MOST_KEPT: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    default_currency: str | None
    waterfall_version: int
    until: float


class Tenants:
    """The settings of the tenants seen lately."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[UUID, _Known] = {}

    async def default_currency(self, tenant_id: UUID) -> str | None:
        """The currency of an accrual batch that names none."""
        return (await self._settings(tenant_id)).default_currency

    async def waterfall_version(self, tenant_id: UUID) -> int:
        """The order by which the tenant's payments are allocated.

        Raises `not_ready` where this build does not know it: in the log it would halt a partition.
        """
        version = (await self._settings(tenant_id)).waterfall_version
        if version not in WATERFALL_ORDERS:
            raise ProblemError(Problem(code="not_ready", headers={"Retry-After": "5"}))
        return version

    async def _settings(self, tenant_id: UUID) -> _Known:
        now = asyncio.get_running_loop().time()
        known = self._known.get(tenant_id)
        if known is not None and now < known.until:
            return known
        row = await self._store.one("load_tenant_settings", {"tenant_id": tenant_id}) or {}
        known = _Known(
            row.get("default_currency"),
            row.get("waterfall_version") or WATERFALL_VERSION,
            now + KEPT_S,
        )
        if len(self._known) >= MOST_KEPT:
            self._known.clear()
        self._known[tenant_id] = known
        return known
