"""Rebuilt books take the place of lost or doubted ones, under clients that only see a pause."""

import threading
import time
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.conninfo import make_conninfo

from hpts.local import ledger
from hpts.local.credentials import SIGNING_KEY_ID
from hpts.migrate import migrate
from hpts.provision import provision
from tests import audit
from tests.faults.own_ledger import OwnLedger, until
from tests.faults.payers import Payers, paid_minor
from tests.http import Client
from tests.rebuilding.rebuilt import digest_of, hpts, replayed

ALL = "SELECT tenant_id, idempotency_key, command_id, fingerprint, partition_id, required_scope"


def run(own: OwnLedger, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(own.admin_dsn, autocommit=True) as connection:
        cursor = connection.execute(statement, parameters)
        return cursor.fetchall() if cursor.description is not None else []


def promoted(own: OwnLedger, name: str) -> str:
    status, said, complained = hpts(own, "replay", "--into", name, "--promote")
    assert status == 0, said + complained
    return said


def test_books_dropped_under_a_running_stack_are_a_pause_to_its_clients(own: OwnLedger) -> None:
    own.engine()
    api = own.api()
    stack = own.stack(api)
    client = Client.of(stack)
    with Payers(stack, clients=4).open_loans(4) as payers:
        until(lambda: payers.known > 100, seconds=40)
        run(own, "DROP SCHEMA hpts CASCADE")
        lost_at = payers.known

        assert "there were no live books" in promoted(own, "rebuilt")

        until(lambda: payers.known > lost_at + 100, seconds=60, told=lambda: str(payers.statuses))
        acknowledged = payers.stop()
    assert (payers.statuses[500], api.has_ended) == (0, False), payers.statuses
    until(lambda: own.unapplied() == 0, seconds=40)
    assert audit.faults_of_acknowledged(own.admin_dsn, acknowledged) == []
    assert audit.faults_of_books(own.admin_dsn) == []
    assert paid_minor(client, payers.loans) == len(acknowledged)


def test_a_database_that_is_lost_whole_comes_back_with_its_keys(own: OwnLedger) -> None:
    """And with a way on for batches that were partly sent: their clients send them again; what is
    in the log of them posts once, and what is not posts, too.
    """
    engine, api = own.engine(), own.api()
    client = Client.of(own.stack(api))
    loan, *loans = [client.open_loan(amount_minor="100000") for _ in range(9)]
    paid = client.pay(loan, amount_minor="700")
    key, money = f"fee:{uuid4()}", {"amount_minor": "25", "currency": "USD", "fee_type": "late"}
    body = {"loan_id": loan["loan_id"], "effective_at": "2026-02-02", **money}
    fee = client.post("/v1/fees", body, key=key)
    assert fee.status_code == 201, fee.text
    accrued = client.post("/v1/accruals/batch", accrual_of(loans, "2026-01-30"))
    assert accrued.status_code == 201, accrued.text
    until(lambda: own.unapplied() == 0, seconds=20)
    engine.stop()
    keys = run(own, f"{ALL} FROM hpts_edge.idempotency_reservations")
    batches = partly_sent(own, client, loans, accrued.json()["journal_entry_id"])
    before = digest_of(own)

    lose_the_database(own)
    promoted(own, "rebuilt")

    assert digest_of(own) == before
    found = run(own, f"{ALL} FROM hpts_edge.idempotency_reservations")
    assert sorted(found, key=str) == sorted(keys, key=str)
    own.engine(2)
    until(lambda: own.health(api)[0] == 200, seconds=30)
    again = client.post("/v1/fees", body, key=key)
    assert (again.status_code, again.json()) == (200, fee.json())
    other = client.post("/v1/fees", body | {"amount_minor": "26"}, key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_mismatch")
    assert client.pay(loan, amount_minor="1")["journal_entry_id"] != paid["journal_entry_id"]
    assert owed(client, loans) == {"5", "7"}
    for path, batch, its_key in batches:
        sent = client.post(path, batch, key=its_key, headers={"Prefer": "wait=30"})
        assert sent.status_code == 200, sent.text
        assert client.post(path, batch, key=its_key).json() == sent.json()
    assert owed(client, loans) == {"7"}
    assert audit.faults_of_books(own.admin_dsn) == []


def partly_sent(
    own: OwnLedger, client: Client, loans: list[dict[str, Any]], entry_id: str
) -> list[tuple[str, dict[str, Any], str]]:
    """An accrual of 7, and the reversal of the one of 5, of each of which the log has the parts of
    one partition: path, body and key.
    """
    reversal = {
        "reverses_entry_id": entry_id,
        "reason_code": "error_correction",
        "reason_description": "of a test",
        "effective_at": "2026-01-30",
    }
    batches = [
        ("/v1/accruals/batch", accrual_of(loans, "2026-01-31", each_minor=7), f"batch:{uuid4()}"),
        ("/v1/reversals", reversal, f"batch:{uuid4()}"),
    ]
    for path, body, key in batches:
        taken = client.post(path, body, key=key, headers={"Prefer": "respond-async"})
        assert taken.status_code == 202, taken.text
    run(
        own,
        "DELETE FROM hpts.outgoing_commands WHERE partition_id <> "
        "(SELECT min(partition_id) FROM hpts.outgoing_commands)",
    )
    engine = own.engine(1)
    until(lambda: own.count("outgoing_commands") == 0 and own.unapplied() == 0, seconds=30)
    engine.stop()
    return batches


def lose_the_database(own: OwnLedger) -> None:
    """Make it anew, empty, with the keys that operators keep elsewhere."""
    name = psycopg.conninfo.conninfo_to_dict(own.admin_dsn)["dbname"]
    cluster = own.servers.postgres_server.admin_dsn
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}"')
    migrate(own.admin_dsn, own.servers.credentials.passwords())
    provision(own.bootstrap, own.admin_dsn, partition_count=own.partition_count)
    secret = own.servers.credentials.signing_key
    ledger.register_signing_key(own.admin_dsn, key_id=SIGNING_KEY_ID, secret=secret)


def accrual_of(loans: list[dict[str, Any]], day: str, *, each_minor: int = 5) -> dict[str, Any]:
    """A batch that accrues the same on each loan."""
    one = {"outstanding_principal_minor": "100000", "interest_minor": str(each_minor)}
    return {
        "accrual_date": day,
        "program_id": str(uuid4()),
        "currency": "USD",
        "day_count_convention": "ACT_365",
        "expected_loan_count": len(loans),
        "expected_total_minor": str(each_minor * len(loans)),
        "loans": [{"loan_id": loan["loan_id"], **one} for loan in loans],
    }


def owed(client: Client, loans: list[dict[str, Any]]) -> set[str]:
    """The interest that loans owe."""
    found = [client.get(f"/v1/loans/{one['loan_id']}/balance").json() for one in loans]
    return {one["interest_receivable_minor"] for one in found}


def test_what_was_still_to_be_sent_is_sent_by_the_rebuilt_books(own: OwnLedger) -> None:
    engine, api = own.engine(), own.api()
    client = Client.of(own.stack(api))
    loans = [client.open_loan(amount_minor="100000") for _ in range(8)]
    engine.stop()
    body = accrual_of(loans, "2026-01-31")
    batch = client.post("/v1/accruals/batch", body, headers={"Prefer": "respond-async"})
    assert batch.status_code == 202, batch.text
    queued, epochs = own.count("outgoing_commands"), epochs_of(own)
    assert queued > 0

    assert "what was live is hpts_before_" in promoted(own, "rebuilt")

    assert own.count("outgoing_commands") == queued
    assert all(now > then for then, now in zip(epochs, epochs_of(own), strict=True))
    own.engine(1)
    until(lambda: own.count("outgoing_commands") == 0 and own.unapplied() == 0, seconds=30)
    assert owed(client, loans) == {"5"}
    assert audit.faults_of_books(own.admin_dsn) == []


def test_it_is_refused_while_an_engine_serves_the_live_books(own: OwnLedger) -> None:
    engine, api = own.engine(), own.api()
    client = Client.of(own.stack(api))
    loan = client.open_loan(amount_minor="100000")
    status, _, complained = hpts(own, "replay", "--into", "early", "--promote")
    assert (status, "stop the engines" in complained) == (1, True)
    client.pay(loan, amount_minor="700")
    engine.stop()

    promoted(own, "early")

    assert own.count("journal_entries") == 2


def test_whoever_queues_commands_meanwhile_queues_them_in_the_rebuilt_books(
    own: OwnLedger,
) -> None:
    """A statement that waited for the swap, one prepared before it, and a COPY."""
    replayed(own, "rebuilt")
    dsn = make_conninfo(own.dsn_of("hpts_ingress"), options="-c search_path=hpts,hpts_edge")
    insert = (
        "INSERT INTO outgoing_commands (partition_id, tenant_id, idempotency_key, kind, "
        "to_partition, record_key, record_value) "
        "VALUES (0, gen_random_uuid(), %s, 'chunk', 0, '', '')"
    )
    copy = (
        "COPY outgoing_commands (partition_id, tenant_id, idempotency_key, kind, to_partition, "
        "record_key, record_value) FROM STDIN"
    )
    row = f"0\t{uuid4()}\tcopied\tchunk\t0\t\t\n"
    blocker = psycopg.connect(own.admin_dsn)
    # In the way of the swap's lock, so that others come to wait behind it.
    blocker.execute("SELECT count(*) FROM hpts.partitions")
    with psycopg.connect(dsn) as first, psycopg.connect(dsn) as second:
        first.prepare_threshold = 0
        first.execute(insert, ("before",))
        first.commit()
        swapping = threading.Thread(target=promoted, args=(own, "rebuilt"))
        swapping.start()
        until(lambda: waiting(own) >= 1, seconds=40)
        writers = [
            threading.Thread(target=lambda: (first.execute(insert, ("waited",)), first.commit())),
            threading.Thread(target=lambda: (copied(second, copy, row), second.commit())),
        ]
        for writer in writers:
            writer.start()
        time.sleep(0.3)
        blocker.close()
        for thread in (swapping, *writers):
            thread.join(40)
            assert not thread.is_alive()
        first.execute(insert, ("after",))
        first.commit()

    keys = run(own, "SELECT idempotency_key FROM hpts.outgoing_commands ORDER BY 1")
    assert [key for (key,) in keys] == ["after", "before", "copied", "waited"]


def copied(connection: psycopg.Connection[Any], statement: str, row: str) -> None:
    with connection.cursor().copy(statement) as copy:
        copy.write(row)


def waiting(own: OwnLedger) -> int:
    [[count]] = run(own, "SELECT count(*) FROM pg_locks WHERE NOT granted")
    return int(count)


def epochs_of(own: OwnLedger) -> list[int]:
    return [epoch for _, (_, epoch, *_) in sorted(own.partitions().items())]
