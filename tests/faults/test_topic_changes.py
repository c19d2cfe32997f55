"""The log is not the one the books follow any more: everything stops, and says what to do."""

import psycopg
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import NewPartitions

from hpts.cluster import Cluster
from hpts.provision import requirements, to_make
from schemas.topics import COMMANDS
from tests import audit
from tests.faults.own_ledger import OwnLedger, until
from tests.http import Client

SEEN_WITHIN_S = 20


def recreate(own: OwnLedger) -> None:
    """The topic is made anew as `hpts migrate` would have made it."""
    own.remove_topics(COMMANDS)
    wanted = next(
        one
        for one in requirements(12, profile="local", durability=None)
        if one.topic.name == COMMANDS
    )
    Cluster(own.bootstrap).create([to_make(wanted)])


def test_partitions_added_while_running_stop_everything(own: OwnLedger) -> None:
    own.engine()
    api = own.api()
    client = Client.of(own.stack(api))
    loan = client.open_loan(amount_minor="1000")
    [added] = own.admin.create_partitions([NewPartitions(COMMANDS, 13)]).values()
    added.result(timeout=10)

    until(lambda: len(own.halted()) == 12, seconds=SEEN_WITHIN_S)
    # Ingress looks for itself, once a second, and may be the later one.
    until(lambda: "log" in own.health(api)[1], seconds=SEEN_WITHIN_S)
    entries = own.count("journal_entries")
    body = {**loan, "amount_minor": "1", "currency": "USD", "effective_at": "2026-02-02"}
    answer = client.post("/v1/payments", body | {"source_method": "ach"})

    assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
    status, faults = own.health(api)
    assert status == 503
    for told in (faults["engine"], faults["log"]):
        assert "has 13 partitions and the ledger was made with 12" in told
        assert "cut over" in told
    assert own.count("journal_entries") == entries


def test_partitions_added_while_nothing_ran_are_told_by_the_next_engine(own: OwnLedger) -> None:
    [added] = own.admin.create_partitions([NewPartitions(COMMANDS, 13)]).values()
    added.result(timeout=10)

    engine = own.engine()

    until(lambda: len(own.halted()) == 12, seconds=SEEN_WITHIN_S)
    assert not engine.has_ended
    assert own.count("journal_entries") == 0


@pytest.mark.parametrize("is_refilled", [False, True])
def test_a_topic_made_anew_posts_nothing_to_the_old_books(
    own: OwnLedger, is_refilled: bool
) -> None:
    engine = own.engine()
    api = own.api()
    client = Client.of(own.stack(api))
    for _ in range(40):  # every partition has some
        client.open_loan(amount_minor="1000")
    records = signed_records(own)
    before = (own.count("journal_entries"), own.count("dead_letters"), offsets_of(own))

    recreate(own)
    if is_refilled:
        producer = Producer({"bootstrap.servers": own.bootstrap})
        for _ in range(5):
            for partition_id, key, value, headers in records:
                producer.produce(COMMANDS, value, key, partition_id, headers=headers)
        assert producer.flush(10) == 0

    until(lambda: len(own.halted()) == 12, seconds=SEEN_WITHIN_S, told=engine.said)
    until(lambda: "log" in own.health(api)[1], seconds=SEEN_WITHIN_S)
    assert "Restore the log" in own.health(api)[1]["log"]
    assert "Restore" in own.health(api)[1]["engine"]
    assert (own.count("journal_entries"), own.count("dead_letters"), offsets_of(own)) == before
    assert audit.faults_of_books(own.admin_dsn) == []


def test_a_topic_that_is_gone_is_an_error_and_no_client_makes_another(own: OwnLedger) -> None:
    own.engine()
    api = own.api(HPTS_DELIVERY_TIMEOUT_MS="3000")
    client = Client.of(own.stack(api))
    loan = client.open_loan(amount_minor="1000")

    own.remove_topics(COMMANDS)
    body = {**loan, "amount_minor": "1", "currency": "USD", "effective_at": "2026-02-02"}
    answers = [client.post("/v1/payments", body | {"source_method": "ach"}) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {503}
    until(lambda: len(own.halted()) == 12, seconds=15)
    assert "is gone from this cluster" in own.health(api)[1]["log"]
    assert Cluster(own.bootstrap).describe([COMMANDS]) == {}


def test_a_database_newer_than_the_log_halts_what_is_beyond_its_end(own: OwnLedger) -> None:
    with psycopg.connect(own.admin_dsn) as connection:
        connection.execute("UPDATE hpts.partitions SET next_offset = 5 WHERE partition_id = 3")
    own.engine()
    api = own.api(is_ready=False)

    until(lambda: set(own.halted()) == {3}, seconds=SEEN_WITHIN_S)
    assert "the database is newer than the log" in own.halted()[3]
    until(lambda: own.health(api)[0] == 503 and "engine" in own.health(api)[1], seconds=20)
    told = own.health(api)[1]["engine"]
    assert told.startswith("partitions halted: [3]: the log does not hold the position")


def offsets_of(own: OwnLedger) -> list[int]:
    return [offset for offset, *_ in own.partitions().values()]


def signed_records(own: OwnLedger) -> list[tuple[int, bytes, bytes, list[tuple[str, bytes]]]]:
    """Every record of the commands topic, with its place."""
    reader = Consumer({"bootstrap.servers": own.bootstrap, "group.id": "a test"})
    found = []
    try:
        for partition_id in range(12):
            place = TopicPartition(COMMANDS, partition_id, 0)
            _, end = reader.get_watermark_offsets(place, timeout=10)
            reader.assign([place])
            for message in reader.consume(end, 10):
                found.append((partition_id, message.key(), message.value(), message.headers()))
    finally:
        reader.close()
    return found
