"""The machine: Python, Java, disk, open files, ports, and who may read the secrets."""

import platform
import resource
import shutil
import socket
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from hpts.diagnosis.findings import Finding, judged
from hpts.local import jars, ports

_AREA: Final = "machine"
_LEAST_DISK_BYTES: Final = 1 * 1024**3
_ENOUGH_DISK_BYTES: Final = 5 * 1024**3
_ENOUGH_FILES: Final = 4_096
_CONNECT_TIMEOUT_S: Final = 2.0
_USUAL_PORT: Final = 8080


def look(data_dir: Path, stack: Mapping[str, Any] | None) -> Iterator[Finding]:
    """`stack` is what runs on the folder, None where nothing does."""
    old = "" if sys.version_info >= (3, 11) else "install Python 3.11 or newer"
    yield judged(_AREA, "Python", platform.python_version(), fail=old)
    yield _java()
    yield from _disk(data_dir)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = "raise it: `ulimit -n 65536`" if 0 <= soft < _ENOUGH_FILES else ""
    yield judged(_AREA, "open files", f"{soft} allowed", warn=few)
    yield from _secrets(data_dir)
    if stack is None:
        is_free = ports.is_free(_USUAL_PORT)
        taken = "" if is_free else "`hpts up` takes a free one instead; or name one: --port"
        told = f"{_USUAL_PORT} is {'free' if is_free else 'in use'}"
        yield judged(_AREA, "API port", told, warn=taken)
        return
    for name in ("api_url", "token_url", "partner_api_url", "console_url"):
        if name in stack:
            yield _listens(name.removesuffix("_url"), str(stack[name]))


def _java() -> Finding:
    found = jars.java()
    version = jars.java_version(found)
    missing = "" if version else f"install Java {jars.OLDEST_JAVA} or newer: our Kafka needs it"
    return judged(_AREA, "Java", f"{version or 'none'} ({found})", fail=missing)


def _disk(data_dir: Path) -> Iterator[Finding]:
    folder = data_dir if data_dir.exists() else data_dir.parent
    free = shutil.disk_usage(folder).free
    told = f"{free / 1024**3:.1f} GB free at {folder}"
    full = "make room: nothing posts on a full disk" if free < _LEAST_DISK_BYTES else ""
    little = "make room before it is full" if free < _ENOUGH_DISK_BYTES else ""
    yield judged(_AREA, "disk", told, fail=full, warn=little)


def _secrets(data_dir: Path) -> Iterator[Finding]:
    folder = data_dir / "secrets"
    if not folder.is_dir():
        return
    open_to_others = [
        path.name
        for path in sorted(folder.iterdir())
        if stat.S_IMODE(path.stat().st_mode) & (stat.S_IROTH | stat.S_IWOTH)
    ]
    open_folder = stat.S_IMODE(folder.stat().st_mode) & stat.S_IRWXO
    told = "for their owner alone" if not open_folder else f"others may enter {folder}"
    close = f"chmod 700 {folder}" if open_folder and open_to_others else ""
    yield judged(_AREA, "secrets", told, fail=close)


def _listens(name: str, url: str) -> Finding:
    place = urlsplit(url)
    host, port = place.hostname or "", place.port or 443
    try:
        socket.create_connection((host, port), timeout=_CONNECT_TIMEOUT_S).close()
    except OSError as error:
        return judged(_AREA, f"{name} port", f"{host}:{port}: {error}", fail="see `hpts status`")
    return judged(_AREA, f"{name} port", f"{host}:{port} listens")
