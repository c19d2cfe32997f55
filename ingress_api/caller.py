"""Who asks, and what an operation works with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from ingress_api.exchange import Answer, Exchange
from ingress_api.guard import Guard
from ingress_api.intake import Intake
from ingress_api.tenants import Tenants
from schemas.in_flight import InFlight


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and on which trace: from the verified token and the headers."""

    tenant_id: UUID
    actor: str
    traceparent: str


@dataclass(frozen=True, slots=True)
class Deps:
    """What the operations work with. `streams`: the batches that are being read; `webhook_names`:
    the hosts that webhooks may go to whatever they are.
    """

    intake: Intake
    tenants: Tenants
    guard: Guard
    streams: InFlight
    webhook_names: frozenset[str]


Handler = Callable[[Deps, Exchange, Caller], Awaitable[Answer]]
