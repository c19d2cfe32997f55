"""The API's ports: kept from other programs while the API restarts, shared by its processes."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hpts.local.ports import HOST, free_port, is_free

DEFAULT: Final = 8080
PARTNERS: Final = 8443
_LISTEN: Final = "0A"


class PortTaken(Exception):
    """The port that was asked for is in use by another program."""


@contextmanager
def reserved(asked: int | None, *, default: int | None = None) -> Iterator[int]:
    """A port that no other program gets meanwhile: bound here, but without a listener.

    None: the default one (of the API, unless another is given), or the next free one. 0: any.
    Raises PortTaken for another one in use.
    """
    if asked and not is_free(asked):
        raise PortTaken(f"port {asked} is in use; choose another one, or leave out --port")
    if asked is None:
        default = default or DEFAULT
        port = next((p for p in range(default, default + 100) if is_free(p)), None) or free_port()
    else:
        port = asked or free_port()
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            holder.bind((HOST, port))
        except OSError as error:
            raise PortTaken(f"port {port} cannot be used: {error.strerror}") from error
        yield port


def is_listening(pid: int, port: int) -> bool:
    """Whether this very process listens there; a shared port answers for any of its sharers."""
    wanted = f"{socket.inet_aton(HOST)[::-1].hex().upper()}:{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1] == wanted and row[3] == _LISTEN}
    try:
        return any(str(link.readlink()) in sockets for link in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
