"""What the engine tells Prometheus. The only module here that imports prometheus_client.

Counted is what was committed, once a transaction and not once a command, so that it costs a posting
next to nothing. No label names a tenant, a loan or a key.
"""

import time
from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final

import msgspec
from prometheus_client import Counter, Gauge, Histogram

from posting_engine.positions import Position
from posting_engine.verdict import Verdict
from schemas.commands import AccrualChunk
from schemas.observing import SECONDS

COMMANDS: Final = Counter(
    "hpts_engine_commands", "Commands that got their outcome.", ["command_type", "status"]
)
REFUSALS: Final = Counter(
    "hpts_engine_refusals", "Commands that a business rule refused.", ["code"]
)
LOANS_ACCRUED: Final = Counter("hpts_engine_loans_accrued", "Loans accrued, all batches together.")
BATCH_RECORDS: Final = Histogram(
    "hpts_engine_batch_records",
    "Records of the log that one transaction applied.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000),
)
COMMIT_SECONDS: Final = Histogram(
    "hpts_engine_commit_seconds",
    "One transaction, from its first statement to its commit.",
    buckets=SECONDS,
)
LAG_SECONDS: Final = Gauge(
    "hpts_engine_lag_seconds",
    "How long ago everything appended had been applied, by this process's clock. About 2 at rest.",
    ["partition"],
)
LAG_COMMANDS: Final = Gauge(
    "hpts_engine_lag_commands",
    "Records in the log that were not applied when its end was last asked for.",
    ["partition"],
)
HELD: Final = Gauge("hpts_engine_partitions", "Partitions that this process writes.")
HALTED: Final = Gauge("hpts_engine_halted", "1 while the partition stands still.", ["partition"])
HALTS: Final = Counter("hpts_engine_halts", "Partitions that were halted.")
QUARANTINED: Final = Gauge(
    "hpts_engine_quarantined_commands", "Commands that wait for an operator.", ["partition"]
)
QUARANTINES: Final = Counter(
    "hpts_engine_quarantines", "Commands that broke, each of which stops a loan."
)
DEAD_LETTERS: Final = Counter("hpts_engine_dead_letters", "Records that were no command.")
FENCED: Final = Counter(
    "hpts_engine_fenced", "Times that this process found a lease of its own taken."
)
INVARIANT_BREAKS: Final = Counter(
    "hpts_engine_invariant_breaks",
    "What must never happen, found in time: entries that do not balance, a journal that is not as "
    "it was signed.",
    ["invariant"],
)
CHECKPOINT_AGE: Final = Gauge(
    "hpts_engine_checkpoint_age_seconds",
    "How long something has been posted that no signed checkpoint covers, at most; 0: nothing.",
    ["partition"],
)
CHECKPOINT_FAILURES: Final = Counter(
    "hpts_engine_checkpoint_failures", "Turns in which checkpoints waited for a server or a disk."
)

DOUBLE_ENTRY: Final = "double_entry"
APPEND_ONLY: Final = "append_only"
for _invariant in (DOUBLE_ENTRY, APPEND_ONLY):
    INVARIANT_BREAKS.labels(_invariant)
_uncovered: Final[dict[int, tuple[int | None, float]]] = {}
"""Of each partition: the last entry that a checkpoint covers, and since when that is so."""
_OF_PARTITIONS: Final = (LAG_SECONDS, LAG_COMMANDS, HALTED, QUARANTINED, CHECKPOINT_AGE)


class _Told(msgspec.Struct):
    """What of a result is counted."""

    code: str = "none"
    loan_count: int = 0


def note_applied(verdict: Verdict) -> None:
    """A verdict was committed."""
    records = sum(
        after.next_offset - verdict.before[partition_id].next_offset
        for partition_id, after in verdict.after.items()
    )
    BATCH_RECORDS.observe(records)
    kinds = Tally((row.command_type, row.status) for row in verdict.outcomes)
    for (command_type, status), count in kinds.items():
        COMMANDS.labels(command_type, status).inc(count)
    for row in verdict.outcomes:
        if row.status == "rejected":
            REFUSALS.labels(msgspec.json.decode(row.result, type=_Told).code).inc()
        elif row.command_type == AccrualChunk.__name__:
            LOANS_ACCRUED.inc(msgspec.json.decode(row.result, type=_Told).loan_count)
    DEAD_LETTERS.inc(len(verdict.dead_letters))
    QUARANTINES.inc(len(verdict.quarantines))


def note_ends(running: Mapping[int, Position], written: Mapping[int, int]) -> None:
    """The log's ends were asked for: how far each partition is behind, and what waits there."""
    HELD.set(len(running))
    for partition_id, position in running.items():
        reached_s = position.reached_at.timestamp()
        # Asked for when somebody reads it: it grows while this process stands still.
        LAG_SECONDS.labels(partition_id).set_function(partial(_seconds_since, reached_s))
        QUARANTINED.labels(partition_id).set(position.quarantined_count)
        if partition_id in written:
            behind = max(0, written[partition_id] - position.next_offset)
            LAG_COMMANDS.labels(partition_id).set(behind)


def _seconds_since(instant_s: float) -> float:
    return time.time() - instant_s


def note_taken(partition_ids: Iterable[int]) -> None:
    """These partitions are written here from now on."""
    for partition_id in partition_ids:
        HALTED.labels(partition_id).set(0)


def note_halt(partition_id: int) -> None:
    """A partition stands still from now on."""
    HALTS.inc()
    HALTED.labels(partition_id).set(1)


def note_checkpoint_age(state: Mapping[str, Any]) -> None:
    """A partition's checkpoints were looked at: a row of `load_checkpoint_states`."""
    partition_id, entry_seq = state["partition_id"], state["entry_seq"]
    now = time.monotonic()
    is_covered = state["last_entry_seq"] == (entry_seq or 0)
    if is_covered or _uncovered.get(partition_id, (None, 0.0))[0] != entry_seq:
        _uncovered[partition_id] = entry_seq, now
    CHECKPOINT_AGE.labels(partition_id).set(now - _uncovered.get(partition_id, (None, now))[1])


def forget(partition_ids: Iterable[int]) -> None:
    """These partitions are another process's: it speaks for them."""
    for partition_id in partition_ids:
        for gauge in _OF_PARTITIONS:
            gauge.remove(partition_id)
