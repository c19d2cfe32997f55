"""Reversals of entries that live in parts: what is looked up before they can be commands.

A batch's becomes one command a part, queued like accrual chunks; a refinance's a first command
that its other step follows. What has no parts, one loan of an accrual included, is an ordinary
command (`schemas.placement`).
"""

import json
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from ingress_api import progress
from ingress_api.bodies import Envelope, Values
from ingress_api.operations import reversal
from ingress_api.queued import OutgoingStep
from ingress_api.store import Store
from schemas import codec
from schemas.codec import Outcome
from schemas.commands import RefinanceReversal
from schemas.partitioning import record_key
from schemas.problems import Problem, ProblemError

REFINANCE_PARTS: Final = (0, 1)
"""The parts of a refinance's entry: the old loan's, the new loan's."""

_ACCRUAL: Final = "accrual"
_LOW_64: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an entry: its partition and its number there."""

    partition_id: int
    number: int

    def key_of(self, key: str) -> str:
        """The key of the command that reverses it, of the request's."""
        return f"{key}/{self.partition_id}/{self.number}"


@dataclass(frozen=True, slots=True)
class Refinanced:
    """The loans of a refinance that has posted both its parts."""

    old_loan_id: UUID
    new_loan_id: UUID


async def refinance_to_reverse(store: Store, tenant_id: UUID, entry_id: UUID) -> Refinanced | None:
    """The loans of a refinance's entry; None of any other entry.

    Raises `batch_in_progress` while one of its parts is not posted yet.
    """
    parts = await store.rows(
        "find_refinanced_loans",
        {"journal_entry_id": entry_id, "partition_count": store.partition_count},
        tenant_id=tenant_id,
    )
    loans = {row["part"]: row["loan_id"] for row in parts}
    if not loans:
        return None
    if len(loans) < len(REFINANCE_PARTS):
        raise _in_progress("The refinance is still being posted.")
    return Refinanced(*(loans[part] for part in REFINANCE_PARTS))


def refinance_reversal(
    values: Values, envelope: Envelope, refinanced: Refinanced
) -> RefinanceReversal:
    """The first of the two commands that reverse a refinance."""
    return RefinanceReversal(
        **envelope.common(),
        loan_id=refinanced.old_loan_id,
        new_loan_id=refinanced.new_loan_id,
        effective_on=values["effective_at"],
        **{name: value for name, value in values.items() if name != "effective_at"},
    )


async def parts_to_reverse(store: Store, tenant_id: UUID, entry_id: UUID) -> list[Part]:
    """The parts of a batch's entry; none where there is no such entry.

    Raises `batch_in_progress` while some chunk of the batch has no outcome. Of an entry that is
    itself a reversal one part will do: its partition knows why it cannot be reversed.
    """
    seen = await store.rows(
        "find_entry_part",
        {"journal_entry_id": entry_id, "partition_count": store.partition_count},
        tenant_id=tenant_id,
    )
    if seen and seen[0]["event_type"] != _ACCRUAL:
        return [Part(seen[0]["partition_id"], seen[0]["part"])]
    correlation_id = seen[0]["correlation_id"] if seen else None
    chunks_total = None
    if correlation_id is None:
        # No part has posted: perhaps the batch has only just been accepted.
        batch = await _batch_of(store, tenant_id, entry_id)
        if batch is None:
            return []
        correlation_id, chunks_total = batch
    steps = await store.steps(tenant_id, correlation_id)
    if chunks_total is None:
        chunks_total = steps[0].chunks_total
    if len(steps) < chunks_total:
        raise _in_progress("The accrual batch is still being posted.")
    # From the very steps that were counted: what was seen before may have been less.
    return [_part(step.outcome) for step in steps if _has_posted(step.outcome, entry_id)]


def _in_progress(detail: str) -> ProblemError:
    """The answer, not remembered, to the reversal of what is still being posted."""
    return ProblemError(
        Problem(code="batch_in_progress", detail=detail, headers={"Retry-After": "1"})
    )


def _has_posted(outcome: Outcome, entry_id: UUID) -> bool:
    # A chunk of zeros posts without an entry.
    result: dict[str, object] = json.loads(outcome.result)
    return outcome.status == "posted" and result.get("journal_entry_id") == str(entry_id)


def _part(outcome: Outcome) -> Part:
    return Part(outcome.partition_id, int(outcome.idempotency_key.rpartition("/")[2]))


async def _batch_of(store: Store, tenant_id: UUID, entry_id: UUID) -> tuple[UUID, int] | None:
    """(command id, chunks) of the accepted batch that will own an entry."""
    # The ids of one batch have time and partition in common, so they share their upper half.
    upper = entry_id.int & ~_LOW_64
    near = await progress.manifests(
        store, tenant_id, first_id=UUID(int=upper), last_id=UUID(int=upper | _LOW_64)
    )
    for manifest in near:
        if manifest.journal_entry_id == entry_id:
            return manifest.command_id, manifest.chunks_total
    return None


def steps_to_reverse(values: Values, envelope: Envelope, parts: list[Part]) -> list[OutgoingStep]:
    """One command a part, keyed `<key>/<partition>/<part>`."""
    whole = reversal(values, envelope)
    subject = record_key(envelope.tenant_id, whole.reverses_entry_id)
    steps = []
    for part in parts:
        key = part.key_of(envelope.idempotency_key)
        step = replace(whole, idempotency_key=key, part=part.number, chunks_total=len(parts))
        steps.append(
            OutgoingStep(
                partition_id=part.partition_id,
                idempotency_key=key,
                record_key=subject,
                record_value=codec.encode(step),
            )
        )
    return steps
