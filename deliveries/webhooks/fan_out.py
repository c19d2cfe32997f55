"""From the journal to the endpoints' queues: which entry is told to whom, and after what.

One transaction takes partitions' cursors, queues the entries behind them for every endpoint that
listens, and moves the cursors: whatever happens, each entry is queued once. The engine knows
nothing of endpoints. An entry in parts (a batch, a refinance) is one event, with its last part.
A replay queues again what was posted since an instant, by the same statement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from deliveries.store import Row, Store
from schemas.crash_points import crash_point

MOST_ENTRIES: Final = 2_000
"""Of all partitions, in one transaction."""
MOST_EVENTS: Final = 20_000
"""Entries times endpoints, likewise; but an entry is told to all in one."""
MOST_SWEPT: Final = 2_000
_FIRST: Final = UUID(int=0)

Run = tuple[int, int, int]
"""Partition, and the entries above one up to another."""


@dataclass(slots=True)
class FanOut:
    """What it works with. One thread owns it. Raises `StoreUnavailable`."""

    store: Store
    partition_count: int
    kept_days: int
    _is_begun: bool = False
    _replayed: UUID = _FIRST
    """The tenant of whom a replay was gone on with last."""

    def turn(self) -> bool:
        """Queue what is new, and a piece of a replay; whether there is more to do at once."""
        if not self._is_begun:
            self.store.rows("ensure_cursors", partition_count=self.partition_count)
            self._is_begun = True
        has_more = self._queue_new()
        self._queue_whole()
        return self._replay() or has_more

    def sweep(self) -> None:
        """What need not be done at once: say that all is well; forget what is gone."""
        self.store.rows("note_caught_up")
        self.store.rows("drop_pending", most=MOST_SWEPT)
        self.store.rows("drop_queues_of_gone", most=MOST_SWEPT)
        self.store.rows("forget_deliveries", kept_days=self.kept_days, most=MOST_SWEPT)
        self.store.rows("forget_endpoints")

    def _queue_new(self) -> bool:
        with self.store.transaction():
            behind = self.store.rows("lock_cursors")
            # Only now, so that whoever listened before an entry was posted is counted.
            most_listeners = self._most_listeners() if behind else 0
            runs = _runs_of(behind, most_listeners)
            if not runs:
                return False
            if most_listeners:
                self._queue(runs, endpoint_id=None, is_replay=False)
                self.store.rows("await_parts", **_columns(runs))
                crash_point("delivery-events-queued")
            self.store.rows(
                "move_webhook_cursors",
                partition_ids=[partition_id for partition_id, _, _ in runs],
                entry_seqs=[through_seq for _, _, through_seq in runs],
            )
        told = {partition_id: through_seq for partition_id, _, through_seq in runs}
        return any(row["last_entry_seq"] > told[row["partition_id"]] for row in behind)

    def _most_listeners(self) -> int:
        [row] = self.store.rows("count_listeners")
        return int(row["most"])

    def _queue(self, runs: Sequence[Run], *, endpoint_id: UUID | None, is_replay: bool) -> None:
        self.store.rows(
            "queue_events", **_columns(runs), endpoint_id=endpoint_id, is_replay=is_replay
        )

    def _queue_whole(self) -> None:
        whole = self.store.rows("load_whole", partition_count=self.partition_count)
        if whole:
            self.store.rows(
                "queue_whole",
                tenant_ids=[row["tenant_id"] for row in whole],
                journal_entry_ids=[row["journal_entry_id"] for row in whole],
            )

    def _replay(self) -> bool:
        with self.store.transaction():
            rows = self.store.rows("load_replay", after_tenant=self._replayed)
            if not rows:
                return False
            [replay] = rows
            self._replayed = replay["tenant_id"]
            first, through = replay["next_seqs"], replay["through_seqs"]
            if first is None:
                places = self.store.rows("find_first_since", from_at=replay["from_at"])
                first = [place["first_seq"] for place in places]
                through = [place["through_seq"] for place in places]
            left = [
                {"partition_id": p, "entry_seq": first_seq - 1, "last_entry_seq": through_seq}
                for p, (first_seq, through_seq) in enumerate(zip(first, through, strict=True))
                if first_seq <= through_seq
            ]
            runs = _runs_of(left, most_listeners=1)
            if runs:
                self._queue(runs, endpoint_id=replay["endpoint_id"], is_replay=True)
            for partition_id, _, through_seq in runs:
                first[partition_id] = through_seq + 1
            is_finished = all(f > t for f, t in zip(first, through, strict=True))
            self.store.rows(
                "move_replay",
                replay_id=replay["replay_id"],
                next_seqs=first,
                through_seqs=through,
                is_finished=is_finished,
            )
        return True


def _runs_of(behind: Sequence[Row], most_listeners: int) -> list[Run]:
    """How much of each partition one transaction queues. Where nobody listens, all is passed."""
    if not behind:
        return []
    whole = [(row["partition_id"], row["entry_seq"], row["last_entry_seq"]) for row in behind]
    if not most_listeners:
        return whole
    most = max(1, min(MOST_ENTRIES, MOST_EVENTS // most_listeners) // len(behind))
    return [(p, after_seq, min(last_seq, after_seq + most)) for p, after_seq, last_seq in whole]


def _columns(runs: Sequence[Run]) -> dict[str, list[Any]]:
    return {
        "partition_ids": [partition_id for partition_id, _, _ in runs],
        "after_seqs": [after_seq for _, after_seq, _ in runs],
        "through_seqs": [through_seq for _, _, through_seq in runs],
    }
