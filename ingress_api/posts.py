"""The POST operations: body to command, then into the `Intake`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from typing import Final
from uuid import UUID

from ingress_api import accrual_batches, quarantine, reversals
from ingress_api.bodies import Envelope, Values, check, fingerprint
from ingress_api.exchange import Answer, Exchange
from ingress_api.guard import Guard
from ingress_api.intake import Intake, MakeCommand, Request
from ingress_api.operations import (
    OPERATIONS,
    PERIOD_CLOSES,
    REVERSALS,
    Operation,
    is_close,
    last_day_in,
)
from ingress_api.steps import ACCRUAL, BATCH_REVERSAL
from ingress_api.store import Manifest, OutgoingStep
from ingress_api.tenants import Tenants
from schemas import codec, ids, scopes
from schemas.problems import FieldError, Problem, ProblemError
from schemas.strict_json import parse

MAX_BODY_BYTES: Final = 1024 * 1024
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
LEAST_DRY_RUN_S: Final = 1
"""Nothing but its announcement tells a dry run's outcome, so it is waited for."""


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
    """The handler of an operation that begins with one command."""

    async def handle(deps: Deps, exchange: Exchange, caller: Caller) -> Answer:
        request, values = await _read(deps, exchange, caller, operation)
        return await deps.intake.accept(request, partial(operation.command, values))

    return handle


async def _read(
    deps: Deps, exchange: Exchange, caller: Caller, operation: Operation
) -> tuple[Request, Values]:
    """The checked request; its fingerprint covers the path as it was sent."""
    is_dry_run = exchange.is_dry_run()
    key = exchange.idempotency_key()
    preference = exchange.preference(least_s=LEAST_DRY_RUN_S if is_dry_run else 0)
    document = await exchange.document(MAX_BODY_BYTES)
    values = check(document, operation.body, _today())
    if is_dry_run and not operation.may_be_tried:
        raise ProblemError(Problem(code="dry_run_unsupported"))
    request = Request(
        tenant_id=caller.tenant_id,
        actor=caller.actor,
        scope=operation.scope,
        idempotency_key=key,
        fingerprint=fingerprint(f"POST {exchange.path}", values),
        preference=preference,
        traceparent=caller.traceparent,
        waterfall_version=await deps.tenants.waterfall_version(caller.tenant_id),
        is_dry_run=is_dry_run,
    )
    return request, values


async def close_period(deps: Deps, exchange: Exchange, caller: Caller) -> Answer:
    """Close the month that the path names."""
    closed_through = last_day_in(exchange.path)
    if closed_through is None:
        error = FieldError("/period", "invalid_format", "must be a month, YYYY-MM")
        raise ProblemError(Problem(code="invalid_parameter", errors=(error,)))
    request, values = await _read(deps, exchange, caller, PERIOD_CLOSES)
    close = partial(PERIOD_CLOSES.command, {**values, "closed_through": closed_through})
    return await deps.intake.accept(request, close)


async def resolve(deps: Deps, exchange: Exchange, caller: Caller) -> Answer:
    """Resume or reject the quarantined command that the path names."""
    command_id = quarantine.command_in(exchange.path)
    operation = quarantine.resolution_on(exchange.path)
    if operation is None:
        raise ProblemError(Problem(code="not_found"))
    request, values = await _read(deps, exchange, caller, operation)
    return await quarantine.accept(deps.intake, request, operation, command_id, values)


async def reverse(deps: Deps, exchange: Exchange, caller: Caller) -> Answer:
    """Reverse an entry, whether it is one, a refinance's or a batch's."""
    request, values = await _read(deps, exchange, caller, REVERSALS)
    make = partial(REVERSALS.command, values)
    entry_id: UUID = values["reverses_entry_id"]
    if "loan_id" not in values and ids.partition_in(entry_id) == ids.IN_PARTS:
        return await _reverse_in_parts(deps.intake, values, request, make)
    return await deps.intake.accept(request, make)


async def _reverse_in_parts(
    intake: Intake, values: Values, request: Request, make: MakeCommand
) -> Answer:
    entry_id: UUID = values["reverses_entry_id"]
    # A remembered answer comes before today's state of the entry.
    holder = None
    if not request.is_dry_run:
        holder = await intake.reservations.find(request.tenant_id, request.idempotency_key)
    if holder is not None and holder.partition_id != ids.IN_PARTS:
        return await intake.accept(request, make)
    if holder is not None and holder.fingerprint != request.fingerprint:
        return await intake.answer_taken(request)
    refinanced = await reversals.refinance_to_reverse(intake.store, request.tenant_id, entry_id)
    if refinanced is not None:
        _refuse_dry_run(request)
        return await intake.accept(
            request, lambda to: reversals.refinance_reversal(values, to, refinanced)
        )
    if holder is not None:
        return await intake.answer_taken(request)
    parts = await reversals.parts_to_reverse(intake.store, request.tenant_id, entry_id)
    if not parts:
        return await intake.accept(request, make)
    _refuse_dry_run(request)
    accepted_at = datetime.now(UTC)
    queued = reversals.steps_to_reverse(values, request.envelope(accepted_at), parts)
    return await intake.accept_batch(request, accepted_at, queued, BATCH_REVERSAL)


def _refuse_dry_run(request: Request) -> None:
    if request.is_dry_run:
        raise ProblemError(Problem(code="dry_run_unsupported"))


async def accrue(deps: Deps, exchange: Exchange, caller: Caller) -> Answer:
    """Post an accrual batch given as one JSON document."""
    is_dry_run = exchange.is_dry_run()
    key = exchange.idempotency_key()
    preference = exchange.preference()
    body = await exchange.json_body(MAX_BATCH_BYTES)
    currency = await deps.tenants.default_currency(caller.tenant_id)
    # In a thread, so that a large batch does not hold up the loop for all its checks.
    batch = await asyncio.to_thread(
        lambda: accrual_batches.read_batch(parse(body), _today(), currency)
    )
    if is_dry_run:
        raise ProblemError(Problem(code="dry_run_unsupported"))
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
    return await intake.accept_batch(request, accepted_at, steps, ACCRUAL, manifest)


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


_POSTS: Final[dict[str, tuple[str, Handler]]] = {
    **{one.path: (one.scope, handler_of(one)) for one in OPERATIONS},
    REVERSALS.path: (REVERSALS.scope, reverse),
    accrual_batches.PATH: (accrual_batches.SCOPE, accrue),
}
"""Path -> the scope it needs and what answers it; without the one that has a parameter."""

_CLOSE: Final = (PERIOD_CLOSES.scope, close_period)


def post_of(path: str) -> tuple[str, Handler] | None:
    """The scope that a POST on this path needs and what answers it; None where none is."""
    if quarantine.resolution_on(path) is not None:
        return scopes.OPERATIONS_WRITE, resolve
    return _POSTS.get(path) or (_CLOSE if is_close(path) else None)
