"""A partition that has to wait for its turn is told from one that ends in what nobody can read."""

from functools import partial

from hpts.cluster import Reader
from posting_engine.log import hidden_records, record_of
from posting_engine.reached import is_coming
from schemas.topics import COMMANDS
from tests.faults.own_ledger import OwnLedger
from tests.rebuilding import mixed_topic
from tests.rebuilding.rebuilt import signing_key_of


def test_a_record_of_ours_is_coming_and_nothing_else_is(own: OwnLedger) -> None:
    key = signing_key_of(own.servers)
    ring = {key.key_id: key}
    mixed_topic.send(own.bootstrap, list(mixed_topic.plain(16)), key)
    hidden = partial(hidden_records, {"bootstrap.servers": own.bootstrap})
    reader = Reader(own.bootstrap)
    found = set()
    for partition_id in range(mixed_topic.PARTITIONS):
        begin, end = reader.bounds(COMMANDS, partition_id)
        committed = map(record_of, reader.messages(COMMANDS, partition_id, begin, end))
        ours = {record.offset for record in committed if record.is_signed(ring)}
        for offset in range(begin, end):
            is_ours = is_coming(hidden, partition_id, offset, ring)
            assert is_ours is (offset in ours), (partition_id, offset)
            found.add(is_ours)
    assert found == {True, False}
