"""Ending a connection whose server does not answer, so that whoever waits for it goes on.

A server that stands still keeps its connections alive for the kernel, so no keepalive ends them.
Cancelling the waiting task would not do either: the driver then waits for the server to confirm.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from contextlib import suppress


class CutOff:
    """A context at whose end, if not before, the connection may take all the time it wants."""

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self.is_cut = False

    def __enter__(self) -> "CutOff":
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def after(self, seconds: float, fileno: Callable[[], int]) -> None:
        """Shut this socket down then; whoever reads from it finds its end."""

        def cut() -> None:
            self.is_cut = True
            with suppress(OSError), socket.socket(fileno=os.dup(fileno())) as link:
                link.shutdown(socket.SHUT_RDWR)

        self._timer = asyncio.get_running_loop().call_later(seconds, cut)
