"""What the witness tells Prometheus. The only module here that imports prometheus_client.

No label names a tenant, an account or a loan: a finding's own words do (docs/reconciliation.md).
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from prometheus_client import Counter, Gauge

from reconciliation.findings import Kind
from reconciliation.store import Row

LAG_ENTRIES: Final = Gauge(
    "hpts_reconciliation_lag_entries",
    "Entries of the books that have not come by the journal topic yet.",
    ["partition"],
)
LAG_SECONDS: Final = Gauge(
    "hpts_reconciliation_lag_seconds",
    "How long ago the oldest of these entries was posted; 0 where there are none.",
    ["partition"],
)
FINDINGS: Final = Gauge("hpts_reconciliation_findings", "Findings that stand.", ["kind"])
RUNS: Final = Counter(
    "hpts_reconciliation_runs",
    "Runs that ended: ok, mismatch (something stands), incomplete (something was not compared).",
    ["status"],
)
ENTRIES_CHECKED: Final = Counter(
    "hpts_reconciliation_entries_checked",
    "Entries that were compared with all their lines, each time they were.",
)
OLDEST_LOOK: Final = Gauge(
    "hpts_reconciliation_oldest_look_seconds",
    "How long before the last run ended the entry was compared that was compared longest ago.",
)
COMPLETE_AGE: Final = Gauge(
    "hpts_reconciliation_complete_age_seconds",
    "How long ago a complete run ended; before the first, how long the process has been there.",
)
SEEN: Final = Gauge(
    "hpts_reconciliation_seen_timestamp_seconds",
    "When lag and findings were last read from Postgres.",
)

STATUSES: Final = ("ok", "mismatch", "incomplete")
for _kind in Kind:
    FINDINGS.labels(_kind.value)
for _status in STATUSES:
    RUNS.labels(_status)


def note_begun() -> None:
    """The process is there: from now on the age of a complete run grows."""
    COMPLETE_AGE.set_function(partial(_seconds_since, time.monotonic()))


def note_run(state: Mapping[str, Any]) -> None:
    """A run ended: what `Auditor.run` gives."""
    RUNS.labels(state["status"]).inc()
    checked = state["checked"]
    ENTRIES_CHECKED.inc(checked.get("entries", 0))
    if checked.get("oldest_look_s") is not None:
        OLDEST_LOOK.set(checked["oldest_look_s"])
    if state["why"] is None:
        COMPLETE_AGE.set_function(partial(_seconds_since, time.monotonic()))


def note_looked(lag: Sequence[Row], findings: Sequence[Row]) -> None:
    """Postgres was asked: rows of `load_lag`, and of `count_findings`."""
    for row in lag:
        LAG_ENTRIES.labels(row["partition_id"]).set(row["entries"])
        LAG_SECONDS.labels(row["partition_id"]).set(row["seconds"])
    standing = {row["kind"]: row["standing_count"] for row in findings}
    for kind in Kind:
        FINDINGS.labels(kind.value).set(standing.get(kind.value, 0))
    SEEN.set_to_current_time()


def _seconds_since(instant_s: float) -> float:
    return time.monotonic() - instant_s
