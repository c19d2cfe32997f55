"""What became of a command, as the client is told it. Pure: the same outcome, the same bytes.

A posted command's result is the response body as the engine wrote it. What a request of several
commands is told is computed in `steps`.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import msgspec

from ingress_api.exchange import Answer
from schemas.codec import Outcome
from schemas.money import format_minor
from schemas.problems import Problem, ProblemError


class _Named(msgspec.Struct):
    """What of a result names its entry."""

    journal_entry_id: str | None = None


RETRY_AFTER_S: Final = "1"
_REJECTIONS: Final = '"rejections"'
QUARANTINED: Final = "quarantined"
"""The status of what waits for an operator: known, and yet no outcome."""


def answer_one(outcome: Outcome, *, is_replay: bool) -> Answer:
    """The answer to a request of one command; raises its problem when it was refused."""
    if outcome.status != "posted":
        refused: dict[str, Any] = json.loads(outcome.result)
        raise ProblemError(refusal(refused, outcome.command_id, is_replay=is_replay))
    headers = [("hpts-position", f"{outcome.partition_id}:{outcome.command_offset}")]
    if is_replay:
        headers.append(("idempotency-replayed", "true"))
    else:
        entry_id = msgspec.json.decode(outcome.result, type=_Named).journal_entry_id
        of_command = f"/v1/commands/{outcome.command_id}"
        headers.append(
            ("location", of_command if entry_id is None else f"/v1/journal-entries/{entry_id}")
        )
    return Answer(200 if is_replay else 201, outcome.result.encode(), tuple(headers))


def answer_known(known: Outcome) -> Answer:
    """The answer to the same request again: what became of it, or that it is held."""
    if known.status == QUARANTINED:
        return answer_pending(known.command_id, position_of([known]), None, is_held=True)
    return answer_one(known, is_replay=True)


def answer_tried(outcome: Outcome) -> Answer:
    """The answer to a dry run: what posting it now would have given."""
    result: dict[str, Any] = json.loads(outcome.result)
    if outcome.status != "posted":
        problem = refusal(result, None, is_replay=False)
        raise ProblemError(replace(problem, members={**problem.members, "dry_run": True}))
    headers = (("hpts-position", f"{outcome.partition_id}:{outcome.command_offset}"),)
    return Answer(200, to_json(result | {"dry_run": True}), headers)


def answer_pending(
    command_id: UUID, position: str | None, accrual_event_id: UUID | None, *, is_held: bool = False
) -> Answer:
    """202: accepted for good, not known in time; or held until an operator decides."""
    status = QUARANTINED if is_held else "pending"
    body: dict[str, object] = {"command_id": str(command_id), "status": status}
    location = f"/v1/commands/{command_id}"
    if accrual_event_id is not None:
        body["accrual_event_id"] = str(accrual_event_id)
        location = f"/v1/accruals/{accrual_event_id}"
    headers = [("location", location), ("retry-after", RETRY_AFTER_S)]
    if position is not None:
        headers.append(("hpts-position", position))
    return Answer(202, to_json(body), tuple(headers))


def refusal(result: dict[str, Any], command_id: UUID | None, *, is_replay: bool) -> Problem:
    """The problem of a business refusal, from the result that the engine recorded.

    No command id of a dry run: its command is recorded nowhere.
    """
    members = {name: value for name, value in result.items() if name not in ("code", "detail")}
    # The rejected loans of a batch are listed at their own address.
    members.pop("rejections", None)
    return Problem(
        code=result["code"],
        detail=result.get("detail"),
        command_id=command_id,
        members=members,
        headers={"Idempotency-Replayed": "true"} if is_replay else {},
    )


def without_rejections(outcome: Outcome) -> Outcome:
    """An outcome without the list of its rejected loans, which a batch would keep by millions.

    They are listed at their own address; whoever asks Postgres for steps gets them like this.
    """
    if _REJECTIONS not in outcome.result:
        return outcome
    result = json.loads(outcome.result)
    result.pop("rejections", None)
    return replace(outcome, result=json.dumps(result))


def total_of(outcomes: Sequence[Outcome], command_id: UUID) -> dict[str, Any]:
    """One result from those of all steps: `code` and `detail` are in it when none has posted."""
    ordered = sorted(outcomes, key=lambda one: (one.partition_id, one.command_offset))
    results = [json.loads(outcome.result) for outcome in ordered]
    posted = [r for o, r in zip(ordered, results, strict=True) if o.status == "posted"]
    total = _sums(results, posted) | {"correlation_id": str(command_id)}
    if posted:
        return total
    # A part reversed before is skipped; it is the answer only when all of them were.
    told = next((r for r in results if r["code"] != "already_reversed"), results[0])
    if told["code"] == "accrual_rejected":
        told = {"code": told["code"], "detail": "No loan of the batch could accrue."}
    known = {name: value for name, value in total.items() if value is not None}
    return {**told, **known}


def _sums(results: Sequence[dict[str, Any]], posted: Sequence[dict[str, Any]]) -> dict[str, Any]:
    first = (posted or results)[0]
    total: dict[str, Any] = {
        name: first[name] for name in ("accrual_event_id", "reverses_entry_id") if name in first
    }
    entry_ids = [r["journal_entry_id"] for r in posted if r.get("journal_entry_id") is not None]
    total["journal_entry_id"] = entry_ids[0] if entry_ids else None
    total["loan_count"] = sum(r.get("loan_count", 0) for r in posted)
    for name in ("total_accrued_minor", "total_reversed_minor"):
        if any(name in r for r in results):
            total[name] = format_minor(sum(int(r.get(name, 0)) for r in posted))
    known = [r["posted_at"] for r in results if "posted_at" in r]
    total["posted_at"] = max(known, default=None)
    total["rejected_count"] = sum(r.get("rejected_count", 0) for r in results)
    if any("principal_mismatch_count" in r for r in results):
        total["principal_mismatch_count"] = sum(
            r.get("principal_mismatch_count", 0) for r in results
        )
    return total


def position_of(outcomes: Sequence[Outcome]) -> str:
    """The last offset in each partition, as in `HPTS-Position`."""
    last: dict[int, int] = {}
    for outcome in outcomes:
        seen = last.get(outcome.partition_id, -1)
        last[outcome.partition_id] = max(seen, outcome.command_offset)
    return ",".join(f"{partition}:{offset}" for partition, offset in sorted(last.items()))


def to_json(value: object) -> bytes:
    """JSON as it is sent: compact, UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
