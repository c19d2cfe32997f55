"""One supervisor per data folder: a lock that the kernel frees when its holder dies."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NAME: Final = "supervisor.lock"
_ATTEMPTS: Final = 5


class AlreadyHeld(Exception):
    """Another supervisor runs on this folder. `pid` is its process id, None if not yet written."""

    def __init__(self, pid: int | None) -> None:
        super().__init__(pid)
        self.pid = pid


@contextmanager
def held(data_dir: Path) -> Iterator[None]:
    """Hold the folder's lock; leaves no file behind. Raises `AlreadyHeld`."""
    path = data_dir / NAME
    descriptor = _take(path)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def holder(data_dir: Path) -> AlreadyHeld | None:
    """Who holds the lock now; None when nobody does."""
    try:
        with (data_dir / NAME).open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return None
    except BlockingIOError:
        return AlreadyHeld(_pid_in(data_dir / NAME))
    return None


def _take(path: Path) -> int:
    for attempt in range(_ATTEMPTS):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_same_file(descriptor, path):
                return descriptor
        except BlockingIOError:
            time.sleep(0.02 * attempt)  # somebody may only be looking: see `holder`
        os.close(descriptor)
    raise AlreadyHeld(_pid_in(path))


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _pid_in(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
