"""The commands of a request that became many, on their way into `outgoing_commands`."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice


@dataclass(frozen=True, slots=True, kw_only=True)
class OutgoingStep:
    """One command to be sent by the engine that holds its partition."""

    partition_id: int
    idempotency_key: str
    record_key: bytes
    record_value: bytes


@dataclass(slots=True)
class Queued:
    """Commands that are made only as they are taken, in order of partition.

    `held` is closed once they are queued or refused: what they are made of is let go then, while
    the request still waits for what becomes of them.
    """

    total: int
    _steps: Iterator[OutgoingStep]
    _at_once: int = 16
    held: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def of(cls, steps: Sequence[OutgoingStep]) -> "Queued":
        """Commands that are there already."""
        return cls(len(steps), iter(steps), max(len(steps), 1))

    def take(self) -> list[OutgoingStep] | None:
        """The next few; None when there are no more."""
        return list(islice(self._steps, self._at_once)) or None

    def close(self) -> None:
        """Let go of what the commands are made of."""
        self._steps = iter(())
        self.held.close()
