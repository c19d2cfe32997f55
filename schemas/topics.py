"""The Kafka topics: names, partitions, and the settings without which money could be lost."""

from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `partitions` None means the ledger's own partition count."""

    name: str
    partitions: int | None
    settings: dict[str, str] = field(default_factory=dict)


COMMANDS: Final = "hpts.commands.v1"
OUTCOMES: Final = "hpts.outcomes.v1"
OUTCOME_PARTITIONS: Final = 12
DEAD_LETTERS: Final = "hpts.dead-letters.v1"
JOURNAL: Final = "hpts.journal.v1"
CHECKPOINTS: Final = "hpts.checkpoints.v1"
MOST_DEAD_LETTER_BYTES: Final = 2 * 1024 * 1024
"""A message of that topic holds a whole record of the command log, and the reason."""
MOST_ENTRY_BYTES: Final = 4 * 1024 * 1024
"""A message of the journal topic holds an entry with all of its lines: a chunk of 5,000 loans, or
its reversal, stays below a million bytes.
"""

SIGNATURE_HEADER: Final = "signature"
REPLY_PARTITION_HEADER: Final = "reply-partition"
TRACEPARENT_HEADER: Final = "traceparent"

_FOR_EVER: Final = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}

TOPICS: Final = (
    # posted_at is the broker's append time, so the broker must be the one that stamps it.
    Topic(COMMANDS, None, {**_FOR_EVER, "message.timestamp.type": "LogAppendTime"}),
    # Announcements only: the truth is in command_outcomes, so an hour is plenty.
    Topic(OUTCOMES, OUTCOME_PARTITIONS, {"cleanup.policy": "delete", "retention.ms": "3600000"}),
    # What was posted, in the order of each partition's journal: partition for partition the same.
    Topic(JOURNAL, None, {**_FOR_EVER, "max.message.bytes": str(MOST_ENTRY_BYTES)}),
    # One partition, so that whoever reads it has every checkpoint in the order of their making.
    Topic(CHECKPOINTS, 1, dict(_FOR_EVER)),
    Topic(DEAD_LETTERS, 1, {**_FOR_EVER, "max.message.bytes": str(MOST_DEAD_LETTER_BYTES)}),
)
