"""The stack under measurement: a running one, or one started for the run and ended after it."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def running(data_dir: str | None, *, engines: int = 1) -> Iterator[dict[str, Any]]:
    """`local.json` of the stack in `data_dir`, or of a fresh one in a temporary folder, with its
    `data_dir` beside.
    """
    if data_dir is not None:
        yield _described(data_dir)
        return
    with tempfile.TemporaryDirectory(prefix="hpts-bench-") as folder:
        Path(folder).chmod(0o755)
        here = [sys.executable, "-P", "-m", "hpts"]
        more = ["--port", "0", "--engines", str(engines)]
        _run([*here, "up", "--detach", "--data-dir", folder, *more])
        try:
            yield _described(folder)
        finally:
            _run([*here, "down", "--data-dir", folder])


def _described(data_dir: str) -> dict[str, Any]:
    described: dict[str, Any] = json.loads((Path(data_dir) / "local.json").read_text())
    return described | {"data_dir": data_dir}


def _run(command: list[str]) -> None:
    """Run a command in silence, unless it fails."""
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}:\n{ran.stdout}{ran.stderr}")


def cpu_seconds(processes: dict[str, list[int]]) -> dict[str, float]:
    """CPU time that each kind of process has used so far, children of Postgres included."""
    return {name: sum(map(_cpu_of, family)) for name, family in _families(processes).items()}


def forget_peaks(processes: dict[str, list[int]]) -> None:
    """Let every process's peak of resident memory begin anew, at what it holds now."""
    for family in _families(processes).values():
        for pid in family:
            with suppress(OSError):  # it has just ended
                Path(f"/proc/{pid}/clear_refs").write_text("5")


def peaks_mb(processes: dict[str, list[int]]) -> dict[str, int]:
    """The largest resident set of any one process of each kind, in MB, since `forget_peaks`."""
    return {
        name: max(map(peak_mb, family), default=0) for name, family in _families(processes).items()
    }


def peak_mb(pid: int) -> int:
    """The largest resident set that a process has had, in MB; 0 where it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+([0-9]+) kB", status)
    return int(found[1]) // 1024 if found is not None else 0


def _families(processes: dict[str, list[int]]) -> dict[str, set[int]]:
    # Services behind one port are one process with several names.
    names: dict[tuple[int, ...], list[str]] = {}
    for name, pids in processes.items():
        names.setdefault(tuple(pids), []).append(name)
    return {
        "+".join(shared): set(owned) | {child for pid in owned for child in _children(pid)}
        for owned, shared in names.items()
    }


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
