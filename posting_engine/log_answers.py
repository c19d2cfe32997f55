"""What the log answers beside records, and a message's headers. No driver here: see `log`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


class LogUnavailable(Exception):
    """The consumer or producer cannot go on; the process must rejoin or be started anew."""


@dataclass(frozen=True, slots=True)
class LostPosition:
    """Kafka no longer has, or never had, the offset that a partition must be read from."""

    partition_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Ends:
    """Where partitions ended after `asked_at`: for readers, and behind open transactions, too."""

    asked_at: datetime
    stable: dict[int, int]
    written: dict[int, int]


def headers_of(message: Any) -> tuple[tuple[str, bytes | None], ...]:
    """A record's headers; none where a name is not UTF-8, so that it counts as unsigned.

    The binding leaves the decoding error pending instead of raising it; it shows at the next
    call into C, which therefore stands here.
    """
    try:
        headers: Any = message.headers()
        datetime.fromtimestamp(0, UTC)
    except (UnicodeDecodeError, SystemError):
        return ()
    return tuple(headers or ())
