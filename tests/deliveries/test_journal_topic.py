"""The journal topic of a running ledger: whole, in order, and readable by anybody's client."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from read_api import registry
from schemas import codec
from schemas.partitioning import partition_of_key
from schemas.topics import JOURNAL
from tests.deliveries.on_topic import Told, faults_in, is_all_told, posted_in, told_in
from tests.faults.own_ledger import until
from tests.http import Client
from tests.local_stack import hpts

PARTITIONS = 12


@pytest.fixture(scope="module")
def loan(stack: dict[str, Any]) -> dict[str, str]:
    """A loan with a little of everything behind it: payments, a batch of two loans, a reversal."""
    client = Client.of(stack)
    loan, other = client.open_loan(amount_minor="100000"), client.open_loan(amount_minor="5000")
    client.pay(loan, amount_minor="700")
    batch = {
        "program_id": str(uuid4()),
        "accrual_date": "2026-01-31",
        "day_count_convention": "ACT_365",
        "currency": "USD",
        "loans": [
            {"loan_id": one["loan_id"], "outstanding_principal_minor": "1", "interest_minor": "9"}
            for one in (loan, other)
        ],
    }
    assert client.post("/v1/accruals/batch", batch).status_code == 201
    paid = client.pay(loan, amount_minor="20")
    assert client.reverse(paid["journal_entry_id"]).status_code == 201
    return loan


@pytest.fixture(scope="module")
def told(stack: dict[str, Any], loan: dict[str, str]) -> list[Told]:
    """The whole topic, once everything posted is on it."""
    until(lambda: is_all_told(stack["postgres_dsn"]), seconds=20)
    return told_in(stack["kafka_bootstrap"], PARTITIONS)


def test_every_entry_is_there_in_order_with_every_line(
    stack: dict[str, Any], told: list[Told]
) -> None:
    assert faults_in(told, posted_in(stack["postgres_dsn"])) == []


def test_a_key_is_tenant_and_loan_and_belongs_to_its_partition(
    loan: dict[str, str], told: list[Told]
) -> None:
    assert [t.entry for t in told if partition_of_key(t.key, PARTITIONS) != t.partition] == []
    events = [t.entry.event_type for t in told if t.key[16:] == UUID(loan["loan_id"]).bytes]
    assert [event for event in events if event != "accrual"] == [
        *("disbursement", "payment_received", "payment_received", "reversal"),
    ]


def test_plain_clients_decode_all_of_it_by_our_registry(
    stack: dict[str, Any], told: list[Told]
) -> None:
    schemas = SchemaRegistryClient({"url": f"{stack['api_url']}/v1/schema-registry"})
    decode = AvroDeserializer(schemas)
    consumer = Consumer(
        {"bootstrap.servers": stack["kafka_bootstrap"], "group.id": f"test-{uuid4()}"}
    )
    consumer.assign([TopicPartition(JOURNAL, p, 0) for p in range(PARTITIONS)])
    found = []
    while len(found) < len(told):
        message = consumer.poll(20)
        assert message is not None
        assert message.error() is None
        found.append(decode(message.value(), SerializationContext(JOURNAL, MessageField.VALUE)))
    consumer.close()
    assert {(one["partition_id"], one["entry_seq"], len(one["lines"])) for one in found} == {
        (t.partition, t.entry.entry_seq, len(t.entry.lines)) for t in told
    }
    latest = schemas.get_latest_version(f"{JOURNAL}-value")
    assert latest.schema_id == 26
    assert schemas.get_subjects() == registry.answer("subjects")[1]


def test_the_registry_has_every_schema_of_the_lock() -> None:
    for schema_id, (_, source) in codec.sources().items():
        assert registry.answer(f"schemas/ids/{schema_id}") == (200, {"schema": source})
        [at] = registry.answer(f"schemas/ids/{schema_id}/versions")[1]
        found = registry.answer(f"subjects/{at['subject']}/versions/latest")[1]
        assert (found["id"], found["version"]) == (schema_id, at["version"])


@pytest.mark.parametrize(
    ("path", "code"),
    [
        *(("schemas/ids/0", 40403), ("schemas/ids/999", 40403), ("schemas/ids/x", 40403)),
        *(("subjects/none/versions", 40401), ("subjects/none/versions/1", 40401)),
        *((f"subjects/{JOURNAL}-value/versions/2", 40402), ("contexts/x", 404)),
    ],
)
def test_what_the_registry_does_not_have_is_said_in_its_words(
    stack: dict[str, Any], path: str, code: int
) -> None:
    answer = httpx.get(f"{stack['api_url']}/v1/schema-registry/{path}")
    assert (answer.status_code, answer.json()["error_code"]) == (404, code)
    assert answer.headers["content-type"] == registry.MEDIA_TYPE


def test_status_knows_the_service_and_its_lag(
    stack: dict[str, Any], stack_dir: Path, told: list[Told]
) -> None:
    assert told
    shown = hpts("status", "--data-dir", str(stack_dir))
    assert (shown.returncode, "deliveries" in shown.stdout) == (0, True), shown.stdout
    operations = Client.of(stack).get("/v1/operations/status").json()
    lags = {one["name"]: one for one in operations["deliveries"]}
    assert lags["journal_topic"]["halted_partitions"] == []
    assert lags["journal_topic"]["lag_seconds"] <= 2
