"""An archive holds the log as it was applied, goes on where it ended, and is never half an one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hpts.archiving.archive import Limits
from hpts.archiving.check import check
from hpts.archiving.files import Folder
from hpts.archiving.manifest import NAME, ArchiveRefused, load
from hpts.archiving.source import ArchiveSource, ArchiveThenTopic, open_source
from hpts.rebuilding.source import SourceDamaged
from hpts.rebuilding.topic import TopicSource
from posting_engine.records import Record
from tests.archiving.small_ledger import (
    SmallLedger,
    begin_partitions,
    empty_books,
)
from tests.books.ledger import disbursement, loan_number, owner_of, payment
from tests.golden.applying import apply_log
from tests.golden.digest import digest_of

LOANS = [loan_number(number) for number in range(8)]
FEW = Limits(part_records=5)


def lend(small: SmallLedger, payments: int = 4) -> None:
    """Loans and payments in every partition; in two of them also what is no command."""
    small.send(*(disbursement(f"lent:{loan}", loan) for loan in LOANS))
    pay(small, "first", payments)
    small.send_raw(owner_of(LOANS[0]), [b"no command", None])
    small.abort(owner_of(LOANS[1]), 2)
    pay(small, "second", 1)


def pay(small: SmallLedger, name: str, payments: int) -> None:
    small.send(*(payment(f"{name}:{n}:{loan}", loan) for n in range(payments) for loan in LOANS))


def test_an_archive_reads_as_the_log_does(small: SmallLedger, folder: Folder) -> None:
    lend(small)
    small.apply()
    report = small.archive(folder, FEW)
    held, topic = ArchiveSource(folder), small.topic

    assert held.topic_id == topic.topic_id
    assert held.bounds() == topic.bounds()
    for partition_id, (first, end) in topic.bounds().items():
        copied = list(held.read(partition_id, first, end))
        assert copied == list(topic.read(partition_id, first, end))
        assert list(held.read(partition_id, 2, 5)) == [r for r in copied if 2 <= r.offset < 5]
    letters = {r for r in held.facts().dead_letters.values() if not r.startswith("hidden")}
    assert letters == {"unsigned: no signature, or no value"}
    found = check(held)
    assert (found.records, found.manifest_sha256) == (report.records, report.sha256)


def test_books_made_from_an_archive_are_those_made_from_the_log(
    small: SmallLedger, folder: Folder
) -> None:
    lend(small)
    small.apply()
    small.archive(folder)
    source = ArchiveSource(folder)

    admin_dsn, _ = empty_books(small.cluster_dsn)
    begin_partitions(admin_dsn, source.topic_id)
    apply_log(source, admin_dsn)

    assert digest_of(admin_dsn) == digest_of(small.admin_dsn)


def test_a_second_run_adds_what_is_new_and_touches_nothing_else(
    small: SmallLedger, folder: Folder, tmp_path: Path
) -> None:
    lend(small)
    small.apply()
    small.archive(folder, FEW)
    before = {p: p.read_bytes() for p in (tmp_path / "archive").rglob("*.avro")}
    pay(small, "third", 3)
    assert small.archive(folder, FEW).files == 0  # not applied, so not archived

    small.apply()
    report = small.archive(folder, FEW)

    assert report.records == 3 * len(LOANS)
    assert all(path.read_bytes() == data for path, data in before.items())
    assert ArchiveSource(folder).bounds() == small.topic.bounds()
    assert small.archive(folder, FEW).records == 0


def test_every_changed_byte_is_found_and_its_file_named(
    small: SmallLedger, folder: Folder, tmp_path: Path
) -> None:
    lend(small)
    small.apply()
    small.archive(folder)
    for file in sorted((tmp_path / "archive").rglob("*.avro")):
        data = file.read_bytes()
        for place in (0, len(data) // 2, len(data) - 1):
            file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            with pytest.raises(SourceDamaged, match=file.name):
                check(ArchiveSource(folder))
        file.unlink()
        with pytest.raises(SourceDamaged, match=rf"{file.name}.*is missing"):
            check(ArchiveSource(folder))
        file.write_bytes(data)
    check(ArchiveSource(folder))
    manifest = tmp_path / "archive" / NAME
    manifest.write_bytes(manifest.read_bytes()[:-20])
    with pytest.raises(SourceDamaged, match=NAME):
        ArchiveSource(folder)


def test_the_log_of_another_topic_is_not_added(small: SmallLedger, folder: Folder) -> None:
    lend(small)
    small.apply()
    small.archive(folder)
    found = load(folder)
    another = SmallLedger(small.bootstrap, small.cluster_dsn)
    another.send(disbursement("lent", LOANS[0]))
    another.apply()

    with pytest.raises(ArchiveRefused, match="is an archive of the topic with id"):
        another.archive(folder)
    assert load(folder) == found


def test_books_that_are_not_those_that_were_archived_are_refused(
    small: SmallLedger, folder: Folder
) -> None:
    lend(small)
    small.apply()
    small.archive(folder)
    manifest = folder.read(NAME)
    owner = owner_of(LOANS[0])
    seq = ArchiveSource(folder).manifest.partitions[owner].last_entry_seq
    pay(small, "third", 1)
    small.apply()

    small.run(f"UPDATE hpts.partitions SET next_offset = 99 WHERE partition_id = {owner}")
    with pytest.raises(ArchiveRefused, match="the database is newer than the log"):
        small.archive(folder)
    small.run(
        "UPDATE hpts.journal_entries SET entry_hash = sha256('another'), description = 'another'"
        f" WHERE (partition_id, entry_seq) = ({owner}, {seq})"
    )
    with pytest.raises(ArchiveRefused, match=f"the journal's entry {seq} is not the one"):
        small.archive(folder)
    assert folder.read(NAME) == manifest


def test_books_restored_from_before_the_archive_wait_until_they_have_caught_up(
    small: SmallLedger, folder: Folder
) -> None:
    lend(small)
    small.apply()
    small.archive(folder)
    behind = SmallLedger.beside(small)

    assert behind.archive(folder).behind == list(range(4))
    behind.apply()
    report = behind.archive(folder)
    assert (report.behind, report.records) == ([], 0)
    check(ArchiveSource(folder))


def test_a_log_that_lost_or_changed_a_record_is_not_copied(
    small: SmallLedger, folder: Folder
) -> None:
    lend(small)
    small.apply()
    small.archive(folder)
    owner = owner_of(LOANS[0])
    last = ArchiveSource(folder).manifest.partitions[owner].witness
    assert last is not None
    pay(small, "third", 2)
    small.apply()

    changed = Altered(small.topic, owner, last.offset, value=b"another")
    with pytest.raises(ArchiveRefused, match=f"offset {last.offset} of the log is not the record"):
        small.archive(folder, topic=changed)
    lost = Altered(small.topic, owner, last.offset + 2, value=None)
    with pytest.raises(ArchiveRefused, match=f"offset {last.offset + 2} cannot be read"):
        small.archive(folder, topic=lost)
    check(ArchiveSource(folder))
    assert small.archive(folder).records == 2 * len(LOANS)


def test_what_was_archived_may_be_removed_from_the_log_and_nothing_else(
    small: SmallLedger, folder: Folder
) -> None:
    lend(small)
    small.apply()
    whole = {p: list(small.topic.read(p, *b)) for p, b in small.topic.bounds().items()}
    small.archive(folder)
    ends = {p: end for p, (_, end) in ArchiveSource(folder).bounds().items()}
    pay(small, "third", 2)
    small.apply()

    small.trim(ends)
    both = ArchiveThenTopic(ArchiveSource(folder), small.topic)
    for partition_id, (first, end) in both.bounds().items():
        assert (
            list(both.read(partition_id, first, end))[: len(whole[partition_id])]
            == whole[partition_id]
        )
    owner = owner_of(LOANS[0])
    small.trim({owner: ends[owner] + 1})
    with pytest.raises(ArchiveRefused, match="records were removed before they were archived"):
        small.archive(folder)
    with pytest.raises(SourceDamaged, match="what is between them is lost"):
        ArchiveThenTopic(ArchiveSource(folder), small.topic)


def test_archive_then_topic_is_the_whole_log(small: SmallLedger, folder: Folder) -> None:
    lend(small)
    small.apply()
    small.archive(folder, FEW)
    pay(small, "third", 2)
    small.send_raw(0, [b"no command"])

    both, topic = open_source(folder.place, small.bootstrap), small.topic

    assert open_source(folder.place).bounds() == ArchiveSource(folder).bounds()
    assert both.bounds() == topic.bounds()
    for partition_id, (first, end) in topic.bounds().items():
        assert list(both.read(partition_id, first, end)) == list(
            topic.read(partition_id, first, end)
        )


def test_a_topic_that_was_rewritten_below_the_archive_is_refused(
    small: SmallLedger, folder: Folder, tmp_path: Path
) -> None:
    lend(small)
    small.apply()
    small.archive(folder)
    held = ArchiveSource(folder)
    another = SmallLedger(small.bootstrap, small.cluster_dsn)
    with pytest.raises(SourceDamaged, match="the archive is of topic"):
        ArchiveThenTopic(held, another.topic)

    pretended = Pretended(another.topic, held.topic_id)
    with pytest.raises(SourceDamaged, match="it lost records"):
        ArchiveThenTopic(held, pretended)
    lend(another)
    with pytest.raises(SourceDamaged, match="one of them was rewritten"):
        ArchiveThenTopic(held, Pretended(another.topic, held.topic_id))


class Pretended:
    """A topic that says to be another."""

    def __init__(self, topic: TopicSource, topic_id: str) -> None:
        self.topic_id = topic_id
        self.bounds, self.read, self.facts = topic.bounds, topic.read, topic.facts
        self.bases = topic.bases


class Altered(Pretended):
    """A topic whose record at one place has another value, or (None) is not there."""

    def __init__(
        self, topic: TopicSource, partition_id: int, offset: int, value: bytes | None
    ) -> None:
        super().__init__(topic, topic.topic_id)

        def read(asked: int, first: int, end: int) -> Iterator[Record]:
            for record in topic.read(asked, first, end):
                if (asked, record.offset) != (partition_id, offset):
                    yield record
                elif value is not None:
                    yield replace(record, value=value)

        self.read = read
