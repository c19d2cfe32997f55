"""Requests of several commands: enough is known when it is final, and the answer is one."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import chain, combinations, permutations
from typing import Any, get_args
from uuid import UUID

import pytest

from ingress_api import progress, steps
from ingress_api.operations import OPERATIONS, PERIOD_CLOSES
from ingress_api.outcomes import Waiter
from posting_engine.posting import entries
from schemas.codec import Outcome
from schemas.commands import AnyCommand, PeriodClose, Refinance, RefinanceReversal
from schemas.problems import ProblemError
from schemas.quarantine import Resolution

TENANT = UUID("11111111-2222-4333-8444-555555555555")
REQUEST = UUID("01a20e3f-5a3f-8fff-9c4e-e60c38a5cab9")
OTHER = UUID("01a20e3f-5a3f-8001-9c4e-e60c38a5cab9")
EARLY, LATE = "2026-03-02T10:00:00.000001Z", "2026-03-02T10:00:00.000002Z"


def outcome(step: str, result: dict[str, Any], *, status: str = "posted", **more: Any) -> Outcome:
    known = Outcome(
        tenant_id=TENANT,
        command_id=REQUEST if not step else OTHER,
        correlation_id=REQUEST,
        idempotency_key=f"refinance:1/{step}".removesuffix("/"),
        fingerprint=bytes(32),
        status=status,
        result=json.dumps(result),
        partition_id=len(step) % 4,
        command_offset=10 + len(step),
    )
    return replace(known, **more)


def of_loan(name: str, at: str, **more: str) -> dict[str, Any]:
    event = {"refinance_event_id": "event", "journal_entry_id": "entry", "posted_at": at}
    return {**event, "correlation_id": str(REQUEST), "balance": {"loan_id": name}, **more}


RESERVED = outcome("", {"refinance_event_id": "event"})
PAID_OFF = outcome("payoff", of_loan("old", LATE))
OPENED = outcome("opening", of_loan("new", EARLY, disbursement_event_id="more"))
REFUSED = outcome(
    "payoff", {"code": "loan_not_found", "detail": "No such loan."}, status="rejected"
)
RELEASED = outcome("release", {"refinance_event_id": "event"})
MIRROR = {"moved_to_suspense_minor": "5", "reverses_entry_id": "original"}
OPENING_REVERSED = outcome("", of_loan("new", EARLY, **MIRROR))
PAYOFF_REVERSED = outcome(
    "payoff", of_loan("old", LATE, **MIRROR | {"moved_to_suspense_minor": "0"})
)
CLOSED = [
    outcome(step, {"period": "2026-01", "status": "closed", "closed_at": at})
    for step, at in (("", EARLY), ("0", LATE), ("1", EARLY))
]
ENVELOPE: dict[str, Any] = {
    "tenant_id": TENANT,
    "idempotency_key": "refinance:1",
    "fingerprint": bytes(32),
    "accepted_at": datetime(2026, 3, 2, tzinfo=UTC),
    "actor": "client",
}
OF_LOANS: dict[str, Any] = {
    "loan_id": TENANT,
    "new_loan_id": OTHER,
    "effective_on": date(2026, 3, 2),
}
FIRST_COMMANDS = [
    Refinance(**ENVELOPE, **OF_LOANS),
    RefinanceReversal(
        **ENVELOPE, **OF_LOANS, reverses_entry_id=OTHER, reason_code="other", reason_description="x"
    ),
    PeriodClose(**ENVELOPE, closed_through=date(2026, 1, 31)),
]


@pytest.mark.parametrize("command", FIRST_COMMANDS, ids=lambda one: type(one).__name__)
def test_the_engine_counts_the_steps_alike(command: AnyCommand) -> None:
    for partition_count in (1, 4, 12):
        found = steps.steps_from(command, partition_count)
        assert found is not None
        assert found.total == entries.steps_total(command, partition_count)
        assert found.kind is steps.KINDS[type(command).__name__]


def test_every_command_has_the_scope_of_its_post() -> None:
    names = {kind.__name__ for kind in (*get_args(AnyCommand), *get_args(Resolution))}
    assert set(progress.SCOPE_OF_TYPE) == names
    scopes = {operation.scope for operation in (*OPERATIONS, PERIOD_CLOSES)}
    assert scopes <= set(progress.SCOPE_OF_TYPE.values())
    made = {"Fee": "FeeAssessment"}
    for operation in (*OPERATIONS, PERIOD_CLOSES):
        kind = made.get(operation.name, operation.name)
        assert progress.SCOPE_OF_TYPE[kind] == operation.scope


def subsets(outcomes: list[Outcome]) -> list[tuple[Outcome, ...]]:
    sizes = range(len(outcomes) + 1)
    return list(chain.from_iterable(combinations(outcomes, size) for size in sizes))


@pytest.mark.parametrize(
    ("kind", "posted"),
    [
        (steps.REFINANCE, [RESERVED, PAID_OFF, OPENED]),
        (steps.REFINANCE_REVERSAL, [OPENING_REVERSED, PAYOFF_REVERSED]),
        (steps.PERIOD_CLOSE, CLOSED),
    ],
)
def test_what_posts_is_known_with_the_last_step_and_answered_alike_in_any_order(
    kind: steps.Kind, posted: list[Outcome]
) -> None:
    for some in subsets(posted):
        assert kind.is_known(some, len(posted)) == (len(some) == len(posted))
    answers = {kind.answer(order, REQUEST, is_replay=False) for order in permutations(posted)}
    assert len(answers) == 1
    (first,) = answers
    again = kind.answer(posted, REQUEST, is_replay=True)
    assert (first.status, again.status) == (201, 200)
    assert first.body == again.body
    assert "location" in dict(first.headers)
    assert dict(again.headers)["idempotency-replayed"] == "true"


def test_a_refused_payoff_is_answered_once_the_new_loan_s_id_is_free_again() -> None:
    for some in subsets([RESERVED, REFUSED, RELEASED]):
        assert steps.REFINANCE.is_known(some, 3) == (len(some) == 3)
    with pytest.raises(ProblemError) as refused:
        steps.REFINANCE.answer([RELEASED, REFUSED, RESERVED], REQUEST, is_replay=False)
    problem = refused.value.problem
    assert (problem.code, problem.command_id) == ("loan_not_found", REQUEST)


def test_a_refused_first_step_is_answered_at_once() -> None:
    taken = replace(RESERVED, status="rejected", result='{"code":"new_loan_exists"}')
    assert steps.REFINANCE.is_known([taken], 3)
    with pytest.raises(ProblemError) as refused:
        steps.REFINANCE.answer([taken], REQUEST, is_replay=False)
    assert refused.value.problem.code == "new_loan_exists"


def test_a_batch_is_known_only_whole_whatever_is_refused() -> None:
    for some in subsets([RESERVED, REFUSED, RELEASED]):
        assert steps.ACCRUAL.is_known(some, 3) == (len(some) == 3)


def test_what_a_refinance_answers() -> None:
    answer = steps.REFINANCE.answer([OPENED, PAID_OFF, RESERVED], REQUEST, is_replay=False)
    assert json.loads(answer.body) == {
        "refinance_event_id": "event",
        "journal_entry_id": "entry",
        "posted_at": LATE,
        "correlation_id": str(REQUEST),
        "balances": [{"loan_id": "old"}, {"loan_id": "new"}],
        "disbursement_event_id": "more",
    }
    assert dict(answer.headers)["location"] == "/v1/journal-entries/entry"


def test_what_its_reversal_answers() -> None:
    both = [PAYOFF_REVERSED, OPENING_REVERSED]
    answer = steps.REFINANCE_REVERSAL.answer(both, REQUEST, is_replay=False)
    assert json.loads(answer.body) == {
        "journal_entry_id": "entry",
        "reverses_entry_id": "original",
        "posted_at": LATE,
        "correlation_id": str(REQUEST),
        "balances": [{"loan_id": "new"}, {"loan_id": "old"}],
        "moved_to_suspense_minor": "5",
    }


def test_what_a_close_answers() -> None:
    answer = steps.PERIOD_CLOSE.answer(CLOSED, REQUEST, is_replay=False)
    assert json.loads(answer.body) == {
        "period": "2026-01",
        "status": "closed",
        "closed_at": LATE,
        "correlation_id": str(REQUEST),
    }
    assert dict(answer.headers)["location"] == "/v1/periods"


def waiter(loop: asyncio.AbstractEventLoop, **more: Any) -> Waiter:
    given: dict[str, Any] = {"steps": None, "dry_run_of": None, **more}
    return Waiter(
        tenant_id=TENANT,
        command_id=REQUEST,
        partition_id=0,
        idempotency_key="refinance:1",
        all_known=loop.create_future(),
        ask_at=0.0,
        **given,
    )


@pytest.mark.parametrize("is_dry_run", [False, True])
def test_a_dry_run_and_a_command_in_earnest_never_take_each_others_outcome(
    is_dry_run: bool,
) -> None:
    async def wait() -> None:
        own = waiter(asyncio.get_running_loop(), dry_run_of=bytes(32) if is_dry_run else None)
        own.take(replace(RESERVED, dry_run=not is_dry_run))
        assert not own.all_known.done()
        own.take(replace(RESERVED, dry_run=is_dry_run))
        assert own.all_known.done()

    asyncio.run(wait())


def test_two_dry_runs_under_one_key_in_one_millisecond_are_told_apart() -> None:
    async def wait() -> None:
        own = waiter(asyncio.get_running_loop(), dry_run_of=bytes(32))
        own.take(replace(RESERVED, dry_run=True, fingerprint=bytes(31) + b"1"))
        assert not own.all_known.done()

    asyncio.run(wait())


def test_an_announcement_twice_is_one_step() -> None:
    async def wait() -> None:
        own = waiter(asyncio.get_running_loop(), steps=steps.Steps(steps.REFINANCE, 3))
        for one in (RESERVED, RESERVED, PAID_OFF, RESERVED, PAID_OFF):
            own.take(one)
            assert not own.all_known.done()
        own.take(OPENED)
        found = await own.wait(asyncio.get_running_loop().time() + 5)
        assert found is not None
        assert len(found) == 3

    asyncio.run(wait())


def test_another_commands_outcome_under_the_key_ends_the_wait_of_steps() -> None:
    async def wait() -> None:
        own = waiter(asyncio.get_running_loop(), steps=steps.Steps(steps.REFINANCE, 3))
        own.take_another_s(RESERVED)
        assert not own.all_known.done()
        foreign = replace(RESERVED, correlation_id=OTHER)
        own.take_another_s(foreign)
        assert await own.wait(asyncio.get_running_loop().time() + 5) == [foreign]

    asyncio.run(wait())
