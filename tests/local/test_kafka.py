"""The local Kafka: what is acknowledged survives a killed broker, at the same address."""

import signal
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from hpts.local import ports
from hpts.local.kafka import KafkaServer
from tests.local_servers import running

TOPIC = "kept"


def make_topic(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(20)


def append(bootstrap: str, *values: bytes) -> None:
    """Returns when all are acknowledged."""
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    for value in values:
        producer.produce(TOPIC, value, partition=0)
    assert producer.flush(20) == 0


def records(bootstrap: str) -> list[bytes | None]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "a test"})
    place = TopicPartition(TOPIC, 0, 0)
    _, end = consumer.get_watermark_offsets(place, timeout=20)
    consumer.assign([place])
    read = consumer.consume(end, 20)
    consumer.close()
    return [message.value() for message in read]


def test_acknowledged_records_survive_kill_9_at_the_same_address(server_dir: Path) -> None:
    server = KafkaServer(server_dir)
    with running(server) as run:
        address = server.bootstrap
        make_topic(address)
        append(address, b"first", b"second")
        run.end(signal.SIGKILL)
        run.start()

        assert server.bootstrap == address
        append(address, b"third")
        assert records(address) == [b"first", b"second", b"third"]


def test_records_survive_a_change_of_ports(server_dir: Path) -> None:
    server = KafkaServer(server_dir)
    with running(server) as run:
        make_topic(server.bootstrap)
        append(server.bootstrap, b"first")
        run.end(server.stop_signal)
        address = server.bootstrap
        (server_dir / "kafka" / "ports.json").unlink()
        run.start()

        assert server.bootstrap != address
        assert records(server.bootstrap) == [b"first"]


def test_a_topic_is_never_made_by_asking_for_it(kafka: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    producer = Producer({"bootstrap.servers": kafka, "message.timeout.ms": 2000})
    producer.produce("misspelt", b"value")
    producer.flush(5)

    assert "misspelt" not in admin.list_topics(timeout=10).topics


def test_the_broker_listens_on_this_machine_alone(kafka: str) -> None:
    port = int(kafka.split(":")[1])
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    sixth = [line.split() for line in Path("/proc/net/tcp6").read_text().splitlines()[1:]]
    listening = [row[1] for row in rows + sixth if row[3] == "0A"]

    hosts = {
        host for host, _, hexadecimal in map(_parted, listening) if int(hexadecimal, 16) == port
    }
    assert hosts <= {"0100007F", "0000000000000000FFFF00000100007F"}
    assert hosts


def _parted(address: str) -> tuple[str, str, str]:
    return address.rpartition(":")


def test_nothing_is_ready_where_nothing_listens(server_dir: Path) -> None:
    (server_dir / "kafka").mkdir(parents=True)
    ports.keep(server_dir / "kafka" / "ports.json", ("broker", "controller"))

    assert not KafkaServer(server_dir).is_ready()


def test_ports_are_kept_and_a_taken_one_is_replaced(tmp_path: Path) -> None:
    first = ports.keep(tmp_path / "ports.json", ("broker", "controller"))
    assert ports.keep(tmp_path / "ports.json", ("broker", "controller")) == first
    assert first["broker"] != first["controller"]


def test_a_port_given_away_is_not_given_again_though_nobody_listens_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = ports.keep(tmp_path / "ports.json", ("postgres",))["postgres"]
    monkeypatch.setattr(ports, "_FIRST", kept)
    monkeypatch.setattr(ports, "_LAST", kept + 1)

    with pytest.raises(ports.NoPort):
        ports.free_port()
