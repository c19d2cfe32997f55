"""What the write edge tells Prometheus. The only module here that imports prometheus_client.

No label names a tenant, a loan or a key: what may be seen here may be seen by any operator.
"""

from collections.abc import Callable, Mapping
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from schemas.observing import SECONDS

REQUEST_SECONDS: Final = Histogram(
    "hpts_ingress_request_seconds",
    "From a request's headers to its answer: the wait for the outcome included.",
    ["route", "status"],
    buckets=SECONDS,
)
PROBLEMS: Final = Counter(
    "hpts_ingress_problems", "Requests that were answered by a problem document.", ["code"]
)
IN_FLIGHT: Final = Gauge("hpts_ingress_in_flight", "Posting requests under way.")
BATCH_STREAMS: Final = Gauge("hpts_ingress_batch_streams", "NDJSON batches being read.")
AWAITED: Final = Gauge("hpts_ingress_awaited", "Commands whose outcome a request waits for.")
POOL_WAITING: Final = Gauge(
    "hpts_ingress_pool_waiting", "Who waits for a connection to Postgres now."
)
POOL_WAITS: Final = Gauge(
    "hpts_ingress_pool_waits", "How often somebody had to wait for one since the start; only grows."
)
POOL_WAIT_SECONDS: Final = Gauge(
    "hpts_ingress_pool_wait_seconds", "How long all of them together; only grows."
)


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
