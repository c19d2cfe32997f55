"""Tests that bite: with any of these bugs in the engine, some seed is not sound.

Each is planted as a small patch and must be caught within `MOST_SEEDS` seeds. The last four were
real: the simulation found them in the engine.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from posting_engine import applying, batch, books, records, store
from posting_engine.announcing import announce
from posting_engine.applying import Applying
from posting_engine.books import Books
from posting_engine.contiguity import Contiguity, Turn
from posting_engine.outgoing import Outgoing, _identity
from posting_engine.posting import decide, refinancing
from posting_engine.posting.refusals import Refusal
from posting_engine.records import Record
from posting_engine.statements import STATEMENTS
from posting_engine.verdict import Verdict
from posting_engine.worker import Worker
from schemas.commands import RefinancePayoff
from tests.simulation import statements
from tests.simulation.broker import Partition
from tests.simulation.clients import Clients
from tests.simulation.connection import Hazards
from tests.simulation.run import simulate
from tests.simulation.server import Session

MOST_SEEDS = 200

Plant = Callable[[pytest.MonkeyPatch], None]


def epoch_is_not_checked(patch: pytest.MonkeyPatch) -> None:
    def move(session: Session, parameters: Mapping[str, Any]) -> Any:
        rows = [session.get("partitions", (p,)) for p in parameters["partition_ids"]]
        epochs = [row["lease_epoch"] for row in rows if row is not None]
        return original(session, dict(parameters) | {"lease_epochs": epochs})

    original = statements.SIMULATED["move_position"]
    patch.setitem(statements.SIMULATED, "move_position", move)


def lease_does_not_raise_the_epoch(patch: pytest.MonkeyPatch) -> None:
    def take(session: Session, parameters: Mapping[str, Any]) -> Any:
        taken = original(session, parameters)
        for row in taken:
            row["lease_epoch"] -= 1
            written = session.get("partitions", (row["partition_id"],)) or {}
            session.put("partitions", written | {"lease_epoch": row["lease_epoch"]})
        return taken

    original = statements.SIMULATED["take_lease"]
    patch.setitem(statements.SIMULATED, "take_lease", take)


def position_is_moved_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    def record(self: Books, verdict: Verdict, pages: Any, _meanwhile: Any = None) -> None:
        moves = [s for s in writes_of(verdict, pages) if s[0] == "move_position"]
        self.store.read(moves)
        rest = [s for s in writes_of(verdict, pages) if s[0] != "move_position"]
        connection = self.store._connected()
        with self.store._errors(), store._transaction(connection), connection.pipeline():
            connection.execute(STATEMENTS["begin"])
            for name, parameters in rest:
                connection.execute(STATEMENTS[name], parameters)

    writes_of = books.writes_of
    patch.setattr(Books, "record", record)


def where_to_read_from_is_kafkas_business(patch: pytest.MonkeyPatch) -> None:
    def assigned(self: Worker, partition_ids: Sequence[int]) -> Mapping[int, int]:
        offsets = original(self, partition_ids)
        self._sequence._unverified.clear()
        return {p: max(offset, seen.get(p, 0)) for p, offset in offsets.items()}

    def judge(self: Contiguity, record: Record, position: Any) -> Turn:
        if record.offset > self._due[record.partition_id]:
            self._due[record.partition_id] = record.offset
        seen[record.partition_id] = self._due[record.partition_id]
        return take(self, record, position)

    seen: dict[int, int] = {}
    original, take = Worker.assigned, Contiguity.judge
    patch.setattr(Worker, "assigned", assigned)
    patch.setattr(Contiguity, "judge", judge)


def offsets_need_not_be_contiguous(patch: pytest.MonkeyPatch) -> None:
    def judge(self: Contiguity, record: Record, position: Any) -> Turn:
        is_verified = self.is_verified(record.partition_id)
        if is_verified and record.offset > self._due[record.partition_id]:
            self._due[record.partition_id] = record.offset
        return original(self, record, position)

    original = Contiguity.judge
    patch.setattr(Contiguity, "judge", judge)


def a_witness_that_was_skipped_halts(patch: pytest.MonkeyPatch) -> None:
    def judge(self: Contiguity, record: Record, position: Any) -> Turn:
        turn = original(self, record, position)
        is_witness_skipped = turn is Turn.AGAIN and not self.is_verified(record.partition_id)
        return Turn.ANOTHER if is_witness_skipped else turn

    original = Contiguity.judge
    patch.setattr(Contiguity, "judge", judge)


def duplicates_are_not_looked_for(patch: pytest.MonkeyPatch) -> None:
    def decide_batch(items: Any, pages: Any, earlier: Any, before: Any, **more: Any) -> Verdict:
        return original(items, pages, {}, before, **more)

    original = applying.decide_batch
    patch.setattr(applying, "decide_batch", decide_batch)


def nothing_is_read_back_after_an_unknown_commit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Worker, "_resync", lambda self: None)


def outcomes_are_announced_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    def post(self: Worker, items: Any) -> None:
        working.append(self)
        original(self, items)

    def record(self: Applying, run: Any, held: Any, **how: Any) -> Verdict:
        verdict, pages = self._decided(run, held, **how)
        announce(verdict, working[-1].sender)
        if verdict.after != verdict.before:
            self.books.record(verdict, pages)
        return verdict

    working: list[Worker] = []
    original = Worker._post
    patch.setattr(Worker, "_post", post)
    patch.setattr(Applying, "_recorded", record)


def outgoing_commands_are_forgotten_when_handed_over(patch: pytest.MonkeyPatch) -> None:
    def send(self: Outgoing, row: Any, key: Any) -> bool:
        handed_over = original(self, row, key)
        if handed_over:
            self._sent[_identity(row)].offset = 0
        return handed_over

    original = Outgoing._send
    patch.setattr(Outgoing, "_send", send)


def outgoing_commands_are_sent_newest_first(patch: pytest.MonkeyPatch) -> None:
    def load(self: Books, *which: Any, **how: Any) -> Any:
        return original(self, *which, **how)[::-1]

    original = Books.outgoing
    patch.setattr(Books, "outgoing", load)


def refused_refinances_keep_their_reservation(patch: pytest.MonkeyPatch) -> None:
    def pay_off(*arguments: Any) -> Any:
        decision = original(*arguments)
        return replace(decision, follow_ups=()) if isinstance(decision, Refusal) else decision

    original = refinancing.pay_off
    patch.setitem(decide.DECIDERS, RefinancePayoff, pay_off)


def time_may_go_back(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(batch, "max", lambda appended_at, _: appended_at, raising=False)


def batches_are_never_cut(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(applying, "runs", lambda items: [list(items)] if items else [])


def any_partition_may_hold_a_command(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(records, "_is_in_its_partition", lambda *_: True)


def a_key_may_name_two_requests(patch: pytest.MonkeyPatch) -> None:
    def attempt(self: Clients, request: Any) -> None:
        name = (request.tenant_id, request.key)
        held = self.server.tables["idempotency_reservations"].get(name)
        if held is not None and held["request_fingerprint"] != request.fingerprint:
            del self.server.tables["idempotency_reservations"][name]
        original(self, request)

    original = Clients._attempt
    patch.setattr(Clients, "_attempt", attempt)


def what_is_hidden_witnesses_the_log(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(batch, "halts", SimpleNamespace(HIDDEN=None))


def what_collides_is_refused_before_it_is_fenced(patch: pytest.MonkeyPatch) -> None:
    def check_fence(asked: Any, cursors: Any) -> None:
        if all(cursor.rowcount >= 0 for cursor in cursors):
            original(asked, cursors)

    original = store.check_fence
    patch.setattr(store, "check_fence", check_fence)


def a_hung_transaction_ends_the_log(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Partition, "written", Partition.end)


def what_a_late_commit_queued_is_not_looked_for(patch: pytest.MonkeyPatch) -> None:
    def resync(self: Worker) -> None:
        real = self.outgoing
        self.outgoing = SimpleNamespace(note_dead_letters=lambda partition_ids: None)  # type: ignore[assignment]
        try:
            original(self)
        finally:
            self.outgoing = real

    original = Worker._resync
    patch.setattr(Worker, "_resync", resync)


PLANTS: tuple[Plant, ...] = (
    epoch_is_not_checked,
    lease_does_not_raise_the_epoch,
    position_is_moved_before_the_commit,
    where_to_read_from_is_kafkas_business,
    offsets_need_not_be_contiguous,
    duplicates_are_not_looked_for,
    nothing_is_read_back_after_an_unknown_commit,
    outcomes_are_announced_before_the_commit,
    outgoing_commands_are_forgotten_when_handed_over,
    outgoing_commands_are_sent_newest_first,
    refused_refinances_keep_their_reservation,
    time_may_go_back,
    batches_are_never_cut,
    any_partition_may_hold_a_command,
    a_key_may_name_two_requests,
    what_is_hidden_witnesses_the_log,
    what_collides_is_refused_before_it_is_fenced,
    a_hung_transaction_ends_the_log,
    a_witness_that_was_skipped_halts,
    what_a_late_commit_queued_is_not_looked_for,
)

RARE = Hazards(lost_in_commit=0.3, late_between_reads=1.0)
"""For what needs a late COMMIT between two reads."""

ONLY_COMMITS_ARE_LOST = Hazards(
    lost_in_commit=0.95,
    late_between_reads=0.9,
    lost_before_commit=0.0,
    lost_statement=0.0,
    killed=0.0,
    stopped=0.0,
)
HAZARDS = {what_a_late_commit_queued_is_not_looked_for: ONLY_COMMITS_ARE_LOST}
"""Other than the usual, for a bug that other faults would hide: a new holder looks for itself."""


@pytest.mark.slow
@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_a_planted_bug_is_caught(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    for seed in range(MOST_SEEDS):
        run = simulate(seed, hazards=HAZARDS.get(plant))
        if run.faults:
            print(f"caught after {seed + 1} seeds: {run.faults[0][:200]}")
            return
    pytest.fail(f"nothing was noticed in {MOST_SEEDS} seeds")


def test_without_a_planted_bug_the_same_seeds_are_sound() -> None:
    for seed in range(5):
        assert simulate(seed).faults == []
        assert simulate(seed, hazards=RARE).faults == []
