"""Processes whose clock is wrong by a day, or by more than a year: what is posted is the same."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from tests import audit
from tests.faults.own_ledger import OwnLedger, Servers, trusting, until
from tests.faults.payers import Payers, paid_minor
from tests.faults.test_failover import told_by
from tests.faults.test_unknown_outcomes import payment
from tests.http import Client

DAY_S = 86_400
SOURCE = Path(__file__).parent / "other_clock.c"

OtherClock = Callable[[int], dict[str, str]]
"""Seconds ahead -> the environment of a process with such a clock."""


@pytest.fixture(scope="session")
def other_clock(tmp_path_factory: pytest.TempPathFactory) -> OtherClock:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler: nothing gives one process alone another clock")
    library = tmp_path_factory.mktemp("clock") / "other_clock.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"], check=True
    )
    return lambda ahead_s: {"LD_PRELOAD": str(library), "OTHER_CLOCK_S": str(ahead_s)}


@pytest.fixture
def beside(own: OwnLedger, servers: Servers) -> Iterator[OwnLedger]:
    """An empty ledger on the same log."""
    ledger = OwnLedger(servers, keeps_topics=True)
    try:
        yield ledger
    finally:
        ledger.close()


def test_a_key_is_recognised_more_than_a_year_later(
    own: OwnLedger, other_clock: OtherClock
) -> None:
    clock = other_clock(400 * DAY_S)
    own.engine()
    client = Client.of(own.stack(own.api()))
    loan = client.open_loan(amount_minor="1000")
    body, key = payment(loan), f"test:{uuid4()}"
    first = client.post("/v1/payments", body, key=key)

    issuer = own.servers.issuer(**clock)
    try:
        api = own.api(**clock, **trusting(issuer.url))
        stack = {**own.stack(api), "token_url": f"{issuer.url}/oauth/token"}
        late = Client.of(stack)
        again = late.post("/v1/payments", body, key=key)
        # As some clean up keys that are old: the outcome alone is left to know it by.
        with psycopg.connect(own.admin_dsn) as connection:
            connection.execute("DELETE FROM hpts_edge.idempotency_reservations")
        forgotten = late.post("/v1/payments", body, key=key)
    finally:
        issuer.stop()

    assert first.status_code == 201
    assert (again.status_code, again.json()) == (200, first.json())
    assert (forgotten.status_code, forgotten.json()) == (200, first.json())
    assert own.count("journal_entries") == 2
    assert audit.faults_of_books(own.admin_dsn) == []


def test_an_engine_a_day_ahead_or_behind_posts_and_promises_the_same(
    own: OwnLedger, beside: OwnLedger, other_clock: OtherClock
) -> None:
    api = own.api(is_ready=False)
    acknowledged: list[str] = []
    loans: list[dict[str, str]] = []
    for ahead_s in (DAY_S, -DAY_S):
        engine = own.engine(**other_clock(ahead_s))
        until(lambda: own.health(api)[0] == 200, seconds=30, told=lambda: str(own.health(api)))
        paying = Payers(own.stack(api))
        loans = paying.loans = loans or paying.open_loans(20).loans
        with paying:
            until(lambda: paying.known > 100, seconds=30)  # noqa: B023
        acknowledged += paying.acknowledged
        until(lambda: own.unapplied() == 0, seconds=30)
        assert_reached_is_true(own)
        assert engine.stop() == 0
    assert audit.faults_of_acknowledged(own.admin_dsn, acknowledged) == []
    assert audit.faults_of_books(own.admin_dsn) == []
    assert paid_minor(Client.of(own.stack(api)), loans) == len(acknowledged)

    beside.engine()
    until(lambda: beside.unapplied() == 0, seconds=60)
    assert told_by(beside) == told_by(own)


def assert_reached_is_true(own: OwnLedger) -> None:
    """Idle, every partition reaches what was now a moment ago, and none what is yet to come."""
    with psycopg.connect(own.admin_dsn, autocommit=True) as connection:
        [now] = connection.execute("SELECT clock_timestamp()").fetchone() or [None]

        def is_reached() -> bool:
            found = connection.execute(
                "SELECT min(reached_at) > %s, max(reached_at) < clock_timestamp()"
                " FROM hpts.partitions",
                [now],
            ).fetchone()
            assert found is not None
            assert found[1], "a promise about the future"
            return bool(found[0])

        until(is_reached, seconds=20)
