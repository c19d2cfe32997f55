"""An archive as a source of commands, by itself or with the live topic after it.

Nothing is given out of a file before its hash, its offsets and its count have been found right.
"""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import pairwise, zip_longest
from typing import Final

from hpts.archiving import containers
from hpts.archiving.files import Files, files_at
from hpts.archiving.manifest import Archived, FactsFile, Manifest, Part, bounds_of, load
from hpts.rebuilding.source import Breaking, Facts, LogSource, Place, SourceDamaged
from hpts.rebuilding.topic import TopicSource
from posting_engine.records import Record
from schemas.kafka_security import PLAINTEXT, Security
from schemas.partitioning import NO_LOAN

OVERLAP: Final = 1_000
"""How many of the last archived offsets are compared with the topic, where that has them still."""


def open_source(
    place: str,
    bootstrap: str | None = None,
    *,
    overlap: int = OVERLAP,
    security: Security = PLAINTEXT,
    bases: Mapping[int, int] | None = None,
) -> LogSource:
    """The archive at a path or `s3://` address; with a cluster, the live topic after it, too.

    By names alone, so that another process can open the same (with `overlap` 0 where one has
    compared already). Raises `SourceDamaged`, `ArchiveUnreachable`, and what `TopicSource` raises.
    """
    archive = ArchiveSource(files_at(place))
    if bootstrap is None:
        return archive
    topic = TopicSource(bootstrap, security=security, bases=bases)
    return ArchiveThenTopic(archive, topic, overlap=overlap)


class ArchiveSource:
    """An archive; its manifest as it was when this was made. Methods raise `SourceDamaged`, and
    `ArchiveUnreachable`.
    """

    def __init__(self, files: Files) -> None:
        found = load(files)
        if found is None:
            raise SourceDamaged(f"{files.place} has no manifest: it is no archive")
        self._files = files
        self.manifest: Manifest = found[0]
        self.sha256: str = found[1]

    @property
    def topic_id(self) -> str:
        """Of the topic that was copied, the last one."""
        return self.manifest.last_topic.topic_id

    def bases(self) -> Mapping[int, int]:
        """See `LogSource`."""
        return dict(enumerate(self.manifest.last_topic.bases))

    @property
    def partition_count(self) -> int:
        """For life."""
        return self.manifest.partition_count

    def bounds(self) -> Mapping[int, Place]:
        """See `LogSource`."""
        return bounds_of(self.manifest)

    def read(self, partition_id: int, first: int, end: int) -> Iterator[Record]:
        """See `LogSource`; the archive must hold all of it."""
        begin, last = self.bounds().get(partition_id, (0, 0))
        if first < end and not begin <= first < end <= last:
            raise SourceDamaged(
                f"{self._files.place} has offsets {begin} to {last} of partition {partition_id}; "
                f"{first} to {end} were asked for"
            )
        for part in self.manifest.partitions[partition_id].parts if first < end else ():
            if part.first < end and part.end > first:
                records = self.records_of(partition_id, part)
                yield from (record for record in records if first <= record.offset < end)

    def facts(self) -> Facts:
        """See `LogSource`."""
        letters: dict[Place, str] = {}
        quarantines: dict[Breaking, str] = {}
        for one in self.manifest.partitions:
            for fact in self.facts_of(one):
                if fact.decided_offset is None:
                    letters[one.partition_id, fact.command_offset] = fact.reason
                else:
                    loan = fact.loan_id or NO_LOAN
                    place = (one.partition_id, fact.decided_offset, fact.command_offset, loan)
                    quarantines[place] = fact.reason
        return Facts(letters, quarantines)

    def facts_of(self, one: Archived) -> Iterator[containers.Fact]:
        """What is known of one partition."""
        for file in one.facts:
            data = self._verified(file, f"facts of partition {one.partition_id}")
            try:
                found = list(containers.facts_in(data))
            except containers.Unreadable as error:
                raise SourceDamaged(f"{self._files.place}/{file.name}: {error}") from error
            if len(found) != file.rows:
                raise SourceDamaged(f"{self._files.place}/{file.name}: not {file.rows} facts")
            yield from found

    def records_of(self, partition_id: int, part: Part) -> list[Record]:
        """All records of one file, once all of it has been found right."""
        where = f"partition {partition_id}, offsets {part.first} to {part.end}"
        data = self._verified(part, where)
        place = f"{self._files.place}/{part.name}"
        try:
            records = list(containers.records_in(data, partition_id))
        except containers.Unreadable as error:
            raise SourceDamaged(f"{place} ({where}): {error}") from error
        found = [record.offset for record in records]
        empty = {offset for first, end in part.empty for offset in range(first, end)}
        wanted = [offset for offset in range(part.first, part.end) if offset not in empty]
        for offset, due in zip_longest(found, wanted):
            if offset != due:
                raise SourceDamaged(f"{place}: offset {due} is due, and {offset} stands there")
        return records

    def _verified(self, file: Part | FactsFile, where: str) -> bytes:
        data = self._files.read(file.name)
        place = f"{self._files.place}/{file.name}"
        if data is None:
            raise SourceDamaged(f"{place} ({where}) is missing")
        if len(data) != file.bytes or sha256(data).hexdigest() != file.sha256:
            raise SourceDamaged(
                f"{place} ({where}) is not what was written: its SHA-256 is not the manifest's"
            )
        return data


class ArchiveThenTopic:
    """An archive, and the live topic from where it ends."""

    def __init__(self, archive: ArchiveSource, topic: LogSource, *, overlap: int = OVERLAP) -> None:
        """Raises `SourceDamaged` where they are not of one log: another topic, a gap between them,
        or a difference in the last `overlap` archived offsets of a partition.
        """
        self._archive, self._topic = archive, topic
        held, live = archive.bounds(), topic.bounds()
        if held.keys() != live.keys():
            raise SourceDamaged(f"the archive has {len(held)} partitions, the topic {len(live)}")
        ends = {p: end for p, (_, end) in held.items()}
        if archive.topic_id != topic.topic_id and ends != topic.bases():
            raise SourceDamaged(
                f"the archive is of topic {archive.topic_id}, the live one is {topic.topic_id}, "
                "which does not begin where the archive ends"
            )
        self._bounds = {p: (held[p][0], live[p][1]) for p in held}
        self._ends = ends
        for partition_id, (begin, end) in held.items():
            topic_begin, topic_end = live[partition_id]
            if topic_begin > end:
                raise SourceDamaged(
                    f"partition {partition_id}: the archive ends at {end} and the topic begins at "
                    f"{topic_begin}: what is between them is lost"
                )
            if topic_end < end:
                raise SourceDamaged(
                    f"partition {partition_id}: the topic ends at {topic_end}, before the archive "
                    f"({end}): it lost records. Rebuild from the archive alone, then cut over."
                )
            self._compare(partition_id, max(begin, topic_begin, end - overlap), end)

    @property
    def topic_id(self) -> str:
        """Of the live one: the archive's own, or the one that was cut over to where that ends."""
        return self._topic.topic_id

    def bases(self) -> Mapping[int, int]:
        """See `LogSource`."""
        return self._topic.bases()

    def bounds(self) -> Mapping[int, Place]:
        """See `LogSource`."""
        return self._bounds

    def read(self, partition_id: int, first: int, end: int) -> Iterator[Record]:
        """See `LogSource`."""
        border = self._ends[partition_id]
        if first < border:
            yield from self._archive.read(partition_id, first, min(end, border))
        if end > border:
            yield from self._topic.read(partition_id, max(first, border), end)

    def facts(self) -> Facts:
        """Of both; the archive has them from the books, and has the last word."""
        return self._archive.facts().and_those_of(self._topic.facts())

    def _compare(self, partition_id: int, first: int, end: int) -> None:
        if first >= end:
            return
        held = self._archive.read(partition_id, first, end)
        live = self._topic.read(partition_id, first, end)
        for ours, theirs in zip_longest(held, live):
            if ours != theirs:
                offset = min(one.offset for one in (ours, theirs) if one is not None)
                raise SourceDamaged(
                    f"partition {partition_id}, offset {offset}: the topic does not hold what was "
                    "archived: one of them was rewritten"
                )


def empty_ranges(offsets: list[int], first: int, end: int) -> tuple[tuple[int, int], ...]:
    """The ranges of [first, end) that hold none of these ascending offsets."""
    edges = pairwise([first - 1, *offsets, end])
    return tuple((before + 1, after) for before, after in edges if after > before + 1)
