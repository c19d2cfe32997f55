"""When runs are made: one after another by the clock, and at once when somebody asks.

A thread of its own. What it cannot do without (Postgres) it waits for; what else goes wrong in it
is a fault of ours and ends the process, which its supervisor starts again.
"""

import time
from dataclasses import dataclass, field
from threading import Event
from typing import Any, Final

import structlog

from reconciliation import metrics
from reconciliation.audit import Auditor
from reconciliation.store import Notebook, StoreUnavailable

_log = structlog.get_logger()

ASK_EVERY_S: Final = 1.0


@dataclass(slots=True)
class Schedule:
    """The thread's work. `state` is what health tells."""

    auditor: Auditor
    notebook: Notebook
    interval_s: float
    stopping: Event = field(default_factory=Event)
    fault: str | None = "no run has been made yet"
    state: dict[str, Any] = field(default_factory=dict)
    _is_the_witness: bool = False

    def keep(self) -> None:
        """Make runs until asked to stop."""
        due_at = 0.0
        while not self.stopping.wait(ASK_EVERY_S):
            try:
                self._be_the_witness()
                asked = self.notebook.rows("begin_asked_run")
                if asked:
                    self._run(asked[0]["run_id"], is_asked=True)
                elif time.monotonic() >= due_at:
                    [begun] = self.notebook.rows("begin_run")
                    self._run(begun["run_id"], is_asked=False)
                    due_at = time.monotonic() + self.interval_s
            except StoreUnavailable as error:
                self.fault, self._is_the_witness = str(error), False
                _log.warning("no run could be made", error=str(error))
        self.notebook.close()

    def _run(self, run_id: int, *, is_asked: bool) -> None:
        self.notebook.rows("forget_runs")
        self.state = self.auditor.run(run_id, is_asked=is_asked)
        metrics.note_run(self.state)
        self.fault = None

    def _be_the_witness(self) -> None:
        """Alone: two would clear each other's findings. What one that was killed left is ended."""
        if self._is_the_witness:
            return
        [row] = self.notebook.rows("try_be_the_witness")
        if not row["is_taken"]:
            raise StoreUnavailable("another witness is at work on this ledger")
        self.notebook.rows("end_broken_runs")
        self._is_the_witness = True
