"""A cut-over that would lose or mix anything is refused, and the books follow the old log."""

from dataclasses import replace
from pathlib import Path

import pytest

from hpts.archiving.files import Folder
from hpts.archiving.source import ArchiveSource
from hpts.cluster import Cluster
from hpts.cutting.new_log import made_topics
from hpts.cutting.standing import CutOverRefused
from hpts.rebuilding.rebuild import Rebuild
from hpts.rebuilding.replay import CannotReplay
from hpts.rebuilding.source import SourceDamaged
from posting_engine.books import Books
from schemas import codec
from tests.archiving.small_ledger import PARTITIONS, remove_topics
from tests.books.ledger import payment
from tests.cutting.small_cut import LOANS, SmallCut
from tests.golden.digest import digest_of

OTHER_BOOKS = "the new log was made for other books"


def refused(small: SmallCut, why: str, bootstrap: str | None = None) -> None:
    before = small.standing()
    with pytest.raises((CutOverRefused, SourceDamaged), match=why):
        small.cut(bootstrap)
    assert small.standing() == before


def test_an_archive_that_is_not_of_these_books_as_they_stand(small: SmallCut) -> None:
    small.archived()
    refused(small, "has the topic that the books follow already")
    small.paid("second")
    small.lose_the_log()
    refused(small, "ends at .*run `hpts archive` on the old log")
    small.run("UPDATE hpts.partitions SET halted_because = 'offset 3: of a newer build'")
    refused(small, "is halted, and a new log would not mend it")
    small.run("UPDATE hpts.partitions SET halted_because = 'gap in the log: offset 3'")
    refused(small, "ends at ")
    other = SmallCut(small.bootstrap, small.cluster_dsn)
    other.folder = Folder(Path(small.folder.place).with_name("other"))
    other.archived()
    small.folder, other.folder = other.folder, small.folder
    refused(small, "is an archive of")


def test_an_archive_with_a_changed_byte_or_another_head(small: SmallCut) -> None:
    small.archived()
    small.lose_the_log()
    small.run("UPDATE hpts.partitions SET chain_head = decode(repeat('01', 32), 'hex')")
    refused(small, "its chain head is another")
    held = ArchiveSource(small.folder).manifest.partitions
    for one in held:
        where = f"WHERE partition_id = {one.partition_id}"
        head = f"decode('{one.chain_head}', 'hex')"
        small.run(f"UPDATE hpts.partitions SET chain_head = {head} {where}")
    name = next(part.name for one in held for part in one.parts)
    data = small.folder.read(name) or b""
    small.folder.write(name, data[:-1] + bytes([data[-1] ^ 1]))
    refused(small, "is not what was written")
    small.folder.write(name, data)
    small.cut()


def test_a_topic_with_anything_else_in_it(small: SmallCut) -> None:
    small.archived()
    small.lose_the_log()
    made_topics(Cluster(small.bootstrap), PARTITIONS, profile="local", durability=None)
    small.append(2, b"strange")
    refused(small, "with records in partition 2")


def test_an_old_log_that_goes_on(small: SmallCut, other_cluster: str) -> None:
    small.archived()
    small.send(payment("late", LOANS[0]))
    before = small.standing()
    with pytest.raises(CutOverRefused, match="the old log ends at "):
        small.cut(other_cluster, old=small.bootstrap)
    assert small.standing() == before
    small.apply()
    small.archive(small.folder)

    done = small.cut(other_cluster, old=small.bootstrap)

    assert done.ends == small.ends()
    remove_topics(other_cluster)


def test_an_engine_that_still_runs_is_fenced_and_one_that_takes_back_refuses_it(
    small: SmallCut, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.archived()
    small.lose_the_log()
    books = Books(small.admin_dsn)
    held = books.take_leases(range(PARTITIONS), "an engine")
    with monkeypatch.context() as patched:
        patched.setattr(
            "hpts.cutting.cut.made_topics",
            lambda *args, **more: (
                books.take_leases([1], "an engine"),
                made_topics(*args, **more),
            )[1],
        )
        refused(small, "partition 1 was taken back by an engine")
    small.cut()
    now = books.positions(range(PARTITIONS))
    assert all(now[p].lease_epoch > held[p].lease_epoch for p in held)
    books.close()


def test_a_new_log_that_is_not_for_these_books_halts(small: SmallCut) -> None:
    small.archived()
    small.lose_the_log()
    small.cut()
    ends, seal = small.ends(), small.seal(1)
    for value in (
        codec.encode(replace(seal, last_entry_seq=seal.last_entry_seq + 1)),
        codec.encode(replace(seal, chain_head=bytes(32))),
        codec.encode(replace(seal, end_offset=seal.end_offset + 1)),
        codec.encode(replace(seal, partition_id=2)),
        codec.encode(payment("first", LOANS[0])),
        b"\0\0",
    ):
        small.another_log()
        small.append(1, value)
        with pytest.raises(CannotReplay, match=OTHER_BOOKS):
            small.apply_after(ends)
    small.another_log()
    small.append(1, codec.encode(seal), None)
    with pytest.raises(CannotReplay, match="it begins with no seal"):
        small.apply_after(ends)
    assert small.ends() == ends


def test_a_second_seal_that_fits_nothing_halts_and_an_unsigned_one_is_a_dead_letter(
    small: SmallCut,
) -> None:
    small.archived()
    small.lose_the_log()
    small.cut()
    small.paid("second")
    before = small.ends()
    small.append(1, codec.encode(small.seal(1)), None)
    small.apply()
    assert small.ends() == {**before, 1: before[1] + 1}
    small.append(1, codec.encode(small.seal(1)))
    with pytest.raises(CannotReplay, match=f"{OTHER_BOOKS}.*it seals offset"):
        small.apply()


def test_a_second_cut_over_after_the_first(small: SmallCut) -> None:
    small.archived()
    for name in ("second", "third"):
        small.lose_the_log()
        small.cut()
        small.paid(name)
        small.archive(small.folder)
    manifest = ArchiveSource(small.folder).manifest
    assert len(manifest.topics) == 2
    assert manifest.last_topic.topic_id == small.topic.topic_id
    assert small.from_the_archive() == digest_of(small.admin_dsn)


def test_a_database_that_is_lost_after_a_cut_over_is_rebuilt_and_goes_on(small: SmallCut) -> None:
    small.archived()
    small.lose_the_log()
    small.cut()
    small.paid("second")
    lost = SmallCut(small.bootstrap, small.cluster_dsn, keeps_topics=True)
    rebuild = Rebuild(
        admin_dsn=lost.admin_dsn,
        bootstrap=lost.bootstrap,
        into="again",
        archive=small.folder.place,
        processes=1,
    )
    rebuild.run(lambda _progress: None)

    rebuild.promote(lambda _progress: None)

    for books in (lost, small):
        assert books.bases_held() == small.topic.bases()
    assert digest_of(lost.admin_dsn) == digest_of(small.admin_dsn)
    lost.paid("third")
    small.apply()
    assert digest_of(lost.admin_dsn) == digest_of(small.admin_dsn)
