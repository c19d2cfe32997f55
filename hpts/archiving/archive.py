"""Copying the command log to files: what has been applied, and what was decided about it.

A partition is copied up to its position in the books, read in one snapshot with its facts and its
chain head, so the three belong together. Files first, then the manifest that names them: killed at
any moment, the archive is what the last manifest says, and the next run goes on from there.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final

from hpts.archiving import containers
from hpts.archiving.containers import Fact
from hpts.archiving.files import Files
from hpts.archiving.manifest import (
    Archived,
    ArchiveRefused,
    FactsFile,
    Manifest,
    Part,
    Topic,
    Witness,
    load,
    save,
)
from hpts.archiving.source import empty_ranges
from hpts.database import Administrator
from hpts.rebuilding.source import LogSource, Place
from posting_engine import halts
from posting_engine.records import Record
from schemas.chain import GENESIS
from schemas.crash_points import crash_point
from schemas.topics import COMMANDS

PART_BYTES: Final = 64 * 1024 * 1024
PART_RECORDS: Final = 100_000
SAVE_EVERY_S: Final = 5.0

OnProgress = Callable[[int, int], None]
"""Called with a partition, and how many of its offsets have been copied since the last call."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a file of records may get, before compression."""

    part_bytes: int = PART_BYTES
    part_records: int = PART_RECORDS


@dataclass(slots=True)
class Report:
    """What a run did. `behind`: partitions whose books have not come as far as the archive."""

    records: int = 0
    files: int = 0
    behind: list[int] = field(default_factory=list)
    manifest: Manifest | None = None
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class _Standing:
    """One partition of the books in one snapshot: how far, and what is known of what is new."""

    next_offset: int
    last_entry_seq: int
    chain_head: bytes
    hidden: frozenset[int]
    facts: Sequence[Fact]


def archive(
    topic: LogSource,
    database: Administrator,
    files: Files,
    *,
    schema: str = "hpts",
    limits: Limits | None = None,
    on_progress: OnProgress = lambda _partition, _offsets: None,
) -> Report:
    """Copy what has been applied since the last run. Raises `ArchiveRefused`, what `topic` raises
    and what `files` raise; what was copied until then is kept.
    """
    if not database.ask("lock_archive")[0][0]:
        raise ArchiveRefused("another `hpts archive` of this ledger is running")
    manifest = _begun(topic, database, files)
    run = _Run(topic, database, files, schema, limits or Limits(), on_progress, manifest)
    return run.run()


def _begun(topic: LogSource, database: Administrator, files: Files) -> Manifest:
    """The manifest to go on from. Raises `ArchiveRefused` where it is another ledger's."""
    pinned = database.ask("load_pinned")
    if not pinned:
        raise ArchiveRefused("the database has no ledger: run `hpts migrate` first")
    count, topic_id = pinned[0]
    if topic.topic_id != topic_id:
        raise ArchiveRefused(
            f"the books follow the topic with id {topic_id}, the cluster has {topic.topic_id}"
        )
    found = load(files)
    if found is None:
        partitions = tuple(Archived(partition_id) for partition_id in range(count))
        return Manifest(topic_id, count, datetime.now(UTC), partitions, topic=COMMANDS)
    manifest = found[0]
    if manifest.partition_count == count:
        if manifest.last_topic.topic_id == topic_id:
            return manifest
        bases = tuple(topic.bases()[partition_id] for partition_id in range(count))
        # Only a topic that was cut over to begins with anything but 0; that its seal fits is shown
        # by the chain, which is compared with the books before anything is copied.
        if any(bases) and bases == tuple(one.end for one in manifest.partitions):
            return replace(manifest, topics=(*manifest.topics, Topic(topic_id, bases)))
    raise ArchiveRefused(
        f"{files.place} is an archive of the topic with id {manifest.last_topic.topic_id} "
        f"({manifest.partition_count} partitions), the books follow {topic_id} ({count}): "
        "name another place, or the archive that they were cut over with"
    )


@dataclass(slots=True)
class _Run:
    topic: LogSource
    database: Administrator
    files: Files
    schema: str
    limits: Limits
    on_progress: OnProgress
    manifest: Manifest
    report: Report = field(default_factory=Report)
    _saved_at: float = field(default_factory=time.monotonic)

    def run(self) -> Report:
        bounds = self.topic.bounds()
        if bounds.keys() != set(range(self.manifest.partition_count)):
            raise ArchiveRefused(f"the topic has {len(bounds)} partitions")
        for before in self.manifest.partitions:
            after = self._brought_on(before, bounds[before.partition_id])
            if after is not before:
                everything = list(self.manifest.partitions)
                everything[before.partition_id] = after
                self.manifest = replace(self.manifest, partitions=tuple(everything))
                if time.monotonic() >= self._saved_at + SAVE_EVERY_S:
                    self._save()
        self._save()
        return self.report

    def _save(self) -> None:
        self.manifest = replace(self.manifest, written_at=datetime.now(UTC))
        self.report.sha256 = save(self.files, self.manifest)
        self.report.manifest = self.manifest
        self._saved_at = time.monotonic()
        crash_point("archive-manifest-written")

    def _brought_on(self, before: Archived, bounds: Place) -> Archived:
        """A partition with what is new; itself where nothing is."""
        partition_id, first = before.partition_id, before.end
        standing = self._standing(before)
        if standing.next_offset > bounds[1]:
            raise ArchiveRefused(
                f"partition {partition_id}: the log ends at {bounds[1]}, and the books have "
                f"applied {standing.next_offset}: the database is newer than the log"
            )
        if bounds[0] > first:
            raise ArchiveRefused(
                f"partition {partition_id}: the log begins at {bounds[0]} and {first} is due: "
                "records were removed before they were archived"
            )
        self._compare_witness(before, bounds[0])
        if standing.next_offset < first:
            self.report.behind.append(partition_id)
        if standing.next_offset <= first:
            return before
        parts, witness = [], before.witness
        for part, last in self._parts(partition_id, first, standing):
            parts.append(part)
            witness = last or witness
        return Archived(
            partition_id,
            standing.next_offset,
            standing.last_entry_seq,
            standing.chain_head.hex(),
            witness,
            (*before.parts, *parts),
            (*before.facts, *self._facts(partition_id, first, standing.facts)),
        )

    def _standing(self, before: Archived) -> _Standing:
        wanted = {"partition_id": before.partition_id, "entry_seq": before.last_entry_seq}
        with self.database.snapshot(self.schema):
            [[topic_id, next_offset, entry_seq, head, link]] = self.database.ask(
                "load_position_of", **wanted
            )
            span = {"partition_id": before.partition_id, "first": before.end, "before": next_offset}
            letters = self.database.ask("load_dead_letters_of", **span)
            broken = self.database.ask("load_quarantines_of", **span)
        if topic_id != self.manifest.last_topic.topic_id:
            raise ArchiveRefused(
                f"partition {before.partition_id} follows the topic with id {topic_id}"
            )
        link = GENESIS if before.last_entry_seq == 0 else link
        is_behind = next_offset < before.end
        if not is_behind and (link is None or link.hex() != before.chain_head):
            raise ArchiveRefused(
                f"partition {before.partition_id}: the journal's entry {before.last_entry_seq} is "
                "not the one it had when it was archived: the books were changed, or rebuilt "
                "otherwise. Run `hpts verify`."
            )
        facts = [Fact(offset, reason) for offset, reason in letters if reason != halts.HIDDEN]
        facts += [Fact(offset, why, decided, loan) for decided, offset, loan, why in broken]
        hidden = frozenset(offset for offset, reason in letters if reason == halts.HIDDEN)
        return _Standing(next_offset, entry_seq, head, hidden, facts)

    def _compare_witness(self, before: Archived, log_begins: int) -> None:
        """Whether the log still holds the last archived record; not where it gave that up since."""
        if before.witness is None or before.witness.offset < log_begins:
            return
        offset = before.witness.offset
        found = list(self.topic.read(before.partition_id, offset, offset + 1))
        if [containers.sha256_of(record) for record in found] != [before.witness.sha256]:
            raise ArchiveRefused(
                f"partition {before.partition_id}: offset {offset} of the log is not the record "
                f"that was archived: the log was rewritten. {self.files.place} is kept as it is."
            )

    def _parts(
        self, partition_id: int, first: int, standing: _Standing
    ) -> Iterator[tuple[Part, Witness | None]]:
        """Copy [first, next_offset) file by file; each with the witness that it ends in, if any."""
        due = first
        for records, end in self._cut(partition_id, first, standing.next_offset):
            offsets = [record.offset for record in records]
            empty = empty_ranges(offsets, due, end)
            for offset in (o for begin, before in empty for o in range(begin, before)):
                if offset not in standing.hidden:
                    raise ArchiveRefused(
                        f"partition {partition_id}: offset {offset} cannot be read, and the books "
                        "applied a record there: it was removed from the log"
                    )
            data = containers.of_records(records)
            name = f"records/{partition_id:04d}/{due:020d}.avro"
            self._write(name, data)
            part = Part(name, due, end, len(records), len(data), _hash(data), empty)
            yield part, _witness(records)
            self.report.records += len(records)
            self.on_progress(partition_id, end - due)
            due = end

    def _cut(self, partition_id: int, first: int, end: int) -> Iterator[tuple[list[Record], int]]:
        """The records of a range in lots for a file each, and where each lot ends."""
        records: list[Record] = []
        size = 0
        for record in self.topic.read(partition_id, first, end):
            if records and (
                len(records) >= self.limits.part_records or size >= self.limits.part_bytes
            ):
                yield records, record.offset
                records, size = [], 0
            records.append(record)
            size += containers.size_of(record)
        yield records, end

    def _facts(self, partition_id: int, first: int, facts: Sequence[Fact]) -> list[FactsFile]:
        if not facts:
            return []
        data = containers.of_facts(facts)
        name = f"facts/{partition_id:04d}/{first:020d}.avro"
        self._write(name, data)
        return [FactsFile(name, len(facts), len(data), _hash(data))]

    def _write(self, name: str, data: bytes) -> None:
        self.files.write(name, data)
        self.report.files += 1
        crash_point("archive-file-written")


def _witness(records: Sequence[Record]) -> Witness | None:
    return Witness(records[-1].offset, containers.sha256_of(records[-1])) if records else None


def _hash(data: bytes) -> str:
    return sha256(data).hexdigest()
