"""The POST operations: body to command, then into the `Intake`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final
from uuid import UUID

from ingress_api import accrual_batches, reversals
from ingress_api.bodies import (
    DISBURSEMENTS,
    PAYMENTS,
    REVERSALS,
    Envelope,
    Operation,
    Values,
    check,
    fingerprint,
)
from ingress_api.exchange import Answer, Exchange
from ingress_api.guard import Guard
from ingress_api.intake import Intake, Request
from ingress_api.store import Manifest, OutgoingStep
from ingress_api.tenants import Tenants
from schemas import codec, ids
from schemas.strict_json import parse

MAX_BODY_BYTES: Final = 1024 * 1024
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, and on which trace: from the verified token and the headers."""

    tenant_id: UUID
    actor: str
    traceparent: str


@dataclass(frozen=True, slots=True)
class Deps:
    """What the operations work with."""

    intake: Intake
    tenants: Tenants
    guard: Guard


Handler = Callable[[Deps, Exchange, Caller], Awaitable[Answer]]


def handler_of(operation: Operation) -> Handler:
    """The handler of an operation that is one command."""

    async def handle(deps: Deps, exchange: Exchange, caller: Caller) -> Answer:
        key = exchange.idempotency_key()
        preference = exchange.preference()
        document = await exchange.document(MAX_BODY_BYTES)
        values = check(document, operation.members, _today())
        request = Request(
            tenant_id=caller.tenant_id,
            actor=caller.actor,
            scope=operation.scope,
            idempotency_key=key,
            fingerprint=fingerprint(f"POST {operation.path}", values),
            preference=preference,
            traceparent=caller.traceparent,
            waterfall_version=await deps.tenants.waterfall_version(caller.tenant_id),
        )
        if operation is REVERSALS:
            answer = await _reverse_in_parts(deps.intake, values, request)
            if answer is not None:
                return answer
        return await deps.intake.accept(request, lambda to: operation.command(values, to))

    return handle


async def _reverse_in_parts(intake: Intake, values: Values, request: Request) -> Answer | None:
    """The answer to the reversal of a whole batch; None: it is one command like any other."""
    entry_id: UUID = values["reverses_entry_id"]
    if "loan_id" in values or ids.partition_in(entry_id) != ids.IN_PARTS:
        return None
    # A remembered answer comes before today's state of the batch.
    holder = await intake.reservations.find(request.tenant_id, request.idempotency_key)
    if holder is not None:
        is_in_parts = holder.partition_id == ids.IN_PARTS
        return await intake.answer_taken(request) if is_in_parts else None
    parts = await reversals.parts_to_reverse(intake.store, request.tenant_id, entry_id)
    if not parts:
        return None
    accepted_at = datetime.now(UTC)
    steps = reversals.steps_to_reverse(values, request.envelope(accepted_at), parts)
    return await intake.accept_in_parts(request, accepted_at, steps, None)


async def accrue(deps: Deps, exchange: Exchange, caller: Caller) -> Answer:
    """Post an accrual batch given as one JSON document."""
    key = exchange.idempotency_key()
    preference = exchange.preference()
    body = await exchange.json_body(MAX_BATCH_BYTES)
    currency = await deps.tenants.default_currency(caller.tenant_id)
    # In a thread, so that a large batch does not hold up the loop for all its checks.
    batch = await asyncio.to_thread(
        lambda: accrual_batches.read_batch(parse(body), _today(), currency)
    )
    request = Request(
        tenant_id=caller.tenant_id,
        actor=caller.actor,
        scope=accrual_batches.SCOPE,
        idempotency_key=key,
        fingerprint=batch.digest,
        preference=preference,
        traceparent=caller.traceparent,
    )
    intake = deps.intake
    if (answer := await intake.replay(request)) is not None:
        return answer
    accepted_at = datetime.now(UTC)
    envelope = request.envelope(accepted_at)
    steps = await asyncio.to_thread(_encoded_steps, batch, envelope, intake.store.partition_count)
    manifest = _manifest(batch, envelope, len(steps))
    return await intake.accept_in_parts(request, accepted_at, steps, manifest)


def _encoded_steps(
    batch: accrual_batches.Batch, envelope: Envelope, partition_count: int
) -> list[OutgoingStep]:
    return [
        OutgoingStep(
            partition_id=step.partition_id,
            idempotency_key=step.idempotency_key,
            record_key=step.record_key,
            record_value=codec.encode(step.command),
        )
        for step in accrual_batches.steps_of(batch, envelope, partition_count)
    ]


def _manifest(batch: accrual_batches.Batch, envelope: Envelope, chunks_total: int) -> Manifest:
    return Manifest(
        accrual_event_id=accrual_batches.id_in_parts(ids.ACCRUAL_EVENT, envelope),
        command_id=accrual_batches.id_in_parts(ids.COMMAND, envelope),
        journal_entry_id=accrual_batches.id_in_parts(ids.JOURNAL_ENTRY, envelope),
        program_id=batch.program_id,
        accrued_on=batch.accrued_on,
        currency=batch.currency,
        chunks_total=chunks_total,
        loans_total=len(batch.items),
        interest_total_minor=batch.interest_total_minor,
        accepted_at=envelope.accepted_at,
    )


def _today() -> date:
    return datetime.now(UTC).date()


POSTS: Final[dict[str, tuple[str, Handler]]] = {
    DISBURSEMENTS.path: (DISBURSEMENTS.scope, handler_of(DISBURSEMENTS)),
    PAYMENTS.path: (PAYMENTS.scope, handler_of(PAYMENTS)),
    REVERSALS.path: (REVERSALS.scope, handler_of(REVERSALS)),
    accrual_batches.PATH: (accrual_batches.SCOPE, accrue),
}
"""Path -> the scope it needs and what answers it."""
