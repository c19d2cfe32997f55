"""The ports of the local servers: chosen once, kept in the data folder, so that clients find them.

They lie below the range from which the kernel lends ports to outgoing connections: a server that
is down for a moment gets its own port back.
"""

import json
import random
import socket
from pathlib import Path
from typing import Final

HOST: Final = "127.0.0.1"
_FIRST, _LAST = 20_000, 32_000
_ATTEMPTS: Final = 500
_given: Final[set[int]] = set()
"""Ports that this process has given away: who got one may not listen on it yet."""


class NoPort(Exception):
    """No free port was found."""


def keep(path: Path, names: tuple[str, ...]) -> dict[str, int]:
    """The ports that `path` records under these names; others where one is taken by now."""
    known = recorded(path)
    kept: dict[str, int] = {}
    for name in names:
        port = known.get(name)
        kept[name] = port if port is not None and is_free(port) else free_port()
    _given.update(kept.values())
    if kept != known:
        written = path.with_suffix(".new")
        written.write_text(json.dumps(kept) + "\n", encoding="utf-8")
        written.replace(path)
    return kept


def recorded(path: Path) -> dict[str, int]:
    """What `path` records; empty when there is no such file."""
    try:
        known: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return known


def free_port() -> int:
    """A port that nothing listens on now, another one at each call; raises `NoPort`."""
    for _ in range(_ATTEMPTS):
        port = random.randrange(_FIRST, _LAST)
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise NoPort(f"no free port between {_FIRST} and {_LAST} on {HOST}")


def is_free(port: int) -> bool:
    """Whether a server could listen on it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
