"""A TCP proxy that does to a connection what networks do: delays it, silences it, cuts it.

Works on bytes and knows no protocol (`KafkaProxy` does), but for `cut_after`: bytes of the client
after whose answer has been given by the server, and not yet passed on, the connection is cut.
"""

import socket
import threading
from contextlib import suppress
from typing import Final

_CHUNK: Final = 65_536


class FaultProxy:
    """Listens on a port of this machine and passes everything on to `target`."""

    def __init__(self, target: tuple[str, int], port: int = 0) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self._to_server, self._to_client = threading.Event(), threading.Event()
        self._links: set[socket.socket] = set()
        self._lock = threading.Lock()
        self.cut_after: bytes | None = None
        self.cut_before = False
        """With it, the connection is cut before the server has seen what `cut_after` names."""
        self.cuts = 0
        self.heal()
        threading.Thread(target=self._accept, daemon=True).start()

    def silence(self, *, both_ways: bool) -> None:
        """From now on no answer passes; `both_ways`: and nothing of the client's either."""
        self._to_client.clear()
        if both_ways:
            self._to_server.clear()

    def heal(self) -> None:
        """Everything passes again, what was held back first, as after a lost packet."""
        self._to_client.set()
        self._to_server.set()

    def lead_to(self, target: tuple[str, int]) -> None:
        """New connections go to another server from now on."""
        self._target = target

    def cut(self) -> None:
        """End every connection without a word."""
        with self._lock:
            links, self._links = self._links, set()
        for link in links:
            _end(link)

    def close(self) -> None:
        self._listener.close()
        self.heal()
        self.cut()

    def _screened(self, client: socket.socket, data: bytes) -> bytes | None:
        """What of a client's bytes passes; None ends the connection."""
        del client
        return data

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target, timeout=5)
            except OSError:
                _end(client)
                continue
            server.settimeout(None)
            with self._lock:
                self._links |= {client, server}
            doomed = threading.Event()
            for one, other, may_pass in (
                (client, server, self._to_server),
                (server, client, self._to_client),
            ):
                is_client_s = one is client
                threading.Thread(
                    target=self._pump, args=[one, other, may_pass, doomed, is_client_s], daemon=True
                ).start()

    def _pump(
        self,
        source: socket.socket,
        sink: socket.socket,
        may_pass: threading.Event,
        doomed: threading.Event,
        is_client_s: bool,
    ) -> None:
        with suppress(OSError):
            while data := source.recv(_CHUNK):
                may_pass.wait()
                wanted = self.cut_after
                if is_client_s and wanted is not None and wanted in data:
                    self.cuts += 1
                    if self.cut_before:
                        break
                    doomed.set()
                elif not is_client_s and doomed.is_set():
                    break  # the server has answered, and nobody will hear it
                passes = self._screened(source, data) if is_client_s else data
                if passes is None:
                    break
                sink.sendall(passes)
        for link in (source, sink):
            _end(link)
        with self._lock:
            self._links -= {source, sink}


def _end(link: socket.socket) -> None:
    with suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)
    link.close()
