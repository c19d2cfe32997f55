"""What an archive holds: the list of its files with their hashes, and where each partition ends.

The manifest is written last, in one piece. A file that it does not name is none of the archive's:
what a killed run left behind is overwritten by the next.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Final

import msgspec

from hpts.archiving.files import Files
from hpts.rebuilding.source import SourceDamaged
from schemas.chain import GENESIS

NAME: Final = "manifest.json"
FORMAT: Final = "hpts-archive-1"


class ArchiveRefused(Exception):
    """The archive, the log and the books do not belong together. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file of records: all of [first, end) but `empty`, ranges that hold nothing committed."""

    name: str
    first: int
    end: int
    records: int
    bytes: int
    sha256: str
    empty: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class FactsFile:
    """A file of what was decided about offsets of one partition."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Witness:
    """The last archived record of a partition: its offset, and its hash over all of it."""

    offset: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Archived:
    """One partition up to `end`, where its journal stood at `last_entry_seq` and `chain_head`."""

    partition_id: int
    end: int = 0
    last_entry_seq: int = 0
    chain_head: str = GENESIS.hex()
    witness: Witness | None = None
    parts: tuple[Part, ...] = ()
    facts: tuple[FactsFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Topic:
    """One that was copied; `bases`: the offset that each of its partitions begins with."""

    topic_id: str
    bases: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """An archive of one log. `partitions` has every partition, in order. `topic_id` is the topic
    that it began with; `topics` are those that the books were cut over to since, in order.
    """

    topic_id: str
    partition_count: int
    written_at: datetime
    partitions: tuple[Archived, ...]
    format: str = FORMAT
    topic: str = field(default="")
    topics: tuple[Topic, ...] = ()

    @property
    def last_topic(self) -> Topic:
        """The one that is copied from now."""
        return self.topics[-1] if self.topics else Topic(self.topic_id, (0,) * self.partition_count)

    def names(self) -> Iterator[str]:
        """Of every file of the archive, but its own."""
        for one in self.partitions:
            yield from (part.name for part in one.parts)
            yield from (file.name for file in one.facts)


def load(files: Files) -> tuple[Manifest, str] | None:
    """The manifest and its SHA-256; None where there is none. Raises `SourceDamaged`."""
    data = files.read(NAME)
    if data is None:
        return None
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise SourceDamaged(f"{files.place}/{NAME} cannot be read: {error}") from error
    if manifest.format != FORMAT:
        raise SourceDamaged(
            f"{files.place}/{NAME} has format {manifest.format}, this build reads {FORMAT}"
        )
    if (fault := _fault(manifest)) is not None:
        raise SourceDamaged(f"{files.place}/{NAME}: {fault}")
    return manifest, sha256(data).hexdigest()


def save(files: Files, manifest: Manifest) -> str:
    """Put it in the place of the one before; its SHA-256."""
    data = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    files.write(NAME, data)
    return sha256(data).hexdigest()


def bounds_of(manifest: Manifest) -> Mapping[int, tuple[int, int]]:
    """Partition -> the first offset held, and the one after the last."""
    return {
        one.partition_id: (one.parts[0].first if one.parts else one.end, one.end)
        for one in manifest.partitions
    }


def _fault(manifest: Manifest) -> str | None:
    """Where it contradicts itself; None where it does not."""
    if [one.partition_id for one in manifest.partitions] != list(range(manifest.partition_count)):
        return f"it does not list partitions 0 to {manifest.partition_count - 1}"
    if any(len(one.bases) != manifest.partition_count for one in manifest.topics):
        return "a topic has not as many bases as there are partitions"
    names = list(manifest.names())
    if len(set(names)) != len(names):
        return "it names a file twice"
    for one in manifest.partitions:
        due = one.parts[0].first if one.parts else one.end
        for part in one.parts:
            if part.first != due or part.end <= part.first:
                return f"partition {one.partition_id}: {part.name} does not begin at {due}"
            if part.records + sum(end - first for first, end in part.empty) != due_in(part):
                return f"partition {one.partition_id}: {part.name} does not account for all"
            due = part.end
        if due != one.end:
            return f"partition {one.partition_id}: its parts end at {due}, and it at {one.end}"
    return None


def due_in(part: Part) -> int:
    """How many offsets a part must account for."""
    return part.end - part.first
