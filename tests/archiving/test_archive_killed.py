"""An archiver that is killed leaves a whole archive, or none; the next run goes on."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from hpts.archiving.check import check
from hpts.archiving.files import Folder
from hpts.archiving.manifest import load
from hpts.archiving.source import ArchiveSource
from schemas import crash_points
from tests.archiving.small_ledger import KEY, KEY_VARIABLE, SmallLedger
from tests.archiving.test_archive import lend, pay

KILLS = int(os.environ.get("HPTS_ARCHIVE_KILLS", "4"))


@pytest.mark.parametrize("point", crash_points.ARCHIVE_POINTS)
def test_killed_at_any_point_the_next_run_leaves_a_whole_archive(
    small: SmallLedger, folder: Folder, tmp_path: Path, point: str
) -> None:
    lend(small)
    small.apply()
    small.archive(folder)
    pay(small, "third", 2)
    small.apply()
    orders = tmp_path / "orders"
    orders.mkdir()

    for _ in range(2):  # each time at the first file: nothing of it is named, all of it is there
        (orders / point).write_text("KILL")
        assert run_archive(small, tmp_path / "archive", orders).returncode == -signal.SIGKILL
        check(ArchiveSource(folder))
        pay(small, f"after {os.urandom(4).hex()}", 1)
        small.apply()

    assert run_archive(small, tmp_path / "archive", orders).returncode == 0
    assert check(ArchiveSource(folder)).records == sum(
        sum(1 for _ in small.topic.read(p, first, end))
        for p, (first, end) in small.topic.bounds().items()
    )


def test_killed_at_any_instant_there_is_a_whole_archive_or_none(
    small: SmallLedger, folder: Folder, tmp_path: Path
) -> None:
    chance = random.Random(7)
    lend(small, 40)
    small.apply()
    took_s = timed(lambda: run_archive(small, tmp_path / "first", tmp_path))
    for number in range(KILLS):
        with suppress(subprocess.TimeoutExpired):  # which kills it
            within_s = took_s * chance.uniform(0.3, 1.1)
            run_archive(small, tmp_path / "archive", tmp_path, timeout_s=within_s)
        if load(folder) is not None:
            check(ArchiveSource(folder))
        pay(small, f"after {number}", 1)
        small.apply()

    assert run_archive(small, tmp_path / "archive", tmp_path).returncode == 0
    check(ArchiveSource(folder))
    assert ArchiveSource(folder).bounds() == small.topic.bounds()


def timed(work: Callable[[], object]) -> float:
    """How many seconds it takes."""
    began = time.monotonic()
    work()
    return time.monotonic() - began


def run_archive(
    small: SmallLedger, place: Path, orders: Path, *, timeout_s: float = 60
) -> "subprocess.CompletedProcess[str]":
    environment = {
        "HPTS_POSTGRES_DSN": small.admin_dsn,
        "HPTS_KAFKA_BOOTSTRAP": small.bootstrap,
        crash_points.SETTING: str(orders),
        KEY_VARIABLE: KEY.secret.decode(),
    }
    return subprocess.run(
        [sys.executable, "-P", "-m", "hpts", "archive", str(place)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=timeout_s,
    )
