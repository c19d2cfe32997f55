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
from ingress_api.reservation import Manifest
from ingress_api.steps import KINDS, Kind
from ingress_api.store import StepOutcome, Store, outcome_from
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
    "QuarantineResume": scopes.OPERATIONS_WRITE,
    "QuarantineReject": scopes.OPERATIONS_WRITE,
}
"""Type of a command that no ingress took in -> the scope of the POST it would have come by."""


_SUMMED: Final = (
    *("chunks_done", "loan_count", "total_accrued_minor", "rejected_count"),
    "principal_mismatch_count",
)
"""What the partitions' parts of a batch add up to."""


@dataclass(frozen=True, slots=True)
class CommandState:
    """A command of the tenant's own; `kind` of one in steps. `outcomes` None: not known yet, or
    held until an operator decides.
    """

    command_id: UUID
    required_scope: str
    kind: Kind | None
    outcomes: list[Outcome] | None
    is_held: bool = False


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
        known = known_steps(steps)
        held = [] if known is not None else await _held(store, tenant_id, command_id)
        scope = _scope(row, [*(step.command_type for step in steps), *held])
        return CommandState(command_id, scope, kind, known, bool(held))
    found = await _outcome_rows(store, tenant_id, command_id, partition_id)
    held = [] if found else await _held(store, tenant_id, command_id)
    scope = _scope(row, [*(one["command_type"] for one in found), *held])
    known = [outcome_from(one) for one in found] or None
    return CommandState(command_id, scope, None, known, bool(held))


def _scope(reserved: Mapping[str, Any] | None, command_types: Sequence[str]) -> str:
    """The scope of the command's POST; raises `not_found` where nothing is known of it."""
    if reserved is not None:
        scope: str = reserved["required_scope"]
        return scope
    if not command_types:
        raise not_found()
    return _SCOPE_OF_TYPE[command_types[0]]


async def _held(store: Store, tenant_id: UUID, command_id: UUID) -> list[str]:
    """The types of what waits in quarantine of a command, or of a request's steps."""
    rows = await store.quarantined(tenant_id, command_id)
    return [row["command_type"] for row in rows if not row["is_share"]]


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
        body["status"] = "quarantined" if state.is_held else "pending"
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
    manifest = await _manifest(store, tenant_id, accrual_event_id)
    named = {"accrual_event_id": accrual_event_id, "partition_count": store.partition_count}
    parts = await store.rows("sum_accrual_outcomes", named, tenant_id=tenant_id)
    if manifest is None and not parts:
        raise not_found()
    sums = {name: sum(part[name] for part in parts) for name in _SUMMED}
    chunks_total = manifest.chunks_total if manifest else parts[0]["chunks_total"]
    is_done = sums["chunks_done"] >= chunks_total
    posted_minor = sums["total_accrued_minor"]
    body: dict[str, object] = {"accrual_event_id": str(accrual_event_id)}
    body["journal_entry_id"] = _latest(parts, "journal_entry_id")
    body["status"] = _status(sums["rejected_count"], is_done=is_done)
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
        "loan_count": sums["loan_count"],
        "total_accrued_minor": format_minor(posted_minor),
        "rejected_count": sums["rejected_count"],
        "principal_mismatch_count": sums["principal_mismatch_count"],
        "chunks_done": sums["chunks_done"],
        "chunks_total": chunks_total,
        "posted_at": _latest(parts, "posted_at") if is_done else None,
        "correlation_id": str(manifest.command_id) if manifest else parts[0]["correlation_id"],
    }
    position = ",".join(f"{part['partition_id']}:{part['last_offset']}" for part in parts)
    return Answer(200, answers.to_json(body), (("hpts-position", position),) if parts else ())


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
    if await _manifest(store, tenant_id, accrual_event_id) is None:
        named = {"accrual_event_id": accrual_event_id, "partition_count": store.partition_count}
        if not await store.rows("find_accrual_chunk", named, tenant_id=tenant_id):
            raise not_found()
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


async def _manifest(store: Store, tenant_id: UUID, accrual_event_id: UUID) -> Manifest | None:
    found = await manifests(store, tenant_id, first_id=accrual_event_id, last_id=accrual_event_id)
    return found[0] if found else None


def _latest(parts: Sequence[Mapping[str, Any]], name: str) -> str | None:
    known: list[str] = [part[name] for part in parts if part[name] is not None]
    return max(known, default=None)


async def _first_place(store: Store, *, is_descending: bool) -> paging.Place:
    ends = await store.last_offsets()
    upto = tuple(ends.get(partition, -1) for partition in range(store.partition_count))
    after = (store.partition_count, 0, 0) if is_descending else (-1, 0, 0)
    return paging.Place(upto, after)


def _status(rejected_count: int, *, is_done: bool) -> str:
    if not is_done:
        return "posting"
    return "posted_with_rejections" if rejected_count else "posted"
