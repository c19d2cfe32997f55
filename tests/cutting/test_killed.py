"""A cut-over that is killed has not happened, or has; run again it goes on."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from schemas import crash_points
from tests.archiving.small_ledger import KEY, KEY_VARIABLE
from tests.cutting.small_cut import LOANS, SmallCut


@pytest.mark.parametrize("point", crash_points.CUT_OVER_POINTS)
def test_killed_at_any_point_it_is_run_again(small: SmallCut, tmp_path: Path, point: str) -> None:
    small.archived()
    small.lose_the_log()
    before = small.standing()
    (tmp_path / point).write_text("KILL")

    assert run(small, tmp_path).returncode == -signal.SIGKILL
    assert small.standing() == before

    again = run(small, tmp_path)
    assert again.returncode == 0, again.stderr
    ends = {p: next_offset for p, _, next_offset, *_ in before}
    assert {p: base for p, _, _, base, *_ in small.standing()} == ends == small.ends()
    small.paid("after")
    assert sum(small.ends().values()) == sum(ends.values()) + len(ends) + len(LOANS)


def run(small: SmallCut, orders: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-P", "-m", "hpts", "cutover", "--archive", small.folder.place],
        env={
            **os.environ,
            "HPTS_POSTGRES_DSN": small.admin_dsn,
            "HPTS_KAFKA_BOOTSTRAP": small.bootstrap,
            "HPTS_PROFILE": "local",
            "HPTS_SIGNING_KEY_ID": KEY.key_id,
            KEY_VARIABLE: KEY.secret.decode(),
            crash_points.SETTING: str(orders),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
