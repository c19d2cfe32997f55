"""What the read edge tells Prometheus: of itself, and of the books, whoever writes them.

The only module here that imports prometheus_client. No label names a tenant or a loan.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from prometheus_client import Counter, Gauge, Histogram

from schemas.observing import SECONDS

REQUEST_SECONDS: Final = Histogram(
    "hpts_read_request_seconds",
    "From a request's headers to its answer, a wait for HPTS-Min-Position included.",
    ["route", "status"],
    buckets=SECONDS,
)
PROBLEMS: Final = Counter(
    "hpts_read_problems", "Requests that were answered by a problem document.", ["code"]
)
POOL_WAITING: Final = Gauge("hpts_read_pool_waiting", "Who waits for a connection to Postgres now.")
POOL_WAITS: Final = Gauge(
    "hpts_read_pool_waits", "How often somebody had to wait for one since the start; only grows."
)
POOL_WAIT_SECONDS: Final = Gauge(
    "hpts_read_pool_wait_seconds", "How long all of them together; only grows."
)

BOOKS_SEEN: Final = Gauge(
    "hpts_books_seen_timestamp_seconds",
    "When the gauges of the books below were last read from Postgres.",
)
LAG_SECONDS: Final = Gauge(
    "hpts_books_lag_seconds",
    "How long ago everything appended had been applied. About 2 at rest: the clocks' slack.",
    ["partition"],
)
LAG_COMMANDS: Final = Gauge(
    "hpts_books_lag_commands", "Records in the log that are not applied yet.", ["partition"]
)
HELD_BACK: Final = Gauge(
    "hpts_books_held_back_commands",
    "Of these, what a transaction that somebody left open holds back.",
    ["partition"],
)
HALTED: Final = Gauge("hpts_books_halted", "1 while the partition stands still.", ["partition"])
QUARANTINED: Final = Gauge(
    "hpts_books_quarantined_commands", "Commands that wait for an operator.", ["partition"]
)
FENCED: Final = Gauge(
    "hpts_books_fenced_writers", "Writers that found their lease taken; only grows.", ["partition"]
)
DEAD_LETTERS: Final = Gauge("hpts_books_dead_letters", "Records that were no command; only grows.")


def note_request(route: str, status: int, seconds: float, *, problem: str | None = None) -> None:
    """A request was answered."""
    REQUEST_SECONDS.labels(route, status).observe(seconds)
    if problem is not None:
        PROBLEMS.labels(problem).inc()


def watch_pool(stats: Callable[[], Mapping[str, int]]) -> None:
    """From now on ask a pool of connections whenever somebody reads."""
    POOL_WAITING.set_function(lambda: stats().get("requests_waiting", 0))
    POOL_WAITS.set_function(lambda: stats().get("requests_queued", 0))
    POOL_WAIT_SECONDS.set_function(lambda: stats().get("requests_wait_ms", 0) / 1000)


def note_books(partitions: Sequence[Mapping[str, Any]], dead_letter_count: int) -> None:
    """The books were looked at: rows of `load_operations`."""
    for row in partitions:
        partition = row["partition_id"]
        LAG_SECONDS.labels(partition).set(row["lag_s"])
        LAG_COMMANDS.labels(partition).set(row["lag_commands"] or 0)
        HELD_BACK.labels(partition).set(row["held_back_commands"] or 0)
        HALTED.labels(partition).set(row["halted_because"] is not None)
        QUARANTINED.labels(partition).set(row["quarantined_count"])
        FENCED.labels(partition).set(row["fenced_writer_count"])
    DEAD_LETTERS.set(dead_letter_count)
    BOOKS_SEEN.set_to_current_time()
