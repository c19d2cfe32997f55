"""The primary is gone and its standby serves: the books go back together, the log brings the rest.

What the standby never got is posted again from the log, exactly as it was told before.
"""

import signal
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from tests import audit
from tests.faults.own_ledger import OwnLedger, Servers, Service, until
from tests.faults.payers import Payers, paid_minor
from tests.faults.standby import Pair, ledger_on_a_pair
from tests.faults.test_unknown_outcomes import payment
from tests.http import Client

NOT_CONFIRMED = "a commit was not confirmed"
WAITS = """
    SELECT pid FROM pg_stat_activity
    WHERE application_name = 'hpts-posting-engine' AND wait_event = 'SyncRep'"""
CANCEL = f"SELECT pg_cancel_backend(pid) FROM ({WAITS}) AS waiting"
TOLD = {
    "an outcome": "SELECT * FROM hpts.command_outcomes",
    "an entry": "SELECT * FROM hpts.journal_entries",
    "a line": "SELECT * FROM hpts.journal_lines",
}


@pytest.fixture
def on_a_pair(servers: Servers) -> Iterator[tuple[OwnLedger, Pair]]:
    with ledger_on_a_pair(servers) as made:
        yield made


def told_by(own: OwnLedger) -> set[str]:
    """Everything that anybody could have been told of what was posted."""
    with psycopg.connect(own.admin_dsn, row_factory=dict_row) as connection:
        return {
            f"{what}: {row}"
            for what, statement in TOLD.items()
            for row in connection.execute(statement)
        }


def more_payments(payers: Payers, count: int, engine: Service) -> None:
    before = payers.known
    until(lambda: payers.known > before + count, seconds=60, told=engine.said)


def fail_over(pair: Pair, engine: Service) -> None:
    """The engine stands still meanwhile, so that what the standby has can be looked at."""
    engine.send(signal.SIGSTOP)
    pair.kill_the_primary()
    pair.promote_the_standby()


def sound(own: OwnLedger, payers: Payers, stack: dict[str, Any]) -> None:
    until(lambda: own.unapplied() == 0, seconds=60)
    assert audit.faults_of_acknowledged(own.admin_dsn, payers.acknowledged) == []
    assert audit.faults_of_books(own.admin_dsn) == []
    assert own.count("dead_letters") == 0
    assert own.halted() == {}


def test_a_synchronous_standby_has_everything_that_was_told(
    on_a_pair: tuple[OwnLedger, Pair],
) -> None:
    own, pair = on_a_pair
    pair.wait_for_the_standby(should_wait=True)
    engine, api = own.engine(through_proxy=True), own.api(postgres_through_proxy=True)
    stack = own.stack(api)
    with Payers(stack).open_loans(20) as payers:
        more_payments(payers, 100, engine)
        pair.replication.silence(both_ways=True)
        until(lambda: is_waiting(pair), seconds=20, told=engine.said)
        told = told_by(own)
        fail_over(pair, engine)
        missing = told - told_by(own)
        engine.send(signal.SIGCONT)
        more_payments(payers, 100, engine)
    assert missing == set()
    sound(own, payers, stack)
    assert paid_minor(Client.of(stack), payers.loans) == len(set(payers.acknowledged))


def test_what_the_standby_never_got_is_posted_again_as_it_was_told(
    on_a_pair: tuple[OwnLedger, Pair],
) -> None:
    """Its wait is cancelled, then nobody waits any more; then the primary is gone."""
    own, pair = on_a_pair
    engine, api = own.engine(through_proxy=True), own.api(postgres_through_proxy=True)
    stack = own.stack(api)
    client = Client.of(stack)
    with Payers(stack).open_loans(20) as payers:
        engine.send(signal.SIGSTOP)
        more_payments(payers, 100, engine)
        pair.wait_for_the_standby(should_wait=True)
        pair.replication.silence(both_ways=True)
        engine.send(signal.SIGCONT)
        cancel_what_waits(pair, engine)
        pair.wait_for_the_standby(should_wait=False)
        more_payments(payers, 100, engine)
        key, body = f"test:{uuid4()}", payment(payers.loans[0])
        answer = client.post("/v1/payments", body, key=key).raise_for_status().json()
        engine.send(signal.SIGSTOP)
        told = told_by(own)
        fail_over(pair, engine)
        known = told_by(own)
        faults = audit.faults_of_books(own.admin_dsn)
        engine.send(signal.SIGCONT)
        more_payments(payers, 100, engine)
        again = client.post("/v1/payments", body, key=key)
    assert known < told, "the standby had everything: nothing was to be posted again"
    assert faults == []
    sound(own, payers, stack)
    assert told - told_by(own) == set()
    # Its reservation was lost with the primary; its outcome was not.
    assert (again.status_code, again.json()) == (200, answer)
    assert again.headers["idempotency-replayed"] == "true"
    assert paid_minor(client, payers.loans) == len(set(payers.acknowledged)) + 1


def is_waiting(pair: Pair) -> bool:
    """Whether something of the engine's waits for the standby."""
    with psycopg.connect(pair.primary_dsn) as admin:
        return admin.execute(WAITS).rowcount > 0


def cancel_what_waits(pair: Pair, engine: Service) -> None:
    """An operator cancels whatever of the engine's waits for the standby, until it was a batch."""
    with psycopg.connect(pair.primary_dsn, autocommit=True) as admin:

        def is_a_batch() -> bool:
            admin.execute(CANCEL)
            return NOT_CONFIRMED in engine.said()

        until(is_a_batch, seconds=30, told=engine.said)
