"""Requests of several commands: when all that matters is known, and the one answer made of it.

    batch                one command a part, queued together; answered when every one is known
    refinance            reserve, payoff, opening    } sent by the engine one after another;
    refinance reversal   opening's, then payoff's    } answered when the first is refused,
    period close         decide, then one a partition} or when the last is known

Pure. Outcomes may be found in any order, twice, and by announcement or in Postgres; the answer is
always computed from all of them in the same way, so that a replay gives the same body. A step is
told by its key, `<key>/<step>`.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from ingress_api import answers
from ingress_api.exchange import Answer
from schemas import scopes
from schemas.codec import Outcome
from schemas.commands import PeriodClose, Refinance, RefinanceReversal
from schemas.money import format_minor
from schemas.problems import ProblemError

Results = Mapping[str, dict[str, Any]]
"""The results of the steps by the step's own part of its key; the first command's is ""."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of request in steps.

    `is_one_decision`: one refusal is the answer; where a later step refuses, the last one undoes
    what the first prepared, and is waited for. `total` makes the result of what has posted,
    `location` where it can be read.
    """

    scope: str
    is_one_decision: bool
    total: Callable[[Sequence[Outcome], UUID], dict[str, Any]]
    location: Callable[[Mapping[str, Any]], str]

    def is_known(self, outcomes: Collection[Outcome], steps_total: int) -> bool:
        """Whether what is known of the steps is enough to answer, for good."""
        if self.is_one_decision and any(_is_first(o) and o.status != "posted" for o in outcomes):
            return True
        return len(outcomes) >= steps_total

    def answer(self, outcomes: Sequence[Outcome], command_id: UUID, *, is_replay: bool) -> Answer:
        """The answer once enough is known; raises its problem when it was refused."""
        result = self._result(outcomes, command_id)
        if "code" in result:
            raise ProblemError(answers.refusal(result, command_id, is_replay=is_replay))
        told = ("location", self.location(result))
        if is_replay:
            told = ("idempotency-replayed", "true")
        headers = (("hpts-position", answers.position_of(outcomes)), told)
        return Answer(200 if is_replay else 201, answers.to_json(result), headers)

    def _result(self, outcomes: Sequence[Outcome], command_id: UUID) -> dict[str, Any]:
        if self.is_one_decision:
            for outcome in sorted(outcomes, key=lambda one: one.idempotency_key):
                if outcome.status != "posted":
                    refused: dict[str, Any] = json.loads(outcome.result)
                    return refused
        return self.total(outcomes, command_id)


def _is_first(outcome: Outcome) -> bool:
    return "/" not in outcome.idempotency_key


def _by_step(outcomes: Sequence[Outcome]) -> Results:
    return {one.idempotency_key.partition("/")[2]: json.loads(one.result) for one in outcomes}


def _refinance(outcomes: Sequence[Outcome], command_id: UUID) -> dict[str, Any]:
    steps = _by_step(outcomes)
    old, new = steps["payoff"], steps["opening"]
    result = {
        "refinance_event_id": old["refinance_event_id"],
        "journal_entry_id": old["journal_entry_id"],
        "posted_at": max(old["posted_at"], new["posted_at"]),
        "correlation_id": str(command_id),
        "balances": [old["balance"], new["balance"]],
    }
    if "disbursement_event_id" in new:
        result["disbursement_event_id"] = new["disbursement_event_id"]
    return result


def _refinance_reversal(outcomes: Sequence[Outcome], command_id: UUID) -> dict[str, Any]:
    steps = _by_step(outcomes)
    new, old = steps[""], steps["payoff"]
    moved_minor = sum(int(step["moved_to_suspense_minor"]) for step in (new, old))
    return {
        "journal_entry_id": new["journal_entry_id"],
        "reverses_entry_id": new["reverses_entry_id"],
        "posted_at": max(new["posted_at"], old["posted_at"]),
        "correlation_id": str(command_id),
        "balances": [new["balance"], old["balance"]],
        "moved_to_suspense_minor": format_minor(moved_minor),
    }


def _period_close(outcomes: Sequence[Outcome], command_id: UUID) -> dict[str, Any]:
    steps = _by_step(outcomes)
    return {
        "period": steps[""]["period"],
        "status": "closed",
        "closed_at": max(step["closed_at"] for step in steps.values()),
        "correlation_id": str(command_id),
    }


def _entry(result: Mapping[str, Any]) -> str:
    entry_id = result["journal_entry_id"]
    if entry_id is None:
        return f"/v1/accruals/{result['accrual_event_id']}"
    return f"/v1/journal-entries/{entry_id}"


def _batch(scope: str) -> Kind:
    return Kind(scope, False, answers.total_of, _entry)


REFINANCE: Final = Kind(scopes.LOANS_WRITE, True, _refinance, _entry)
REFINANCE_REVERSAL: Final = Kind(scopes.REVERSALS_WRITE, True, _refinance_reversal, _entry)
PERIOD_CLOSE: Final = Kind(scopes.PERIODS_WRITE, True, _period_close, lambda _: "/v1/periods")
ACCRUAL: Final = _batch(scopes.ACCRUALS_WRITE)
BATCH_REVERSAL: Final = _batch(scopes.REVERSALS_WRITE)

KINDS: Final[Mapping[str, Kind]] = {
    "AccrualChunk": ACCRUAL,
    "Reversal": BATCH_REVERSAL,
    "Refinance": REFINANCE,
    "RefinancePayoff": REFINANCE,
    "RefinanceOpening": REFINANCE,
    "RefinanceRelease": REFINANCE,
    "RefinanceReversal": REFINANCE_REVERSAL,
    "PayoffReversal": REFINANCE_REVERSAL,
    "PeriodClose": PERIOD_CLOSE,
    "PeriodClosed": PERIOD_CLOSE,
}
"""Type of a step -> the kind of request that it belongs to."""


@dataclass(frozen=True, slots=True)
class Steps:
    """What a request in steps waits for."""

    kind: Kind
    total: int

    def are_known(self, outcomes: Collection[Outcome]) -> bool:
        """Whether enough is known to answer."""
        return self.kind.is_known(outcomes, self.total)


def steps_from(command: object, partition_count: int) -> Steps | None:
    """What follows from a first command; None of a command that is the whole request.

    The engine counts alike (`chunks_total` of its outcomes), and a test compares.
    """
    match command:
        case Refinance():
            return Steps(REFINANCE, 3)
        case RefinanceReversal():
            return Steps(REFINANCE_REVERSAL, 2)
        case PeriodClose():
            return Steps(PERIOD_CLOSE, 1 + partition_count)
    return None
