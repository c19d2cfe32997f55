"""The stack under measurement: a running one, or one started for the run and ended after it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def running(data_dir: str | None) -> Iterator[dict[str, Any]]:
    """`local.json` of the stack in `data_dir`, or of a fresh one in a temporary folder."""
    if data_dir is not None:
        yield json.loads((Path(data_dir) / "local.json").read_text())
        return
    with tempfile.TemporaryDirectory(prefix="hpts-bench-") as folder:
        Path(folder).chmod(0o755)
        here = [sys.executable, "-m", "hpts"]
        port = ["--port", "0"]
        _run([*here, "up", "--detach", "--data-dir", folder, *port])
        try:
            yield json.loads((Path(folder) / "local.json").read_text())
        finally:
            _run([*here, "down", "--data-dir", folder])


def _run(command: list[str]) -> None:
    """Run a command in silence, unless it fails."""
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}:\n{ran.stdout}{ran.stderr}")


def cpu_seconds(processes: dict[str, list[int]]) -> dict[str, float]:
    """CPU time that each kind of process has used so far, children of Postgres included."""
    used: dict[str, float] = {}
    # Services behind one port are one process with several names.
    names: dict[tuple[int, ...], list[str]] = {}
    for name, pids in processes.items():
        names.setdefault(tuple(pids), []).append(name)
    for owned, shared in names.items():
        name = "+".join(shared)
        family = set(owned) | {child for pid in owned for child in _children(pid)}
        used[name] = sum(_cpu_of(pid) for pid in family)
    return used


def _children(pid: int) -> list[int]:
    try:
        return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _cpu_of(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS
