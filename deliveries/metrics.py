"""What the deliveries tell Prometheus. The only module here that imports prometheus_client.

What stands in Postgres (lag, queues, endpoints) every process of them tells alike: take the
maximum. No label names a tenant, an endpoint or a loan.
"""

from collections.abc import Sequence
from typing import Final

from prometheus_client import Counter, Gauge

from deliveries.store import Row
from deliveries.webhooks.event import Attempt

LAG_ENTRIES: Final = Gauge(
    "hpts_deliveries_lag_entries",
    "Entries of the journal that have not left: to the topic, or to the endpoints' queues.",
    ["cursor", "partition"],
)
LAG_SECONDS: Final = Gauge(
    "hpts_deliveries_lag_seconds",
    "How long ago the oldest of these entries was posted; 0 where there are none.",
    ["cursor", "partition"],
)
HALTED: Final = Gauge(
    "hpts_deliveries_halted", "1 while the partition's journal is not published.", ["partition"]
)
PUBLISHED: Final = Counter(
    "hpts_deliveries_published", "Messages of the journal topic that the broker acknowledged."
)
ATTEMPTS: Final = Counter(
    "hpts_deliveries_webhook_attempts",
    "Attempts to tell an endpoint: acknowledged (2xx), refused (another answer), unreached (none).",
    ["outcome"],
)
PENDING: Final = Gauge(
    "hpts_deliveries_webhook_pending", "Events that endpoints have still to be told of."
)
OLDEST_SECONDS: Final = Gauge(
    "hpts_deliveries_webhook_oldest_seconds",
    "How long ago the oldest of these events was queued; 0 where there are none.",
)
DISABLED: Final = Gauge(
    "hpts_deliveries_webhook_endpoints_disabled", "Endpoints that are told nothing any more."
)
SEEN: Final = Gauge(
    "hpts_deliveries_seen_timestamp_seconds",
    "When lag, queues and endpoints were last read from Postgres.",
)

ACKNOWLEDGED: Final = "acknowledged"
REFUSED: Final = "refused"
UNREACHED: Final = "unreached"
for _outcome in (ACKNOWLEDGED, REFUSED, UNREACHED):
    ATTEMPTS.labels(_outcome)


def note_published() -> None:
    """The broker has a message."""
    PUBLISHED.inc()


def note_attempt(attempt: Attempt) -> None:
    """An endpoint was told, or could not be."""
    if attempt.is_acknowledged:
        outcome = ACKNOWLEDGED
    else:
        outcome = UNREACHED if attempt.status_code is None else REFUSED
    ATTEMPTS.labels(outcome).inc()


def note_looked(lag: Sequence[Row], webhooks: Row) -> None:
    """Postgres was asked: rows of `load_lag_of_partitions`, and that of `count_webhooks`."""
    for row in lag:
        cursor, partition = row["cursor"], row["partition_id"]
        LAG_ENTRIES.labels(cursor, partition).set(row["entries"])
        LAG_SECONDS.labels(cursor, partition).set(row["seconds"])
        if row["is_halted"] is not None:
            HALTED.labels(partition).set(row["is_halted"])
    PENDING.set(webhooks["pending_count"])
    OLDEST_SECONDS.set(webhooks["oldest_s"])
    DISABLED.set(webhooks["disabled_count"])
    SEEN.set_to_current_time()
