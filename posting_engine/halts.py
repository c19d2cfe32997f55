"""Why a partition stands still, in words that say what to do. The other partitions go on."""

import re
from typing import Final

from posting_engine.positions import Position

HIDDEN: Final = "hidden: an aborted record or a transaction marker"
"""The reason kept for an offset that holds nothing that was ever committed."""
_OF_A_RECORD: Final = re.compile(r"offset \d+: ")


def lost(reason: str) -> str:
    """Kafka no longer has, or never had, the offset to read from."""
    return (
        f"the log does not hold the position of this partition ({reason}): records were "
        "removed, or the database is newer than the log. Restore the log, or rebuild."
    )


def foreign(position: Position, topic_id: str) -> str:
    """This partition was applied from another topic than the one the ledger is pinned to."""
    return (
        f"the ledger is pinned to the topic with id {topic_id} and this partition follows "
        f"{position.topic_id}: a cut-over stopped half-way. Finish it, or restore the database."
    )


def other_books(offset: int, why: str) -> str:
    """What a cut-over wrote is not for where these books stand."""
    return (
        f"the new log was made for other books (at offset {offset}: {why}). Restore the database "
        "that was cut over, or cut over to another topic."
    )


def is_of_a_record(reason: str) -> bool:
    """Whether it is one record that halts a partition, and not the log as a whole."""
    return _OF_A_RECORD.match(reason) is not None


def gap(due: int, came: int) -> str:
    """An offset other than the next one came."""
    return (
        f"gap in the log: offset {due} is due and {came} came. Records were removed; restore the "
        "log, or rebuild from the archive."
    )


def rewritten(position: Position, offset: int) -> str:
    """The last applied record is not what the log holds there now."""
    return (
        f"offset {position.next_offset - 1} is not the record that was applied there (read at "
        f"{offset}): the log was rewritten. Restore the log that these books were made from."
    )


def refused(offset: int, reason: str) -> str:
    """Postgres will not even keep a record as a dead letter, or in quarantine."""
    return (
        f"offset {offset}: Postgres refuses to record it, even set aside: {reason}. Nothing of it "
        "was applied. Mend the table that the reason names, then restart the engine."
    )
