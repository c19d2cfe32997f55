"""The POST operations: body to command, then into the `Intake`."""

from datetime import UTC, date, datetime
from functools import partial
from typing import Final
from uuid import UUID

from ingress_api import accrual_batches, quarantine, reversals
from ingress_api.accruals import accrue, begun
from ingress_api.bodies import Values, check
from ingress_api.caller import Caller, Deps, Handler
from ingress_api.exchange import Answer, Exchange
from ingress_api.intake import Intake, MakeCommand, Request
from ingress_api.operations import (
    OPERATIONS,
    PERIOD_CLOSES,
    REVERSALS,
    Operation,
    is_close,
    last_day_in,
)
from ingress_api.queued import Queued
from ingress_api.steps import BATCH_REVERSAL
from schemas import ids, scopes
from schemas.fingerprints import fingerprint
from schemas.problems import FieldError, Problem, ProblemError

MAX_BODY_BYTES: Final = 1024 * 1024
LEAST_DRY_RUN_S: Final = 1
"""Nothing but its announcement tells a dry run's outcome, so it is waited for."""


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
    keys = [(part.partition_id, part.key_of(request.idempotency_key)) for part in parts]
    begun_at = await begun(intake.store, request, keys)
    accepted_at = begun_at or datetime.now(UTC)
    queued = reversals.steps_to_reverse(values, request.envelope(accepted_at), parts)
    return await intake.accept_batch(
        request, accepted_at, Queued.of(queued), BATCH_REVERSAL, is_replay=begun_at is not None
    )


def _refuse_dry_run(request: Request) -> None:
    if request.is_dry_run:
        raise ProblemError(Problem(code="dry_run_unsupported"))


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
    found = _POSTS.get(path)
    if found is not None:
        return found
    if quarantine.resolution_on(path) is not None:
        return scopes.OPERATIONS_WRITE, resolve
    return _CLOSE if is_close(path) else None


def template_of(path: str) -> str | None:
    """The path as the contract has it, without what varies; None where no POST is on it."""
    if path in _POSTS:
        return path
    resolution = quarantine.resolution_on(path)
    if resolution is not None:
        return resolution.path
    return PERIOD_CLOSES.path if is_close(path) else None
