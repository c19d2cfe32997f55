"""Books go on from a new topic: same history, offsets that go on, the old log sealed."""

import signal

from schemas import codec
from tests.cutting.cutting_ledger import LOANS, PARTITIONS, CuttingLedger
from tests.faults.own_ledger import until
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


def test_an_engine_of_the_old_log_writes_nothing_and_a_second_seal_halts(
    own: CuttingLedger,
) -> None:
    own.lend()
    old = own.signing_engine()
    own.applied(old)
    old.send(signal.SIGSTOP)
    own.archive()
    own.remove_topics()
    own.cut()
    standing = own.standing()
    own.pay("after")

    old.send(signal.SIGCONT)

    until(lambda: "another" in old.said() or "these books belong to" in old.said(), seconds=40)
    assert own.standing() == standing
    old.stop(signal.SIGKILL)
    engine = own.signing_engine()
    own.applied(engine)
    own.send_value(1, codec.encode(own.seals()[1]), own.key)
    until(lambda: bool(own.halted()), seconds=30, told=engine.said)
    own.pay("later")
    until(lambda: own.behind() == behind(own), seconds=30, told=engine.said)
    [(partition_id, why)] = own.halted().items()
    assert partition_id == 1
    assert "the new log was made for other books" in why
    engine.stop()


def behind(own: CuttingLedger) -> int:
    """How far the log has come beyond the partition that is halted."""
    return own.topic.bounds()[1][1] - own.partitions()[1][0]
