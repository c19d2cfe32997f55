"""Which partition owns a loan: crc32, as librdkafka's `consistent` partitioner computes it."""

import json
import time
from uuid import UUID
from zlib import crc32

from confluent_kafka import Producer
from hypothesis import given
from hypothesis import strategies as st

from schemas.partitioning import (
    MAX_PARTITIONS,
    NO_LOAN,
    partition_of_key,
    partition_of_loan,
    record_key,
)

TENANT = UUID("7e4a47f0-0000-4000-8000-000000000001")


def test_the_crc_is_the_one_of_ethernet_and_zip() -> None:
    """The check value of CRC-32/ISO-HDLC, which librdkafka's `rd_crc32` also computes."""
    assert crc32(b"123456789") == 0xCBF43926
    assert partition_of_key(b"123456789", 4094) == 0xCBF43926 % 4094


def test_partitions_once_computed_stay() -> None:
    """Pinned: a different answer would orphan every loan."""
    loans = [UUID(int=n) for n in range(8)]
    assert [partition_of_loan(TENANT, loan, 12) for loan in loans] == PINNED


PINNED = [5, 3, 5, 7, 8, 6, 4, 2]


@given(tenant=st.uuids(), loan=st.uuids(), count=st.integers(1, MAX_PARTITIONS))
def test_a_loan_lives_where_its_record_key_goes(tenant: UUID, loan: UUID, count: int) -> None:
    key = record_key(tenant, loan)
    assert key == tenant.bytes + loan.bytes
    assert len(key) == 32
    owner = partition_of_loan(tenant, loan, count)
    assert owner == partition_of_key(key, count)
    assert 0 <= owner < count


def test_loans_spread_evenly() -> None:
    count, loans = 12, 12_000
    held = [0] * count
    for number in range(loans):
        held[partition_of_loan(TENANT, UUID(int=number), count)] += 1
    assert max(held) < 1.2 * loans / count
    assert min(held) > 0.8 * loans / count


def test_the_tenants_own_partition_has_the_zero_uuid_for_a_loan() -> None:
    assert NO_LOAN.int == 0
    assert record_key(TENANT, NO_LOAN) == TENANT.bytes + bytes(16)


def test_librdkafka_sends_a_record_where_we_say() -> None:
    """librdkafka's own mock cluster: no broker, the real partitioner."""
    delivered: dict[bytes, int] = {}
    producer = Producer(
        {
            "test.mock.num.brokers": 1,
            "bootstrap.servers": "",
            "partitioner": "consistent",
            "log_level": 0,
        }
    )
    topic, count = "partitioner", 4  # the mock's default number of partitions
    keys = [record_key(TENANT, UUID(int=n)) for n in range(200)]
    for key in keys:
        producer.produce(
            topic, b"", key, on_delivery=lambda _, m: delivered.update({m.key(): m.partition()})
        )
    deadline = time.monotonic() + 30
    while len(delivered) < len(keys) and time.monotonic() < deadline:
        producer.poll(0.2)
    assert len(producer.list_topics(topic, 10).topics[topic].partitions) == count
    assert delivered == {key: partition_of_key(key, count) for key in keys}, json.dumps(
        len(delivered)
    )
