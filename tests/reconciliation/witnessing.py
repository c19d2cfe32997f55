"""A witness of a ledger of the test's own, and what it has found."""

from typing import Any

import psycopg
from psycopg.rows import dict_row

from hpts.local import ports
from tests.faults.own_ledger import OwnLedger, Service


def reconciliation(own: OwnLedger, **more: str) -> Service:
    """Start one that makes a run each second."""
    settings = {
        "HPTS_RECONCILIATION_PORT": str(ports.free_port()),
        "HPTS_HOST": ports.HOST,
        "HPTS_KAFKA_BOOTSTRAP": own.bootstrap,
        "HPTS_RECONCILIATION_POSTGRES_DSN": own.dsn_of("hpts_reconciliation"),
        "HPTS_RECONCILIATION_INTERVAL_S": "1",
        "HPTS_RECONCILIATION_SHARE": "1",
        **more,
    }
    return own._start("reconciliation", "reconciliation", settings)


def runs(own: OwnLedger) -> list[dict[str, Any]]:
    """The runs that have ended, in order."""
    return _rows(own, "reconciliation_runs WHERE finished_at IS NOT NULL ORDER BY run_id")


def is_running(own: OwnLedger) -> bool:
    """Whether a run is under way."""
    return bool(_rows(own, "reconciliation_runs WHERE status = 'running'"))


def complete_runs(own: OwnLedger) -> list[dict[str, Any]]:
    return [run for run in runs(own) if run["incomplete_because"] is None]


def findings(own: OwnLedger) -> list[dict[str, Any]]:
    """Everything that was ever found, in order."""
    return _rows(own, "reconciliation_findings ORDER BY finding_id")


def standing(own: OwnLedger) -> dict[str, dict[str, Any]]:
    """What stands, by kind."""
    return {one["kind"]: one for one in findings(own) if one["cleared_at"] is None}


def compared(own: OwnLedger) -> int:
    """How many entries the last complete run stood at."""
    last = complete_runs(own)[-1:]
    return sum(last[0]["positions"].values()) if last else 0


def _rows(own: OwnLedger, tail: str) -> list[dict[str, Any]]:
    with psycopg.connect(own.admin_dsn, row_factory=dict_row) as connection:
        return connection.execute(f"SELECT * FROM hpts_edge.{tail}").fetchall()
