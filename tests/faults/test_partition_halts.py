"""One partition cannot go on: it halts with its reason, and the eleven others post."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

import psycopg
import pytest
from confluent_kafka import Producer, TopicPartition

from hpts.local.credentials import SIGNING_KEY_ID
from schemas import codec, signing
from schemas.commands import Disbursement
from schemas.partitioning import partition_of_loan, record_key
from schemas.signing import SigningKey
from schemas.topics import COMMANDS, SIGNATURE_HEADER
from tests import audit
from tests.faults.own_ledger import OwnLedger, Service, until
from tests.http import Client

PARTITIONS = 12
SEEN_WITHIN_S = 10


def disbursement(own: OwnLedger) -> Disbursement:
    return Disbursement(
        tenant_id=UUID(own.servers.clients[0]["tenant_id"]),
        idempotency_key=f"test:{uuid4()}",
        fingerprint=bytes(32),
        accepted_at=datetime.now(UTC),
        actor="a test",
        loan_id=uuid4(),
        borrower_id=uuid4(),
        amount_minor=1_000,
        currency="USD",
        effective_on=date(2026, 1, 5),
        method="ach",
    )


def of_another_rules_version(command: Disbursement) -> bytes:
    return codec.encode(replace(command, rules_version=99))


def of_an_unknown_schema(command: Disbursement) -> bytes:
    return b"\0" + (9_999).to_bytes(4, "big") + codec.encode(command)[5:]


def send_signed(own: OwnLedger, command: Disbursement, value: bytes) -> int:
    """Append a rightly signed record where it belongs; its partition."""
    secret = signing.resolve_secret(f"file:{own.servers.credentials.signing_key}")
    key = SigningKey(SIGNING_KEY_ID, secret, None, datetime(2026, 1, 1, tzinfo=UTC), None)
    partition_id = partition_of_loan(command.tenant_id, command.loan_id, PARTITIONS)
    producer = Producer({"bootstrap.servers": own.bootstrap})
    producer.produce(
        COMMANDS,
        value,
        record_key(command.tenant_id, command.loan_id),
        partition_id,
        headers=[(SIGNATURE_HEADER, signing.sign(key, value))],
    )
    assert producer.flush(10) == 0
    return partition_id


def others_post(own: OwnLedger, api: Service, halted: int) -> None:
    """A disbursement in every partition but one; in that one, accepted and not yet posted."""
    client = Client.of(own.stack(api))
    tenant_id = UUID(own.servers.clients[0]["tenant_id"])
    seen = set()
    while len(seen) < PARTITIONS:
        loan = {"loan_id": str(uuid4()), "borrower_id": str(uuid4())}
        partition_id = partition_of_loan(tenant_id, UUID(loan["loan_id"]), PARTITIONS)
        if partition_id in seen:
            continue
        seen.add(partition_id)
        money = {"amount_minor": "1000", "currency": "USD", "effective_at": "2026-01-05"}
        headers = {"Prefer": "wait=1" if partition_id == halted else "wait=20"}
        answer = client.post("/v1/disbursements", loan | money | {"method": "ach"}, headers=headers)
        assert answer.status_code == (202 if partition_id == halted else 201), answer.text


@pytest.mark.parametrize(
    ("value_of", "reason"),
    [
        (of_another_rules_version, "rules version 99 is unknown: run a build that knows it"),
        (of_an_unknown_schema, "schema id 9999 is not in schemas.lock: run a build that knows it"),
    ],
)
def test_a_signed_record_of_a_newer_build_halts_its_partition_alone(
    own: OwnLedger, value_of: Callable[[Disbursement], bytes], reason: str
) -> None:
    own.engine()
    api = own.api()
    command = disbursement(own)
    partition_id = send_signed(own, command, value_of(command))

    until(lambda: set(own.halted()) == {partition_id}, seconds=SEEN_WITHIN_S)
    others_post(own, api, partition_id)

    assert reason in own.halted()[partition_id]
    status, faults = own.health(api)
    assert status == 503
    assert f"partitions halted: [{partition_id}]: offset 0: " in faults["engine"]
    assert reason in faults["engine"]
    assert own.partitions()[partition_id][0] == 0, "the record was passed"
    assert own.count("dead_letters") == 0
    assert audit.faults_of_books(own.admin_dsn) == []


def test_records_removed_before_they_were_applied_halt_their_partition(own: OwnLedger) -> None:
    engine, api = own.engine(), own.api()
    client = Client.of(own.stack(api))
    client.open_loan(amount_minor="1000")
    assert engine.stop() == 0
    commands = [disbursement(own) for _ in range(40)]
    places = [send_signed(own, command, codec.encode(command)) for command in commands]
    lost = max(set(places), key=places.count)
    position = own.partitions()[lost][0]
    removed = own.admin.delete_records([TopicPartition(COMMANDS, lost, position + 1)])
    next(iter(removed.values())).result(timeout=10)

    own.engine()

    until(lambda: set(own.halted()) == {lost}, seconds=SEEN_WITHIN_S)
    assert "records were removed" in own.halted()[lost]
    assert own.partitions()[lost][0] == position
    others_post(own, api, lost)
    assert own.count("journal_entries") == 1 + len(places) - places.count(lost) + PARTITIONS - 1


def test_a_log_that_was_rewritten_below_the_position_halts_its_partition(own: OwnLedger) -> None:
    engine, api = own.engine(), own.api()
    others_post(own, api, halted=-1)
    assert engine.stop() == 0
    with psycopg.connect(own.admin_dsn) as connection:
        connection.execute(
            "UPDATE hpts.partitions SET last_record_hash = decode(repeat('11', 32), 'hex')"
            " WHERE partition_id = 7"
        )

    own.engine()

    until(lambda: set(own.halted()) == {7}, seconds=SEEN_WITHIN_S)
    assert "the log was rewritten" in own.halted()[7]
    others_post(own, api, halted=7)
