"""Every labelled crash point is where its list says, once, and does nothing unless ordered to."""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path

from schemas import crash_points

ROOT = Path(__file__).resolve().parents[2]
PASSES = "from schemas.crash_points import crash_point; {}; print('lives')"


def points_in(package: str) -> list[str]:
    """The names of all crash points in a package's code, one for each call."""
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("crash_point"):
                [name] = node.args
                assert isinstance(name, ast.Constant), f"{path}: a name that cannot be listed"
                found.append(str(name.value))
    return sorted(found)


def test_the_list_of_crash_points_is_the_code_s() -> None:
    assert points_in("posting_engine") == sorted(
        crash_points.ENGINE_POINTS | crash_points.CHECKPOINT_POINTS
    )
    assert points_in("ingress_api") == sorted(crash_points.INGRESS_POINTS)
    assert points_in("clients/python") == sorted(crash_points.PRODUCER_POINTS)
    assert points_in("deliveries") == sorted(crash_points.DELIVERY_POINTS)
    assert points_in("hpts/archiving") == sorted(crash_points.ARCHIVE_POINTS)
    assert points_in("hpts/cutting") == sorted(crash_points.CUT_OVER_POINTS)


def run(orders: Path | None, *names: str) -> "subprocess.CompletedProcess[str]":
    """A process that passes these points, one after another, with this folder of orders."""
    code = PASSES.format("; ".join(f"crash_point({name!r})" for name in names))
    environ = {name: value for name, value in os.environ.items() if name != crash_points.SETTING}
    if orders is not None:
        environ[crash_points.SETTING] = str(orders)
    return subprocess.run(
        [sys.executable, "-c", code], env=environ, cwd=ROOT, capture_output=True, text=True
    )


def test_a_process_dies_at_the_point_that_was_ordered_and_only_once(tmp_path: Path) -> None:
    order = tmp_path / "engine-decided"
    order.write_text("KILL")

    elsewhere = run(tmp_path, "engine-polled")
    there = run(tmp_path, "engine-polled", "engine-decided")
    afterwards = run(tmp_path, "engine-polled", "engine-decided")

    assert (elsewhere.returncode, elsewhere.stdout) == (0, "lives\n")
    assert (there.returncode, there.stdout) == (-signal.SIGKILL, "")
    assert (afterwards.returncode, afterwards.stdout) == (0, "lives\n")
    assert not order.exists()
    assert int((tmp_path / f"engine-decided{crash_points.TAKEN}").read_text()) > 0


def test_without_the_setting_no_point_does_anything() -> None:
    passed = run(None, *crash_points.POINTS)
    assert (passed.returncode, passed.stdout) == (0, "lives\n")
