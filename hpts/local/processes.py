"""Processes as the kernel knows them: who they are, whose they are, and their end with us.

Linux only (`/proc`, `prctl`). A process id alone is no name, since ids are used again: a process
is its id together with its start time.
"""

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class Hangs(Exception):
    """A process runs and will never be ready. The message says how that shows."""


class Process(NamedTuple):
    """One process for ever: `started` is in clock ticks since the machine's start."""

    pid: int
    started: int

    @property
    def is_alive(self) -> bool:
        """Whether it still runs. A zombie does not."""
        return identify(self.pid) == self


def identify(pid: int) -> Process | None:
    """The running process with this id; None when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else Process(pid, int(fields[19]))


def with_parent(death_signal: int) -> Callable[[], None]:
    """What a child runs before its program, so that our death, however sudden, ends it too.

    It must be started by the main thread: the kernel means the death of the starting *thread*.
    """
    parent = os.getpid()
    return lambda: end_with(parent, death_signal)


def end_with(parent: int, death_signal: int) -> None:
    """In a child: let the death of the parent, however sudden, end us too."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """From now on the children of our dead children become ours, not the machine's."""
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def own_children() -> set[int]:
    """Ids of our children, zombies included."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.update(map(int, (task / "children").read_text().split()))
    return found


def reap(pids: Iterable[int]) -> None:
    """Take the exit status of those of our children that are dead, so that none stays a zombie."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def end(processes: Iterable[Process], *, stop_signal: int, seconds: float) -> None:
    """Ask them to stop; after `seconds`, stop them. Returns when none of them runs."""
    left = [process for process in processes if process.is_alive]
    for process in left:
        _send(process, stop_signal)
    deadline = time.monotonic() + seconds
    while left := [process for process in left if process.is_alive]:
        if time.monotonic() > deadline:
            for process in left:
                _send(process, signal.SIGKILL)
        time.sleep(0.02)


def _send(process: Process, signal_number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, signal_number)
