"""Checkpoints of real engines: nothing forks, nothing is left out, nothing stops posting."""

import signal
from pathlib import Path
from typing import Any

import pytest

from hpts import cluster
from hpts.database import snapshot
from hpts.proving.checkpoints import Evidence, evidence
from hpts.proving.findings import Report
from hpts.proving.verifying import verify
from schemas.checkpoints import public_key_in
from schemas.crash_points import CHECKPOINT_POINTS
from schemas.topics import CHECKPOINTS
from tests.faults.own_ledger import OwnLedger, Service, until
from tests.faults.payers import Payers

FILE = "checkpoints.jsonl"
PARTITIONS = 12


def settings(own: OwnLedger, folder: Path, **more: str) -> dict[str, str]:
    return {
        "HPTS_CHECKPOINT_KEY_FILE": str(own.servers.credentials.checkpoint_key),
        "HPTS_CHECKPOINT_FOLDER": str(folder),
        "HPTS_CHECKPOINT_SECONDS": "0.5",
        **more,
    }


def published(own: OwnLedger) -> Evidence:
    key = public_key_in(own.servers.credentials.checkpoint_public_key)
    return evidence(cluster.messages(own.bootstrap, CHECKPOINTS), key)


def verified(own: OwnLedger) -> Report:
    signed = published(own)
    with snapshot(own.admin_dsn) as shot:
        return verify(shot, signed)


def more_payments(payers: Payers, engine: Service, count: int = 40) -> None:
    before = payers.known
    until(lambda: payers.known > before + count, seconds=60, told=engine.said)


def sound(report: Report) -> bool:
    assert [finding.as_json() for finding in report.findings] == []
    return True


@pytest.mark.slow
def test_checkpoints_outlive_killed_engines_and_end_with_the_last_entry(
    own: OwnLedger, tmp_path: Path
) -> None:
    folder, orders = tmp_path / "told", tmp_path / "orders"
    orders.mkdir()
    with_orders = settings(own, folder, HPTS_CRASH_AT=str(orders))
    engine, api = own.engine(**with_orders), own.api()
    with Payers(own.stack(api)).open_loans(20) as payers:
        for point in CHECKPOINT_POINTS:
            (orders / point).write_text("KILL")
            until(lambda last=engine: last.has_ended, seconds=60, told=engine.said)  # type: ignore[misc]
            assert engine.process.returncode == -signal.SIGKILL
            engine = own.engine(**with_orders)
            more_payments(payers, engine)
        second = own.engine(slot=1, **with_orders)  # takes half of the partitions over
        more_payments(payers, second)
        assert sound(verified(own))  # while it posts
        engine.stop(signal.SIGKILL)
        until(lambda: own.held_by(second) == PARTITIONS, seconds=60, told=second.said)
        more_payments(payers, second)
    assert second.stop() == 0
    report = verified(own)
    assert sound(report)
    # SIGTERM: every entry is covered, of partitions that another engine held, too.
    assert report.covered == report.entries > 150
    # No number twice with another content, none left out, and each follows the one before it.
    assert report.notes == []
    for checkpoints in published(own).of_partition.values():
        assert [one.number for one in checkpoints] == [*range(1, len(checkpoints) + 1)]
    topic = set(cluster.messages(own.bootstrap, CHECKPOINTS))
    assert set((folder / FILE).read_bytes().splitlines()) == topic


@pytest.mark.slow
def test_a_file_that_cannot_be_written_is_told_and_stops_nothing(
    own: OwnLedger, tmp_path: Path
) -> None:
    folder = tmp_path / "told"
    engine, api = own.engine(**settings(own, folder)), own.api()
    with Payers(own.stack(api), clients=2).open_loans(4) as payers:
        more_payments(payers, engine, 10)
        until(lambda: (folder / FILE).exists(), seconds=20, told=engine.said)
        kept = (folder / FILE).read_bytes()
        folder.rename(tmp_path / "away")
        folder.write_text("a file in its place")
        until(lambda: "checkpoints cannot be written" in engine.said(), seconds=20)
        more_payments(payers, engine, 20)
        folder.unlink()
        (tmp_path / "away").rename(folder)
    assert engine.stop() == 0
    assert (folder / FILE).read_bytes().startswith(kept)
    topic = set(cluster.messages(own.bootstrap, CHECKPOINTS))
    assert set((folder / FILE).read_bytes().splitlines()) == topic
    assert sound(verified(own))


def test_a_key_that_is_set_must_work_and_without_one_nothing_is_signed(
    own: OwnLedger, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no key")
    refused: dict[str, Any] = {"HPTS_CHECKPOINT_KEY_FILE": str(wrong)}
    engine = own.engine(is_ready=False, **refused)
    until(lambda: engine.has_ended, seconds=30)
    assert engine.process.returncode == 1
    assert "holds no private key in PEM" in engine.said()
    engine = own.engine()
    assert "no checkpoints are signed" in engine.said()
    assert engine.stop() == 0
    assert published(own).count == 0
