"""The pace of a batch: never more than two chunks of a partition under way, and all in the end."""

from hypothesis import given
from hypothesis import strategies as st

from hpts_client.chunks import Cut
from hpts_client.pacing import (
    ASK_AFTER_S,
    ASK_AT_MOST_EVERY_S,
    CHUNKS_UNAPPLIED,
    CHUNKS_UNDER_WAY,
    Pace,
)
from posting_engine import outgoing


@given(
    st.dictionaries(st.integers(0, 5), st.integers(1, 7), min_size=1),
    st.lists(st.integers(0, 10**6)),
)
def test_a_batch_ends_with_two_chunks_of_a_partition_under_way_at_most(
    counts: dict[int, int], choices: list[int]
) -> None:
    cuts = [
        Cut(partition, number) for partition, count in counts.items() for number in range(count)
    ]
    pace = Pace(cuts)
    sent: list[Cut] = []
    under_way: list[Cut] = []
    while not pace.is_done:
        for cut in pace.due(0.0):
            pace.sent(cut, 0.0)
            sent.append(cut)
            under_way.append(cut)
        for partition in counts:
            assert sum(cut.partition_id == partition for cut in under_way) <= CHUNKS_UNAPPLIED
        assert len(under_way) <= CHUNKS_UNDER_WAY
        assert under_way, "nothing under way, and not done"
        answered = under_way.pop((choices.pop() if choices else 0) % len(under_way))
        assert pace.settle(answered)
        assert not pace.settle(answered), "announced twice, settled twice"
    assert sorted(sent) == sorted(cuts)
    for partition in counts:
        numbers = [cut.number for cut in sent if cut.partition_id == partition]
        assert numbers == sorted(numbers), "a chunk overtook one before it"


def test_what_the_queue_did_not_take_is_due_again() -> None:
    pace = Pace([Cut(0, 0), Cut(0, 1), Cut(1, 0)])
    pace.sent(Cut(0, 0), 0.0)
    assert sorted(pace.due(0.0)) == [Cut(0, 1), Cut(1, 0)]


def test_a_chunk_of_which_nothing_is_heard_is_sent_again_ever_more_seldom() -> None:
    pace = Pace([Cut(3, 0)])
    pace.sent(Cut(3, 0), 0.0)
    assert pace.due(ASK_AFTER_S - 1) == []
    now, pauses = 0.0, []
    for _ in range(6):
        asked_at = next(second for second in range(100_000) if pace.due(now + second))
        now += asked_at
        pauses.append(asked_at)
        pace.sent(Cut(3, 0), now)
        assert pace.due(now) == []
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (ASK_AFTER_S, ASK_AT_MOST_EVERY_S)
    assert pace.settle(Cut(3, 0))
    assert pace.is_done


def test_the_pace_is_the_engine_s() -> None:
    assert CHUNKS_UNAPPLIED == outgoing.CHUNKS_UNAPPLIED
    assert CHUNKS_UNDER_WAY == outgoing.CHUNKS_UNDER_WAY
