"""The books follow one topic, with one id and one number of partitions; all others are told."""

import pytest

from schemas.topic_policy import TopicIdentity, another_log

PINNED = TopicIdentity("the-id-of-the-topic", 12)


def test_the_pinned_topic_is_the_log() -> None:
    assert another_log(PINNED, TopicIdentity("the-id-of-the-topic", 12)) is None


@pytest.mark.parametrize("count", [1, 11, 13, 4094])
def test_any_other_count_is_another_log(count: int) -> None:
    told = another_log(PINNED, TopicIdentity(PINNED.topic_id, count))
    assert told is not None
    assert f"has {count} partitions and the ledger was made with 12" in told


@pytest.mark.parametrize("topic_id", ["another-id", "THE-ID-OF-THE-TOPIC", ""])
def test_any_other_id_is_another_log(topic_id: str) -> None:
    told = another_log(PINNED, TopicIdentity(topic_id, 12))
    assert told is not None
    assert PINNED.topic_id in told
    assert "was made anew, or this is another cluster" in told


def test_no_topic_is_another_log() -> None:
    told = another_log(PINNED, None)
    assert told is not None
    assert "is gone from this cluster" in told
