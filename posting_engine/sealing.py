"""Whether a log that was cut over to is the one that these books go on with.

Its first record in each partition seals the log before. What it says is held against where the
partition stands: offset, entry number, chain head. No I/O.
"""

from collections.abc import Iterable, Mapping

from posting_engine import halts
from posting_engine.positions import Position
from posting_engine.records import DeadLetter, Record, UnknownToThisBuild, examine
from posting_engine.verdict import Item
from schemas.cut_over import CutOver
from schemas.signing import SigningKey


def misfits(run: Iterable[Item], held: Mapping[int, Position]) -> dict[int, str]:
    """Why partitions cannot go on with these items: a seal that does not fit (it is a run by
    itself), or a new log that does not begin with one.
    """
    found: dict[int, str] = {}
    for item in run:
        offset, position = item.record.offset, held[item.record.partition_id]
        if isinstance(item.content, CutOver):
            if (why := _misfit(item.content, position, offset)) is not None:
                found[position.partition_id] = halts.other_books(offset, why)
        elif 0 < position.base_offset == position.next_offset == offset:
            found[position.partition_id] = halts.other_books(offset, "it begins with no seal")
    return found


def seal_in(record: Record | None, ring: Mapping[str, SigningKey]) -> CutOver | None:
    """The seal that a record is, rightly signed; None where it is another record."""
    if record is None:
        return None
    try:
        found = examine(record, ring, partition_count=1)
    except (DeadLetter, UnknownToThisBuild):
        return None
    return found if isinstance(found, CutOver) else None


def _misfit(seal: CutOver, position: Position, offset: int) -> str | None:
    stands = {
        "partition": (seal.partition_id, position.partition_id),
        "offset": (seal.end_offset, offset),
        "entry": (seal.last_entry_seq, position.last_entry_seq),
        "chain head": (seal.chain_head.hex(), position.chain_head.hex()),
    }
    apart = [
        f"{name} {told}, and not {ours}" for name, (told, ours) in stands.items() if told != ours
    ]
    return f"it seals {'; '.join(apart)}" if apart else None
