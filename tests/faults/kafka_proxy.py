"""A proxy before the broker that can keep a member of a group from its coordinator, and from
nothing else: what it fetches and writes passes (F20).

Heartbeats are then answered here, as by a coordinator that is no longer in charge and does not know
it, so the member believes itself alive for longer than any session. Other requests of the group
protocol break their connection.
"""

import json
import socket
import struct
from pathlib import Path

from hpts.local.kafka import KafkaServer
from tests.faults.fault_proxy import FaultProxy

JOIN_GROUP, HEARTBEAT, LEAVE_GROUP, SYNC_GROUP = 11, 12, 13, 14
FIRST_FLEXIBLE_HEARTBEAT = 4


class KafkaProxy(FaultProxy):
    """A `FaultProxy` that knows where a request of Kafka's protocol ends, and what it asks for."""

    def __init__(self, target: tuple[str, int], port: int = 0) -> None:
        self._begun: dict[socket.socket, bytes] = {}
        self.is_deaf = False
        """With it, the coordinator hears of nobody who comes this way."""
        self.answered_itself = 0
        super().__init__(target, port)

    def heal(self) -> None:
        """As `FaultProxy.heal`; the coordinator hears again."""
        self.is_deaf = False
        super().heal()

    def _screened(self, client: socket.socket, data: bytes) -> bytes | None:
        data = self._begun.pop(client, b"") + data
        passes = b""
        while len(data) >= 4 and len(data) >= 4 + (size := _size_of(data)):
            request, data = data[: 4 + size], data[4 + size :]
            key, version, correlation_id = struct.unpack_from(">hhi", request, 4)
            if not self.is_deaf or key not in (JOIN_GROUP, HEARTBEAT, LEAVE_GROUP, SYNC_GROUP):
                passes += request
            elif key == HEARTBEAT:
                self.answered_itself += 1
                client.sendall(_all_is_well(version, correlation_id))
            else:
                return None
        if data:
            self._begun[client] = data
        return passes


class TwoDoors(KafkaServer):
    """A broker that a second listener leads to, by way of a proxy."""

    def _configure(self, log_dir: Path) -> None:
        super()._configure(log_dir)
        doors = json.loads((self.data_dir / "doors.json").read_text())
        text = self._settings_file.read_text("utf-8")
        text = text.replace(
            "\nlisteners=", f"\nlisteners=PROXIED://127.0.0.1:{doors['behind']},"
        ).replace(
            "\nadvertised.listeners=",
            f"\nadvertised.listeners=PROXIED://127.0.0.1:{doors['before']},",
        )
        text = text.replace("protocol.map=", "protocol.map=PROXIED:PLAINTEXT,")
        # Looks for transactions that are over their time every second, not every ten.
        text += "transaction.abort.timed.out.transaction.cleanup.interval.ms=1000\n"
        self._settings_file.write_text(text, "utf-8")


def _size_of(data: bytes) -> int:
    size: int = struct.unpack_from(">i", data)[0]
    return size


def _all_is_well(version: int, correlation_id: int) -> bytes:
    """The answer to a heartbeat, without an error."""
    tags = b"\0" if version >= FIRST_FLEXIBLE_HEARTBEAT else b""
    throttle_ms = b"" if version == 0 else struct.pack(">i", 0)
    answer = struct.pack(">i", correlation_id) + tags + throttle_ms + struct.pack(">h", 0) + tags
    return struct.pack(">i", len(answer)) + answer
