"""What goes into a container comes out of it; nothing else does."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from hpts.archiving import containers
from hpts.archiving.containers import Fact, Unreadable
from hpts.archiving.source import empty_ranges
from posting_engine.records import Record

maybe_bytes = st.none() | st.binary(max_size=40)
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
offsets = st.integers(0, 2**62)
instants = st.integers(0, 4_000_000_000_000_000).map(
    lambda us: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
)
records = st.builds(
    Record,
    st.just(7),
    offsets,
    instants,
    maybe_bytes,
    maybe_bytes,
    st.lists(st.tuples(texts, maybe_bytes), max_size=4).map(tuple),
)
facts = st.builds(
    Fact,
    offsets,
    texts,
    st.none() | offsets,
    st.none() | st.builds(UUID, bytes=st.binary(min_size=16, max_size=16)),
)


@given(st.lists(records, max_size=6))
def test_records_come_back_as_they_were(wanted: list[Record]) -> None:
    assert list(containers.records_in(containers.of_records(wanted), 7)) == wanted


@given(st.lists(facts, max_size=6))
def test_facts_come_back_as_they_were(wanted: list[Fact]) -> None:
    assert list(containers.facts_in(containers.of_facts(wanted))) == wanted


@given(records, records)
def test_the_hash_of_a_record_covers_all_of_it(one: Record, other: Record) -> None:
    assert (containers.sha256_of(one) == containers.sha256_of(other)) == (one == other)


@given(st.lists(records, max_size=3), st.data())
def test_damaged_bytes_are_unreadable_or_read_and_raise_nothing_else(
    wanted: list[Record], data: st.DataObject
) -> None:
    whole = containers.of_records(wanted)
    place = data.draw(st.integers(0, len(whole) - 1))
    rest = data.draw(st.sampled_from([b"", bytes([whole[place] ^ 1]) + whole[place + 1 :]]))
    with suppress(Unreadable):
        for record in containers.records_in(whole[:place] + rest, 7):
            assert isinstance(record, Record)


@given(st.sets(st.integers(0, 60)), st.integers(0, 30), st.integers(1, 30))
def test_empty_ranges_are_what_is_not_there(there: set[int], first: int, length: int) -> None:
    end = first + length
    held = sorted(offset for offset in there if first <= offset < end)
    ranges = empty_ranges(held, first, end)

    empty = [offset for begin, before in ranges for offset in range(begin, before)]
    assert sorted([*held, *empty]) == list(range(first, end))
    assert all(before < after for (_, before), (after, _) in pairwise(ranges))
