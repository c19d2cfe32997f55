"""Reads on the write edge: what became of a command, and how far a batch is.

They live here because they need the reservations and manifests, which no reader sees. `least` is
what must have been applied first (`freshness`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from ingress_api import answers, paging
from ingress_api.exchange import Answer
from ingress_api.freshness import wait_for
from ingress_api.steps import KINDS, Kind
from ingress_api.store import Manifest, StepOutcome, Store, outcome_from
from schemas import ids, scopes
from schemas.codec import Outcome
from schemas.money import format_minor
from schemas.problems import Problem, ProblemError

_SCOPE_OF_TYPE: Final = {
    **{name: kind.scope for name, kind in KINDS.items()},
    "Disbursement": scopes.DISBURSEMENTS_WRITE,
    "DisbursementSettlement": scopes.DISBURSEMENTS_WRITE,
    "Payment": scopes.PAYMENTS_WRITE,
    "PaymentAllocation": scopes.PAYMENTS_WRITE,
    "PaymentReturn": scopes.PAYMENTS_WRITE,
    "FeeAssessment": scopes.FEES_WRITE,
    "FeeWaiver": scopes.FEES_WRITE,
    "ChargeOff": scopes.LOANS_WRITE,
    "Recovery": scopes.LOANS_WRITE,
    "Restructure": scopes.LOANS_WRITE,
    "ManualAdjustment": scopes.ADJUSTMENTS_WRITE,
}
"""Type of a command that no ingress took in -> the scope of the POST it would have come by."""


@dataclass(frozen=True, slots=True)
class CommandState:
    """A command of the tenant's own; `kind` of one in steps. `outcomes` None: not known yet."""

    command_id: UUID
    required_scope: str
    kind: Kind | None
    outcomes: list[Outcome] | None


async def command_state(
    store: Store, tenant_id: UUID, command_id: UUID, least: Mapping[int, int]
) -> CommandState:
    """What is known of a command; raises `not_found` for another tenant's as for none."""
    await wait_for(store, least)
    row = await store.one(
        "find_reservation_of_command", {"tenant_id": tenant_id, "command_id": command_id}
    )
    partition_id = ids.partition_in(command_id)
    if partition_id is None:
        raise not_found()
    if partition_id == ids.IN_PARTS:
        steps = await store.steps(tenant_id, command_id)
        kind = KINDS[steps[0].command_type] if steps else None
        if row is not None:
            scope = row["required_scope"]
        elif kind is not None:
            scope = kind.scope
        else:
            raise not_found()
        return CommandState(command_id, scope, kind, known_steps(steps))
    found = await _outcome_rows(store, tenant_id, command_id, partition_id)
    if row is None and not found:
        raise not_found()
    scope = row["required_scope"] if row else _SCOPE_OF_TYPE[found[0]["command_type"]]
    known = [outcome_from(one) for one in found] or None
    return CommandState(command_id, scope, None, known)


def known_steps(steps: Sequence[StepOutcome]) -> list[Outcome] | None:
    """The outcomes of a request in steps, once they are enough to answer it."""
    outcomes = [step.outcome for step in steps]
    if not steps:
        return None
    kind = KINDS[steps[0].command_type]
    return outcomes if kind.is_known(outcomes, steps[0].chunks_total) else None


async def _outcome_rows(
    store: Store, tenant_id: UUID, command_id: UUID, partition_id: int
) -> list[dict[str, Any]]:
    named = {"command_id": command_id, "partition_id": partition_id}
    return await store.rows("find_outcome_of_command", named, tenant_id=tenant_id)


def describe(state: CommandState) -> Answer:
    """The answer to `GET /commands/{command_id}`."""
    body: dict[str, object] = {"command_id": str(state.command_id)}
    if state.outcomes is None:
        body["status"] = "pending"
        return Answer(200, answers.to_json(body), (("retry-after", answers.RETRY_AFTER_S),))
    position = (("hpts-position", answers.position_of(state.outcomes)),)
    try:
        if state.kind is not None:
            answer = state.kind.answer(state.outcomes, state.command_id, is_replay=True)
        else:
            answer = answers.answer_one(state.outcomes[0], is_replay=True)
    except ProblemError as refused:
        document = Problem(
            code=refused.problem.code,
            detail=refused.problem.detail,
            command_id=state.command_id,
            members=refused.problem.members,
        ).document()
        body |= {"status": "rejected", "problem": document}
        return Answer(200, answers.to_json(body), position)
    # The result's own bytes, so that it equals the answer to the POST.
    opening = answers.to_json(body | {"status": "posted"})[:-1]
    return Answer(200, opening + b',"result":' + answer.body + b"}", position)


async def batch_progress(
    store: Store, tenant_id: UUID, accrual_event_id: UUID, least: Mapping[int, int]
) -> Answer:
    """The answer to `GET /accruals/{accrual_event_id}`."""
    await wait_for(store, least)
    manifest, chunks = await _batch(store, tenant_id, accrual_event_id)
    outcomes = [chunk.outcome for chunk in chunks]
    chunks_total = manifest.chunks_total if manifest else chunks[0].chunks_total
    total = answers.total_of(outcomes, _correlation(manifest, outcomes)) if outcomes else {}
    is_done = len(chunks) >= chunks_total
    posted_minor = int(total.get("total_accrued_minor", "0"))
    body: dict[str, object] = {"accrual_event_id": str(accrual_event_id)}
    body["journal_entry_id"] = total.get("journal_entry_id")
    body["status"] = _status(total, is_done=is_done)
    if manifest is not None:
        rejected_minor = manifest.interest_total_minor - posted_minor
        body |= {
            "program_id": str(manifest.program_id),
            "accrual_date": manifest.accrued_on.isoformat(),
            "currency": manifest.currency,
            "expected_loan_count": manifest.loans_total,
            "expected_total_minor": format_minor(manifest.interest_total_minor),
            "rejected_total_minor": format_minor(rejected_minor) if is_done else None,
            "accepted_at": f"{manifest.accepted_at:%Y-%m-%dT%H:%M:%S.%fZ}",
        }
    body |= {
        "loan_count": total.get("loan_count", 0),
        "total_accrued_minor": format_minor(posted_minor),
        "rejected_count": total.get("rejected_count", 0),
        "principal_mismatch_count": total.get("principal_mismatch_count", 0),
        "chunks_done": len(chunks),
        "chunks_total": chunks_total,
        "posted_at": total.get("posted_at") if is_done else None,
        "correlation_id": str(_correlation(manifest, outcomes)),
    }
    headers = (("hpts-position", answers.position_of(outcomes)),) if outcomes else ()
    return Answer(200, answers.to_json(body), headers)


async def rejections(
    store: Store,
    tenant_id: UUID,
    accrual_event_id: UUID,
    least: Mapping[int, int],
    *,
    query: bytes,
    secret: bytes,
) -> Answer:
    """The answer to `GET /accruals/{accrual_event_id}/rejections`: one page."""
    bound_to = f"{tenant_id} rejections {accrual_event_id}"
    wanted = paging.read_paging(query, secret, bound_to)
    await wait_for(store, least)
    await _batch(store, tenant_id, accrual_event_id)
    place = wanted.place or await _first_place(store, is_descending=wanted.is_descending)
    partition, offset, number = place.after
    statement = "find_rejections_reversed" if wanted.is_descending else "find_rejections"
    found = await store.rows(
        statement,
        {
            "partition_count": store.partition_count,
            "accrual_event_id": accrual_event_id,
            "upto": list(place.upto),
            "after_partition": partition,
            "after_offset": offset,
            "after_place": number,
            "most": wanted.page_size + 1,
        },
        tenant_id=tenant_id,
    )
    page = found[: wanted.page_size]
    body: dict[str, object] = {
        "items": [{name: row[name] for name in ("loan_id", "code", "step")} for row in page]
    }
    if len(found) > len(page):
        last = page[-1]
        after = (last["partition_id"], last["command_offset"], last["place"])
        body["next_page_token"] = paging.next_token(
            paging.Place(place.upto, after), secret, bound_to, is_descending=wanted.is_descending
        )
    return Answer(200, answers.to_json(body))


def not_found() -> ProblemError:
    """The same answer for what does not exist and for what is another tenant's."""
    return ProblemError(Problem(code="not_found"))


async def manifests(
    store: Store, tenant_id: UUID, *, first_id: UUID, last_id: UUID
) -> list[Manifest]:
    """The manifests of the tenant's batches with an id in this range."""
    named = {"tenant_id": tenant_id, "first_id": first_id, "last_id": last_id}
    return [
        Manifest(**{**row, "interest_total_minor": int(row["interest_total_minor"])})
        for row in await store.rows("find_batch", named)
    ]


async def _batch(
    store: Store, tenant_id: UUID, accrual_event_id: UUID
) -> tuple[Manifest | None, list[StepOutcome]]:
    found = await manifests(store, tenant_id, first_id=accrual_event_id, last_id=accrual_event_id)
    chunks = await store.accrual_chunks(tenant_id, accrual_event_id)
    if not found and not chunks:
        raise not_found()
    return (found[0] if found else None), chunks


async def _first_place(store: Store, *, is_descending: bool) -> paging.Place:
    ends = await store.last_offsets()
    upto = tuple(ends.get(partition, -1) for partition in range(store.partition_count))
    after = (store.partition_count, 0, 0) if is_descending else (-1, 0, 0)
    return paging.Place(upto, after)


def _correlation(manifest: Manifest | None, outcomes: list[Outcome]) -> UUID:
    return outcomes[0].correlation_id if manifest is None else manifest.command_id


def _status(total: dict[str, Any], *, is_done: bool) -> str:
    if not is_done:
        return "posting"
    return "posted_with_rejections" if total.get("rejected_count") else "posted"
