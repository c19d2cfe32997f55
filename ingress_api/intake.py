"""From a checked request to its answer: reserve the key, send the command, wait for the outcome.

    reserve ── own ───────> send ── acknowledged ──> wait ──> 201, problem, or 202
       │                     ├── certainly not sent: key given back, 503 overloaded
       │                     └── unknown: 503 outcome_unknown, the key stays
       └── another's ─────> replay, idempotency_mismatch, idempotency_in_progress,
                            or, stale for 30 s: take over and send the same command again

A batch (of accruals, or its reversal) is queued with its reservation in one transaction, and the
engines send it; it is never taken over. Of a request in steps (a refinance, its reversal, a
month's close) the first command is sent here and the others by the engine; it is taken over like
any other command. A dry run is a command that nothing is reserved for.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

from ingress_api.answers import answer_known, answer_one, answer_pending, answer_tried, position_of
from ingress_api.bodies import Envelope
from ingress_api.exchange import Answer, Preference
from ingress_api.idempotency import Reservations
from ingress_api.outcomes import Outcomes, Waiter
from ingress_api.progress import known_steps
from ingress_api.publisher import CommandRecord, DeliveryUnknown, NotSent, Publisher
from ingress_api.queued import Queued
from ingress_api.reservation import Manifest, Reservation
from ingress_api.steps import KINDS, Kind, Steps, steps_from
from ingress_api.store import Store, StoreUnavailable
from ingress_api.unanswered import in_progress, not_reached, not_sent, refuse_another_s, unknown
from schemas import codec, ids
from schemas.commands import AnyCommand
from schemas.crash_points import crash_point
from schemas.placement import place_of
from schemas.problems import Problem, ProblemError
from schemas.quarantine import Resolution


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a POST is, whatever its body: who, which key, how long to wait, in earnest or not."""

    tenant_id: UUID
    actor: str
    scope: str
    idempotency_key: str
    fingerprint: bytes
    preference: Preference
    traceparent: str
    waterfall_version: int = 1
    is_dry_run: bool = False

    def envelope(self, accepted_at: datetime) -> Envelope:
        """The command's envelope, were it accepted then."""
        return Envelope(
            tenant_id=self.tenant_id,
            idempotency_key=self.idempotency_key,
            fingerprint=self.fingerprint,
            accepted_at=accepted_at,
            actor=self.actor,
            waterfall_version=self.waterfall_version,
        )


MakeCommand = Callable[[Envelope], AnyCommand | Resolution]


class Intake:
    """The write path of one process."""

    def __init__(
        self,
        store: Store,
        reservations: Reservations,
        publisher: Publisher,
        outcomes: Outcomes,
    ) -> None:
        self.store = store
        self.reservations = reservations
        self.publisher = publisher
        self.outcomes = outcomes

    async def accept(self, request: Request, make: MakeCommand) -> Answer:
        """Answer a request that is one command, or that begins with one."""
        if request.is_dry_run:
            return await self._try_out(request, make)
        deadline, accepted_at = _deadline(request), datetime.now(UTC)
        command = make(request.envelope(accepted_at))
        first, key = place_of(command, self.store.partition_count)
        steps = steps_from(command, self.store.partition_count)
        wanted = _reservation(request, accepted_at, first if steps is None else ids.IN_PARTS)
        # Made before the key is ours, so that all of one commit go to the log in one go.
        record = self._record(command, first, key, request.traceparent)
        crash_point("ingress-accepted")
        with self._expect(wanted, first, steps) as waiter:
            sent: list[asyncio.Future[int]] = []

            def send(is_alone: bool) -> None:
                crash_point("ingress-reserved")
                sent.append(self._hand_over(record, waiter, is_alone=is_alone))

            holder, is_own = await self.reservations.reserve(wanted, send)
            if is_own:
                return await self._answer_own(sent[0], holder, waiter, request, deadline)
        may_take_over = holder.partition_id == wanted.partition_id
        answer = await self._answer_of_holder(holder, request, may_take_over=may_take_over)
        if answer is not None:
            return answer
        holder = await self._take_over(holder)
        crash_point("ingress-taken-over")
        command = make(request.envelope(holder.accepted_at))
        return await self._send(command, holder, request, deadline)

    async def accept_batch(
        self,
        request: Request,
        accepted_at: datetime,
        queued: Queued,
        kind: Kind,
        manifest: Manifest | None = None,
        *,
        is_replay: bool = False,
    ) -> Answer:
        """Answer a request that is many commands, sent by the engines; closes `queued`.

        `is_replay`: it goes on with what was begun without us (`accruals`).
        """
        deadline = _deadline(request)
        wanted = _reservation(request, accepted_at, ids.IN_PARTS)
        with self.outcomes.expect(
            tenant_id=request.tenant_id,
            command_id=wanted.command_id,
            partition_id=ids.IN_PARTS,
            idempotency_key=request.idempotency_key,
            steps=Steps(kind, queued.total),
        ) as waiter:
            try:
                is_own = await self._queue(wanted, queued, manifest, request.traceparent)
            finally:
                queued.close()
            if not is_own:
                return await self.answer_taken(request)
            crash_point("ingress-parts-queued")
            outcomes = await waiter.wait(deadline) if request.preference.wait_s else None
        if outcomes is not None:
            refuse_another_s(outcomes, request.fingerprint)
            # In a thread: it is a sum over thousands of outcomes.
            return await asyncio.to_thread(
                kind.answer, outcomes, wanted.command_id, is_replay=is_replay
            )
        event_id = None if manifest is None else manifest.accrual_event_id
        position = position_of(list(waiter.found.values())) or None
        return answer_pending(wanted.command_id, position, event_id, is_held=waiter.is_held)

    async def _queue(
        self,
        wanted: Reservation,
        queued: Queued,
        manifest: Manifest | None,
        traceparent: str,
    ) -> bool:
        try:
            return await self.store.accept_in_parts(
                wanted,
                queued,
                manifest=manifest,
                reply_partition=self.outcomes.partition,
                traceparent=traceparent,
            )
        except StoreUnavailable as error:
            # The commit may have arrived and its answer been lost.
            raise unknown(wanted.command_id) from error

    async def answer_taken(self, request: Request) -> Answer:
        """The answer where the key is known to be taken and cannot be taken over."""
        holder = await self.reservations.find(request.tenant_id, request.idempotency_key)
        if holder is not None:
            answer = await self._answer_of_holder(holder, request, may_take_over=False)
            if answer is not None:
                return answer
        raise in_progress(None if holder is None else holder.command_id)

    async def replay(self, request: Request) -> Answer | None:
        """The answer of a key that is taken already; None while it is free."""
        if await self.reservations.find(request.tenant_id, request.idempotency_key) is None:
            return None
        return await self.answer_taken(request)

    async def _answer_of_holder(
        self, holder: Reservation, request: Request, *, may_take_over: bool
    ) -> Answer | None:
        """Replay, mismatch or in progress; None where the command may be taken over."""
        if holder.fingerprint != request.fingerprint:
            raise ProblemError(Problem(code="idempotency_mismatch", command_id=holder.command_id))
        if holder.partition_id == ids.IN_PARTS:
            answer = await self._answer_of_steps(holder, request)
        else:
            place = (holder.partition_id, holder.idempotency_key)
            outcomes = await self.store.outcomes(holder.tenant_id, [place])
            refuse_another_s(outcomes, request.fingerprint)
            answer = answer_known(outcomes[0]) if outcomes else None
        if answer is None and await self.store.is_held(holder.tenant_id, holder.command_id):
            return answer_pending(holder.command_id, None, None, is_held=True)
        if answer is None and not (holder.is_stale and may_take_over):
            raise in_progress(holder.command_id)
        return answer

    async def _answer_of_steps(self, holder: Reservation, request: Request) -> Answer | None:
        steps = await self.store.steps(holder.tenant_id, holder.command_id)
        outcomes = known_steps(steps)
        if outcomes is None:
            return None
        refuse_another_s(outcomes, request.fingerprint)
        kind = KINDS[steps[0].command_type]
        return await asyncio.to_thread(kind.answer, outcomes, holder.command_id, is_replay=True)

    async def _take_over(self, stale: Reservation) -> Reservation:
        taken = await self.reservations.take_over(stale)
        if taken is None:
            raise in_progress(stale.command_id)
        return taken

    async def _send(
        self,
        command: AnyCommand | Resolution,
        own: Reservation,
        request: Request,
        deadline: float,
    ) -> Answer:
        """Send a command whose key is reserved, and wait."""
        steps = steps_from(command, self.store.partition_count)
        partition_id, key = place_of(command, self.store.partition_count)
        # An ordinary one goes where it was reserved for, whatever is known of its entry by now.
        first = own.partition_id if steps is None else partition_id
        record = self._record(command, first, key, request.traceparent)
        with self._expect(own, first, steps) as waiter:
            sent = self._hand_over(record, waiter, is_alone=True)
            return await self._answer_own(sent, own, waiter, request, deadline)

    async def _answer_own(
        self,
        sent: "asyncio.Future[int]",
        own: Reservation,
        waiter: Waiter,
        request: Request,
        deadline: float,
    ) -> Answer:
        """The answer to a command that was handed over. Its outcome implies that the log has it."""
        outcomes = await waiter.wait(deadline) if request.preference.wait_s else None
        if outcomes is None:
            at = f"{waiter.partition_id}:{await self._acknowledged(sent, own)}"
            return answer_pending(own.command_id, at, None, is_held=waiter.is_held)
        crash_point("ingress-outcome-known")
        refuse_another_s(outcomes, request.fingerprint)
        if waiter.steps is None:
            # Another command's: a direct producer's, or one whose reservation went with a server.
            return answer_one(outcomes[0], is_replay=outcomes[0].command_id != own.command_id)
        if any(outcome.correlation_id != own.command_id for outcome in outcomes):
            raise ProblemError(Problem(code="idempotency_mismatch"))
        return waiter.steps.kind.answer(outcomes, own.command_id, is_replay=False)

    async def _acknowledged(self, sent: "asyncio.Future[int]", own: Reservation) -> int:
        try:
            return await sent
        except NotSent as error:
            await self.reservations.release(own)
            raise not_sent(error) from error
        except DeliveryUnknown as error:
            raise unknown(own.command_id) from error

    def _expect(
        self, own: Reservation, first: int, steps: Steps | None
    ) -> AbstractContextManager[Waiter]:
        return self.outcomes.expect(
            tenant_id=own.tenant_id,
            command_id=own.command_id,
            partition_id=first,
            idempotency_key=own.idempotency_key,
            steps=steps,
        )

    def _hand_over(
        self, record: CommandRecord, waiter: Waiter, *, is_alone: bool
    ) -> "asyncio.Future[int]":
        sent = self.publisher.hand_over(record, is_alone=is_alone)
        sent.add_done_callback(waiter.hear)
        return sent

    async def _try_out(self, request: Request, make: MakeCommand) -> Answer:
        """Answer a dry run: it reserves nothing, and only an announcement tells its outcome."""
        deadline = _deadline(request)
        accepted_at = datetime.now(UTC)
        command = replace(make(request.envelope(accepted_at)), dry_run=True)
        partition_id, key = place_of(command, self.store.partition_count)
        with self.outcomes.expect(
            tenant_id=request.tenant_id,
            command_id=_reservation(request, accepted_at, partition_id).command_id,
            partition_id=partition_id,
            idempotency_key=request.idempotency_key,
            dry_run_of=request.fingerprint,
        ) as waiter:
            try:
                record = self._record(command, partition_id, key, request.traceparent)
                await self.publisher.publish(record)
            except NotSent as error:
                raise not_sent(error) from error
            except DeliveryUnknown as error:
                # Nothing would have been posted, so nothing is in doubt.
                raise not_reached() from error
            outcomes = await waiter.wait(deadline)
        if outcomes is None:
            raise not_reached()
        return answer_tried(outcomes[0])

    def _record(
        self, command: AnyCommand | Resolution, partition_id: int, key: bytes, traceparent: str
    ) -> CommandRecord:
        return CommandRecord(
            partition_id=partition_id,
            key=key,
            value=codec.encode(command),
            reply_partition=self.outcomes.partition,
            traceparent=traceparent,
        )


def _deadline(request: Request) -> float:
    return asyncio.get_running_loop().time() + request.preference.wait_s


def _reservation(request: Request, accepted_at: datetime, partition_id: int) -> Reservation:
    return Reservation(
        tenant_id=request.tenant_id,
        idempotency_key=request.idempotency_key,
        command_id=ids.derive(
            ids.COMMAND,
            tenant_id=request.tenant_id,
            key=request.idempotency_key,
            accepted_at=accepted_at,
            partition_id=partition_id,
        ),
        fingerprint=request.fingerprint,
        partition_id=partition_id,
        required_scope=request.scope,
        accepted_at=accepted_at,
    )
