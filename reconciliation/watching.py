"""Looks now and then at how far the topic is behind the books, and at what stands, for the metrics.

A thread of its own: a run holds the events that come, and a long one must not hide how many.
"""

from threading import Event
from typing import Final

import structlog

from reconciliation import metrics
from reconciliation.gate import Gate
from reconciliation.store import Notebook, StoreUnavailable

_log = structlog.get_logger()

LOOK_EVERY_S: Final = 5.0


def watch(notebook: Notebook, gate: Gate, stopping: Event) -> None:
    """Look until asked to stop."""
    while not stopping.is_set():
        come = gate.come_to()
        try:
            lag = notebook.rows("load_lag", partition_ids=list(come), seqs=list(come.values()))
            metrics.note_looked(lag, notebook.rows("count_findings"))
        except StoreUnavailable as error:
            # `hpts_reconciliation_seen_timestamp_seconds` stands still meanwhile, and has an alert.
            _log.warning("the books could not be looked at", error=str(error))
        stopping.wait(LOOK_EVERY_S)
    notebook.close()
