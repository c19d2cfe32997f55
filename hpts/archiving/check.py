"""Proving that an archive is whole: every file, hash, offset and witness."""

from collections.abc import Callable
from dataclasses import dataclass

from hpts.archiving import containers
from hpts.archiving.manifest import Archived
from hpts.archiving.source import ArchiveSource
from hpts.rebuilding.source import SourceDamaged


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found whole, and of which manifest."""

    files: int
    records: int
    facts: int
    bytes: int
    manifest_sha256: str


def check(
    archive: ArchiveSource, on_progress: Callable[[int, int], None] = lambda _p, _offsets: None
) -> Checked:
    """Read every file of an archive. Raises `SourceDamaged` at the first that is not as it was."""
    files = records = facts = size = 0
    for one in archive.manifest.partitions:
        last: str | None = None
        for part in one.parts:
            found = archive.records_of(one.partition_id, part)
            last = containers.sha256_of(found[-1]) if found else last
            records += len(found)
            size += part.bytes
            on_progress(one.partition_id, part.end - part.first)
        facts += sum(1 for _ in archive.facts_of(one))
        size += sum(file.bytes for file in one.facts)
        files += len(one.parts) + len(one.facts)
        _compare(one, last)
    return Checked(files, records, facts, size, archive.sha256)


def _compare(one: Archived, last: str | None) -> None:
    if last != (None if one.witness is None else one.witness.sha256):
        raise SourceDamaged(
            f"partition {one.partition_id}: the last record is not the one that the manifest names"
        )
