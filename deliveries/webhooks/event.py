"""An event for one endpoint: its body, and what an answer to it means. Pure."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from deliveries.store import Row

PENDING: Final = "pending"
DELIVERED: Final = "delivered"
EXHAUSTED: Final = "exhausted"
GONE: Final = 410
JITTER: Final = 0.1
_USER_AGENT: Final = b"HPTS-Webhooks/1"
HEADERS: Final = [(b"content-type", b"application/json"), (b"user-agent", _USER_AGENT)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The first event of a queue. `tries`: attempts made before."""

    endpoint_id: UUID
    queue_id: UUID
    journal_entry_id: UUID
    url: str
    secrets: list[str]
    body: bytes
    tries: int

    @classmethod
    def of(cls, row: Row) -> "Event":
        """From a row of `load_due`. The body is the same bytes at each attempt."""
        thin = {
            "journal_entry_id": str(row["journal_entry_id"]),
            "tenant_id": str(row["tenant_id"]),
            "event_type": row["event_type"],
            "occurred_at": f"{row['occurred_at']:%Y-%m-%dT%H:%M:%S.%fZ}",
            "correlation_id": str(row["correlation_id"]),
        }
        return cls(
            endpoint_id=row["endpoint_id"],
            queue_id=row["queue_id"],
            journal_entry_id=row["journal_entry_id"],
            url=row["url"],
            secrets=row["secrets"],
            body=json.dumps(thin, separators=(",", ":")).encode(),
            tries=row["tries"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What became of one attempt: a status code, or why there is none."""

    event: Event
    attempted_at: datetime
    duration_ms: int
    status_code: int | None
    error: str | None

    @property
    def is_acknowledged(self) -> bool:
        """Whether the endpoint took it: any 2xx; a redirect is none."""
        return self.status_code is not None and 200 <= self.status_code < 300

    def status(self, schedule: Sequence[float]) -> str:
        """What the delivery is now; `schedule` as in `delay_s`."""
        if self.is_acknowledged:
            return DELIVERED
        return PENDING if self.event.tries + 1 < len(schedule) else EXHAUSTED

    def next_at(self, schedule: Sequence[float], now: datetime) -> datetime:
        """When the queue is due: for a retry when its time has come, else at once."""
        if self.status(schedule) != PENDING:
            return now
        return now + timedelta(seconds=delay_s(schedule, self.event.tries + 1))

    def row(self, schedule: Sequence[float]) -> dict[str, Any]:
        """For `record_attempts`."""
        return {
            "endpoint_id": self.event.endpoint_id,
            "journal_entry_id": self.event.journal_entry_id,
            "attempted_at": self.attempted_at,
            "duration_ms": self.duration_ms,
            "status_code": self.status_code,
            "error": self.error,
            "status": self.status(schedule),
        }


def delay_s(schedule: Sequence[float], number: int) -> float:
    """How long after the attempt before it attempt `number` (from 0) is made: the schedule's word,
    a tenth more or less, so that what failed together does not come back together.
    """
    return schedule[number] * random.uniform(1 - JITTER, 1 + JITTER)
