"""One Produce request by hand: what no client library would write, a hostile one can."""

import socket
import struct
import time

from schemas.topics import COMMANDS

_CASTAGNOLI = 0x82F63B78


def _crc32c(data: bytes) -> int:
    crc = 0xFFFF_FFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ _CASTAGNOLI if crc & 1 else crc >> 1
    return crc ^ 0xFFFF_FFFF


def _varint(number: int) -> bytes:
    left = number << 1  # zigzag of what is not negative
    encoded = b""
    while left > 127:
        encoded += bytes([left & 127 | 128])
        left >>= 7
    return encoded + bytes([left])


def _sized(data: bytes) -> bytes:
    return _varint(len(data)) + data


def record_batch(key: bytes, value: bytes, header_name: bytes) -> bytes:
    """A batch (magic 2) of one record with one header of any name."""
    record = b"\0\0\0" + _sized(key) + _sized(value)
    record += _varint(1) + _sized(header_name) + _sized(b"x")
    now = int(time.time() * 1000)
    body = struct.pack(">hiqqqhii", 0, 0, now, now, -1, -1, -1, 1) + _sized(record)
    head = struct.pack(">ibI", 0, 2, _crc32c(body))
    return struct.pack(">qi", 0, len(head + body)) + head + body


def produce(bootstrap: str, partition_id: int, batch: bytes) -> int:
    """Produce (version 3) to the commands topic; the broker's error code, 0 for success."""
    host, port = bootstrap.split(":")
    topic = COMMANDS.encode()
    request = struct.pack(">hhih", 0, 3, 1, 1) + b"x" + struct.pack(">hhii", -1, 1, 5000, 1)
    request += struct.pack(">h", len(topic)) + topic
    request += struct.pack(">iii", 1, partition_id, len(batch)) + batch
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(struct.pack(">i", len(request)) + request)
        size: int = struct.unpack(">i", connection.recv(4))[0]
        answer = connection.recv(size)
    code: int = struct.unpack_from(">h", answer, 4 + 4 + 2 + len(topic) + 4 + 4)[0]
    return code
