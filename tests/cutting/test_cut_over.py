"""Books go on from a new topic: same history, offsets that go on, the old log sealed."""

from tests.cutting.cutting_ledger import LOANS, PARTITIONS, CuttingLedger
from tests.rebuilding.rebuilt import digest_of, replayed


def test_books_go_on_and_all_that_can_be_held_against_them_agrees(own: CuttingLedger) -> None:
    own.lend()
    own.pay("before")
    with own.applying():
        pass
    assert own.verify()["sound"]
    own.archive()
    ends = {p: offset for p, (offset, *_) in own.partitions().items()}
    own.remove_topics()

    told = own.cut()

    assert {int(p): end for p, end in told["ends"].items()} == ends
    assert [seal.end_offset for seal in own.seals()] == [ends[p] for p in range(PARTITIONS)]
    own.pay("after")
    with own.applying():
        pass
    after = {p: offset for p, (offset, *_) in own.partitions().items()}
    assert sum(after.values()) == sum(ends.values()) + PARTITIONS + len(LOANS)
    assert own.count("command_outcomes") == 3 * len(LOANS)
    assert own.count("dead_letters") == 0
    assert own.verify()["findings"] == []
    replayed(own, "again", "--from-archive", str(own.archive_folder))
    assert digest_of(own, "again") == digest_of(own)
    own.archive()
    own.pay("later")
    with own.applying():
        pass
    own.archive()
    replayed(own, "whole", "--from-archive", str(own.archive_folder), "--archive-alone")
    assert digest_of(own, "whole") == digest_of(own)
