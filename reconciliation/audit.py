"""A run: hold the events, take a snapshot, let every partition come to the snapshot's position,
compare, note what was found.

    hold      no partition can now be further than a snapshot that is taken afterwards
    snapshot  positions first: all that follows is of the same instant
    wait      until each partition stands exactly there; a partition that does not get there in
              time is left out, and the run says so
    compare   by checks that are due; each may take a share of the time, no more
    note      findings and what was found well again, in one transaction

Nothing is found by guessing: a witness that is behind, or books that are away, make a run
incomplete and not a finding.
"""

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import structlog

from reconciliation import banking, checks
from reconciliation.checks import Books, Checked
from reconciliation.entries import Sweep
from reconciliation.findings import Finding, Kind, Standing
from reconciliation.gate import Gate
from reconciliation.store import Notebook, Row, Snapshot, StoreUnavailable, snapshot

_log = structlog.get_logger()

COMES_WITHIN_S: Final = 10.0
"""How long a snapshot waits for the events that it has seen posted."""
BEHIND_FOR_S: Final = 30.0
"""How long books may be behind what was published: they may be being rebuilt, or restored."""


@dataclass(slots=True)
class Result:
    """What a run came to. `why`: what it could not look at."""

    checked: list[Checked] = field(default_factory=list)
    positions: dict[int, int] = field(default_factory=dict)
    why: str | None = None
    banks: list[banking.Reconciled] = field(default_factory=list)

    @property
    def findings(self) -> list[Finding]:
        return [finding for one in self.checked for finding in one.findings]


@dataclass(slots=True)
class Auditor:
    """Runs of one ledger. One thread owns it."""

    dsn: str
    notebook: Notebook
    gate: Gate
    sweep: Sweep
    interval_s: float
    share: float
    grace: timedelta
    clock: Callable[[], float] = time.monotonic
    _due_at: dict[str, float] = field(default_factory=dict)
    _behind_since: dict[int, float] = field(default_factory=dict)

    def run(self, run_id: int, *, is_asked: bool) -> Row:
        """One run, noted. `is_asked`: every check is due, and sweeps all. Raises
        `StoreUnavailable`.
        """
        result = self._compared(is_everything_due=is_asked)
        return self._note(run_id, result)

    def _compared(self, *, is_everything_due: bool) -> Result:
        self.gate.close()
        try:
            with snapshot(self.dsn) as books:
                rows = books.rows("load_positions")
                if not rows:
                    raise StoreUnavailable("the database has no ledger yet: run `hpts migrate`")
                positions = {row["partition_id"]: row["last_entry_seq"] for row in rows}
                self.gate.open_to(positions)
                behind = self.gate.wait_for(positions, COMES_WITHIN_S)
                reached_at = min(row["reached_at"] for row in rows)
                return self._checked(books, positions, behind, reached_at, is_everything_due)
        finally:
            self.gate.open()

    def _checked(
        self,
        books: Snapshot,
        positions: dict[int, int],
        behind: Mapping[int, int],
        reached_at: datetime,
        is_everything_due: bool,
    ) -> Result:
        ahead = {p: at for p, at in self.gate.stands_at().items() if at > positions.get(p, 0)}
        left_out = behind.keys() | ahead.keys() | self.gate.gaps.keys()
        tallies = {p: self.gate.tally_of(p) for p in positions if p not in left_out}
        compared = Books(books, tallies, reached_at)
        result = Result([self._of_the_topic(positions, ahead)], positions)
        sweep_s = math.inf if is_everything_due else self.interval_s * self.share
        steps: dict[str, Callable[[], Checked]] = {
            "entries": lambda: self.sweep.check(compared, sweep_s),
            "loans": lambda: checks.loans(compared),
            "account_days": lambda: checks.account_days(compared),
            "portfolio": lambda: checks.portfolio(compared),
            "keys": lambda: checks.keys(compared),
        }
        if not left_out:
            before = reached_at - self.grace
            steps["clearing"] = lambda: checks.clearing(compared, before=before)
        for name, step in steps.items():
            if is_everything_due or self.clock() >= self._due_at.get(name, 0.0):
                result.checked.append(self._paced(name, step))
        self._reconcile_banks(books, result, is_due=is_everything_due)
        result.why = _why(behind, ahead, self.gate)
        return result

    def _reconcile_banks(self, books: Snapshot, result: Result, *, is_due: bool) -> None:
        if not is_due and self.clock() < self._due_at.get("bank", 0.0):
            return

        def step() -> Checked:
            result.banks = banking.reconcile(books)
            return Checked([], lambda _: False)

        result.checked.append(self._paced("bank", step))

    def _paced(self, name: str, step: Callable[[], Checked]) -> Checked:
        """Do it, and say when it is due again: it may take its share of the time."""
        begun_at = self.clock()
        checked = step()
        took_s = self.clock() - begun_at
        checked.counts[f"{name}_ms"] = round(took_s * 1000)
        pause_s = 0.0 if name == "entries" else took_s / self.share
        self._due_at[name] = self.clock() + max(0.0, pause_s - self.interval_s)
        return checked

    def _of_the_topic(self, positions: Mapping[int, int], ahead: Mapping[int, int]) -> Checked:
        """What is wrong with the topic itself, or with books that end before it does."""
        now = self.clock()
        self._behind_since = {p: self._behind_since.get(p, now) for p in ahead}
        findings = [
            Finding(
                kind=Kind.BOOKS_BEHIND,
                subject=f"{Kind.BOOKS_BEHIND}/{p}",
                partition_id=p,
                expected=str(ahead[p]),
                found=str(positions.get(p, 0)),
                detail=f"partition {p} was published up to entry {ahead[p]}; the books end at "
                f"{positions.get(p, 0)}",
            )
            for p, since in self._behind_since.items()
            if now - since >= BEHIND_FOR_S
        ]
        findings += self.gate.faults()
        kinds = (Kind.BOOKS_BEHIND, Kind.EVENT_MISSING, Kind.UNREADABLE)
        return Checked(findings, lambda standing: standing.kind in kinds)

    def _note(self, run_id: int, result: Result) -> Row:
        counts: dict[str, Any] = {}
        for one in result.checked:
            counts.update(one.counts)
        with self.notebook.transaction():
            standing = [Standing(**row) for row in self.notebook.rows("load_standing")]
            again = {finding.subject for finding in result.findings}
            well = [
                one.subject
                for one in standing
                if one.subject not in again and any(c.covers(one) for c in result.checked)
            ]
            cleared = self.notebook.rows("clear_findings", subjects=well)
            noted = self.notebook.rows("note_findings", run_id=run_id, **_columns(result.findings))
            self._note_rollups(result)
            for tenant in result.banks:
                banking.note(self.notebook, tenant)
            [ended] = self.notebook.rows(
                "end_run",
                run_id=run_id,
                incomplete_because=result.why,
                positions=json.dumps(result.positions),
                checked=json.dumps(counts),
            )
        new = {row["subject"] for row in noted if row["is_new"]}
        for finding in result.findings:
            if finding.subject in new:
                _log.critical("finding", run=run_id, **finding.told())
        for row in cleared:
            _log.warning("finding cleared", run=run_id, subject=row["subject"])
        _log.info("run ended", run=run_id, **ended, why=result.why, **counts)
        return {**ended, "why": result.why, "checked": counts, "new_count": len(new)}

    def _note_rollups(self, result: Result) -> None:
        rows = [row for one in result.checked for row in one.rollups]
        if rows:
            self.notebook.rows(
                "note_rollups",
                tenant_ids=[UUID(bytes=row["tenant_id"]) for row in rows],
                currencies=[row["currency"] for row in rows],
                gl_principals_minor=[int(row["gl_principal_minor"]) for row in rows],
                loans_principals_minor=[int(row["loans_principal_minor"]) for row in rows],
            )


def _columns(findings: list[Finding]) -> dict[str, list[Any]]:
    """As arrays in step; each subject once."""
    by_subject = {finding.subject: finding for finding in findings}
    names = Finding.__dataclass_fields__
    return {name: [getattr(one, name) for one in by_subject.values()] for name in names}


def _why(behind: Mapping[int, int], ahead: Mapping[int, int], gate: Gate) -> str | None:
    """What a run could not look at; None: it looked at everything that was due."""
    told = []
    if behind:
        told.append(f"entries posted in partitions {sorted(behind)} have not come by the topic")
    if ahead:
        told.append(f"the books of partitions {sorted(ahead)} are behind what was published")
    if gate.gaps:
        told.append(f"entries of partitions {sorted(gate.gaps)} are missing on the topic")
    return "; ".join(told) or None
