"""`POST /accruals/batch`: a JSON document or a stream of lines, to chunks that the engines send.

What takes long (reading, sorting, encoding) is done in a thread, piece by piece, so that the
requests beside it are answered. How many streams are read at once is bounded, because each may
hold five million loans; a batch lets go of them as soon as its chunks are queued.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, aclosing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final

from ingress_api import accrual_batches, accrual_streams
from ingress_api.accrual_batches import Batch, Chunks
from ingress_api.bodies import Envelope
from ingress_api.caller import Caller, Deps
from ingress_api.exchange import JSON, Answer, Exchange
from ingress_api.intake import Request
from ingress_api.queued import OutgoingStep, Queued
from ingress_api.reservation import Manifest
from ingress_api.steps import ACCRUAL
from ingress_api.unanswered import refuse_another_s
from schemas import codec, ids
from schemas.problems import Problem, ProblemError
from schemas.strict_json import parse

MAX_DOCUMENT_BYTES: Final = 4 * 1024 * 1024
_ENCODINGS: Final = {**JSON, accrual_streams.MEDIA_TYPE: ("identity", "gzip")}


async def accrue(deps: Deps, exchange: Exchange, caller: Caller) -> Answer:
    """Post an accrual batch."""
    is_dry_run = exchange.is_dry_run()
    key = exchange.idempotency_key()
    preference = exchange.preference()
    with ExitStack() as held:
        batch = await _read(deps, exchange, caller, held, is_dry_run=is_dry_run)
        request = Request(
            tenant_id=caller.tenant_id,
            actor=caller.actor,
            scope=accrual_batches.SCOPE,
            idempotency_key=key,
            fingerprint=batch.digest,
            preference=preference,
            traceparent=caller.traceparent,
        )
        if (answer := await deps.intake.replay(request)) is not None:
            return answer
        begun_at = await _begun_at(deps, request)
        accepted_at = begun_at or datetime.now(UTC)
        envelope = request.envelope(accepted_at)
        partition_count = deps.intake.store.partition_count
        chunks = await asyncio.to_thread(Chunks, batch, envelope, partition_count)
        manifest = _manifest(batch, envelope, chunks.total)
        queued = Queued(chunks.total, map(_encoded, chunks), held=held)
        # Nothing of the loans may stay here while the request waits for their outcomes.
        del batch, chunks
        return await deps.intake.accept_batch(
            request, accepted_at, queued, ACCRUAL, manifest, is_replay=begun_at is not None
        )


async def _begun_at(deps: Deps, request: Request) -> datetime | None:
    """When the batch of a free key was accepted by a direct producer, which reserves nothing; None
    where no partition's first chunk is known.

    Who goes on with that instant derives the same ids, and so makes no second batch.
    """
    key, store = request.idempotency_key, deps.intake.store
    firsts = [(partition, f"{key}/{partition}/0") for partition in range(store.partition_count)]
    outcomes = await store.outcomes(request.tenant_id, firsts)
    refuse_another_s(outcomes, request.fingerprint)
    # The lowest partition's opened it; only producers that met at once have several instants.
    opening = min(outcomes, key=lambda one: one.partition_id, default=None)
    return None if opening is None else ids.accepted_at_in(opening.command_id)


async def _read(
    deps: Deps, exchange: Exchange, caller: Caller, held: ExitStack, *, is_dry_run: bool
) -> Batch:
    """The batch; `held` keeps its place among the streams until it is queued."""
    media_type, encoding = exchange.media_type(_ENCODINGS)
    is_stream = media_type == accrual_streams.MEDIA_TYPE
    with _unread_body():
        if is_stream and is_dry_run:
            raise ProblemError(Problem(code="dry_run_unsupported"))
        if is_stream:
            held.enter_context(deps.streams.one(caller.tenant_id))
    currency = await deps.tenants.default_currency(caller.tenant_id)
    if is_stream:
        return await _read_stream(exchange, currency, is_gzip=encoding == "gzip")
    body = await exchange.json_body(MAX_DOCUMENT_BYTES)
    batch = await asyncio.to_thread(
        lambda: accrual_batches.read_batch(parse(body), _today(), currency)
    )
    if is_dry_run:
        raise ProblemError(Problem(code="dry_run_unsupported"))
    return batch


async def _read_stream(exchange: Exchange, currency: str | None, *, is_gzip: bool) -> Batch:
    reader = accrual_streams.BatchReader(_today(), currency, is_gzip=is_gzip)
    pieces = exchange.pieces(accrual_streams.MAX_STREAM_BYTES, accrual_streams.PIECE_BYTES)
    with _unread_body():
        async with aclosing(pieces):
            async for piece in pieces:
                await asyncio.to_thread(reader.take, piece)
    return await asyncio.to_thread(reader.finish)


@contextmanager
def _unread_body() -> Iterator[None]:
    """Refuse before a stream was read to its end: its connection cannot be used again."""
    try:
        yield
    except ProblemError as error:
        headers = {**error.problem.headers, "Connection": "close"}
        raise ProblemError(replace(error.problem, headers=headers)) from error


def _encoded(step: accrual_batches.Step) -> OutgoingStep:
    return OutgoingStep(
        partition_id=step.partition_id,
        idempotency_key=step.idempotency_key,
        record_key=step.record_key,
        record_value=codec.encode(step.command),
    )


def _manifest(batch: Batch, envelope: Envelope, chunks_total: int) -> Manifest:
    return Manifest(
        accrual_event_id=accrual_batches.id_in_parts(ids.ACCRUAL_EVENT, envelope),
        command_id=accrual_batches.id_in_parts(ids.COMMAND, envelope),
        journal_entry_id=accrual_batches.id_in_parts(ids.JOURNAL_ENTRY, envelope),
        program_id=batch.program_id,
        accrued_on=batch.accrued_on,
        currency=batch.currency,
        chunks_total=chunks_total,
        loans_total=len(batch.loans),
        interest_total_minor=batch.loans.interest_total_minor,
        accepted_at=envelope.accepted_at,
    )


def _today() -> date:
    return datetime.now(UTC).date()
