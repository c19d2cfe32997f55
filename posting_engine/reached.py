"""Up to when a partition has applied everything, and whether the log still holds its position.

About once a second the broker is asked where each partition ends. Standing at the end as it was
at T + 2 s, a partition has reached T: whatever is appended later bears a later time, as long as
the broker's clock and the database's differ by less than that (design section 3). The engine's own
is not asked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from posting_engine import halts, metrics
from posting_engine.log import CommandLog
from posting_engine.log_answers import Ends
from posting_engine.positions import Position
from posting_engine.records import Record

_log = structlog.get_logger()

ASK_EVERY_SECONDS: Final = 1.0
CLOCK_SLACK: Final = timedelta(seconds=2)


def watch_clock(record: Record, position: Position) -> None:
    """Raise the alarm when the broker's clock stepped back behind what has been promised."""
    if record.appended_at < position.reached_at:
        _log.error(
            "the broker's clock stepped back",
            partition=record.partition_id,
            appended_at=record.appended_at.isoformat(),
            reached_at=position.reached_at.isoformat(),
        )


@dataclass(frozen=True, slots=True)
class AtTheEnds:
    """Partitions at the log's end, with their `reached_at`; beyond it, with the reason to halt;
    and `stuck` before an end (its offset) since the question before. `ends`: the answer itself.
    """

    ends: Ends
    at_end: dict[int, Position]
    beyond: dict[int, str]
    stuck: dict[int, int]


@dataclass(slots=True)
class LogEnds:
    """Asks for the log's ends, one question at a time, and judges the answer."""

    _applied_when_asked: dict[int, int] = field(default_factory=dict)
    _before: dict[int, int] = field(default_factory=dict)
    _due_at: float = 0.0

    def turn(
        self,
        log: CommandLog,
        running: Mapping[int, Position],
        now_seconds: float,
        read_clock: Callable[[], datetime],
    ) -> AtTheEnds | None:
        """Ask when it is time; what an answer says, once there is one. `now_seconds` only spaces
        the questions, `read_clock` says when one was put.
        """
        if not log.is_asking:
            if now_seconds >= self._due_at:
                # Even if no answer comes: a broker that is away is not asked at once again.
                self._due_at = now_seconds + ASK_EVERY_SECONDS
                log.ask_ends(running, read_clock())
                self._applied_when_asked = {p: at.next_offset for p, at in running.items()}
            return None
        if (answer := log.ends()) is None:
            return None
        self._due_at = now_seconds + ASK_EVERY_SECONDS
        stable, written = answer.stable, answer.written
        metrics.note_ends(running, written)
        # Held against what was applied when the question was put: the log only grows.
        beyond = {
            p: halts.lost(f"the log ends at {written[p]} and {applied} is due")
            for p, applied in self._applied_when_asked.items()
            if p in written and p in running and applied > written[p]
        }
        # Behind a transaction that is still open there may be records that nobody can read yet.
        at_end = {
            p: replace(at, reached_at=max(at.reached_at, answer.asked_at - CLOCK_SLACK))
            for p, at in running.items()
            if p in written and p not in beyond and at.next_offset >= written[p]
        }
        stuck = {
            p: stable[p]
            for p, at in running.items()
            if p in stable and at.next_offset < stable[p] and self._before.get(p) == at.next_offset
        }
        self._before = {p: at.next_offset for p, at in running.items()}
        return AtTheEnds(answer, at_end, beyond, stuck)
