"""Where the books stand when they are cut over, and the seals that say so."""

from collections.abc import Sequence
from dataclasses import dataclass

from hpts.archiving.manifest import Manifest
from hpts.database import Administrator
from posting_engine import halts
from schemas.cut_over import CutOver


class CutOverRefused(Exception):
    """The books cannot go on from there. The message says why; they still follow the old log."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One partition's row, and the epoch that it is held by."""

    partition_id: int
    topic_id: str
    next_offset: int
    base_offset: int
    last_entry_seq: int
    chain_head: bytes
    lease_epoch: int
    halted_because: str | None

    def seal(self, manifest_sha256: str) -> CutOver:
        """What the new log begins with."""
        return CutOver(
            partition_id=self.partition_id,
            old_topic_id=self.topic_id,
            end_offset=self.next_offset,
            last_entry_seq=self.last_entry_seq,
            chain_head=self.chain_head,
            manifest_sha256=bytes.fromhex(manifest_sha256),
        )


def taken(database: Administrator, owner: str) -> list[Standing]:
    """Every partition, held by us from now on: whoever wrote there is fenced. Raises
    `CutOverRefused`, with nothing taken, where one record and not the log halts a partition.
    """
    with database.whole():
        for one in _standings(database):
            if one.halted_because is not None and halts.is_of_a_record(one.halted_because):
                raise CutOverRefused(
                    f"partition {one.partition_id} is halted, and a new log would not mend it: "
                    f"{one.halted_because}"
                )
        database.ask("take_all_leases", owner=owner)
        return _standings(database)


def refuse_moved(database: Administrator, before: Sequence[Standing]) -> None:
    """Within a transaction: lock every partition where it stands. Raises `CutOverRefused` where an
    engine has taken it back.
    """
    for was, now in zip(before, _standings(database), strict=True):
        if now != was:
            raise CutOverRefused(
                f"partition {was.partition_id} was taken back by an engine: stop the engines, run "
                "`hpts archive` again where they have gone on, and cut over again"
            )


def refuse_other_archive(manifest: Manifest, standings: Sequence[Standing], place: str) -> None:
    """Raise `CutOverRefused` unless the archive ends where every partition stands, in these very
    books.
    """
    if manifest.partition_count != len(standings):
        raise CutOverRefused(f"{place} has {manifest.partition_count} partitions")
    for held, stands in zip(manifest.partitions, standings, strict=True):
        where = f"partition {stands.partition_id}"
        is_next = stands.next_offset == stands.base_offset == held.end
        if manifest.last_topic.topic_id != stands.topic_id and not is_next:
            raise CutOverRefused(
                f"{where} follows the topic with id {stands.topic_id}, and {place} is an archive "
                f"of {manifest.last_topic.topic_id}"
            )
        if (held.end, held.last_entry_seq) != (stands.next_offset, stands.last_entry_seq):
            raise CutOverRefused(
                f"{where} stands at offset {stands.next_offset} and entry {stands.last_entry_seq}, "
                f"and {place} ends at {held.end} and {held.last_entry_seq}: run `hpts archive` on "
                "the old log, while that can be read"
            )
        if held.chain_head != stands.chain_head.hex():
            raise CutOverRefused(f"{where}: {place} is of other books: its chain head is another")


def _standings(database: Administrator) -> list[Standing]:
    return [Standing(*row) for row in database.ask("lock_standings")]
