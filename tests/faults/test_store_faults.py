"""Postgres answers late, never, or not at all: wait, ask what became of it, lose nothing."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from tests import audit
from tests.faults.own_ledger import OwnLedger, until
from tests.faults.payers import Payers, paid_minor
from tests.faults.test_unknown_outcomes import payment
from tests.http import Client

CUTS = 30
ANSWERED_WITHIN_S = 12


def sound(own: OwnLedger, payers: Payers, stack: dict[str, object]) -> None:
    until(lambda: own.unapplied() == 0, seconds=60)
    assert audit.faults_of_acknowledged(own.admin_dsn, payers.acknowledged) == []
    assert audit.faults_of_books(own.admin_dsn) == []
    assert paid_minor(Client.of(stack), payers.loans) == len(set(payers.acknowledged))
    assert own.count("dead_letters") == 0
    assert own.halted() == {}


def test_connections_lost_during_commit_lose_and_repeat_nothing(own: OwnLedger) -> None:
    """Before the COMMIT arrives, and after it has been answered: the engine cannot tell which."""
    engine, api = own.engine(through_proxy=True), own.api()
    stack = own.stack(api)
    proxy = own.servers.postgres_proxy
    begun = proxy.cuts
    with Payers(stack, clients=8).open_loans(20) as payers:
        while proxy.cuts < begun + CUTS:
            proxy.cut_before = not proxy.cut_before
            seen = proxy.cuts
            proxy.cut_after = b"COMMIT"
            until(lambda: proxy.cuts > seen, seconds=30, told=engine.said)  # noqa: B023
            proxy.cut_after = None
            applied = offsets_of(own)
            until(lambda: offsets_of(own) > applied, seconds=30, told=engine.said)  # noqa: B023
    sound(own, payers, stack)
    assert engine.said().count("postgres unavailable") >= CUTS / 2


def test_an_ingress_cut_off_from_postgres_in_mid_request_converges(own: OwnLedger) -> None:
    own.engine()
    api = own.api(postgres_through_proxy=True)
    stack = own.stack(api)
    proxy = own.servers.postgres_proxy
    with Payers(stack, clients=8).open_loans(20) as payers:
        for _ in range(10):
            seen = payers.statuses[202]
            until(lambda: payers.statuses[202] > seen + 20, seconds=30)  # noqa: B023
            proxy.cut()
    sound(own, payers, stack)


def test_a_postgres_that_stands_still_is_answered_with_503_and_goes_on_by_itself(
    own: OwnLedger,
) -> None:
    own.engine()
    api = own.api()
    stack = own.stack(api)
    client = Client.of(stack)
    process = own.servers.postgres.process
    with Payers(stack, clients=4).open_loans(10) as payers:
        pids = backends_of(process.pid)
        for pid in pids:
            stop_or_go(pid, signal.SIGSTOP)
        try:
            begun = time.monotonic()
            key = f"test:{uuid4()}"
            answer = client.post("/v1/payments", payment(payers.loans[0]), key=key)
            seconds = time.monotonic() - begun
            status, faults = own.health(api)
        finally:
            for pid in pids:
                stop_or_go(pid, signal.SIGCONT)
        assert (answer.status_code, answer.json()["code"]) == (503, "not_ready")
        assert seconds < ANSWERED_WITHIN_S
        assert (status, "database" in faults) == (503, True)
        seen = payers.statuses[202]
        until(lambda: payers.statuses[202] > seen + 50, seconds=60)
        until(lambda: own.health(api)[0] == 200, seconds=20)
    until(lambda: own.unapplied() == 0, seconds=60)
    assert audit.faults_of_acknowledged(own.admin_dsn, payers.acknowledged) == []
    assert audit.faults_of_books(own.admin_dsn) == []


def offsets_of(own: OwnLedger) -> int:
    """The positions of all partitions, summed."""
    return sum(offset for offset, *_ in own.partitions().values())


def backends_of(postmaster: int) -> list[int]:
    """The postmaster and all its processes."""
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return [postmaster, *map(int, children)]


def stop_or_go(pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def test_postgres_killed_again_and_again_under_load(own: OwnLedger) -> None:
    own.engine()
    api = own.api()
    stack = own.stack(api)
    with Payers(stack, clients=8).open_loans(20) as payers:
        for _ in range(3):
            seen = payers.statuses[202]
            until(lambda: payers.statuses[202] > seen + 50, seconds=40)  # noqa: B023
            own.servers.postgres.end(signal.SIGKILL)
            own.servers.postgres.start()
    sound(own, payers, stack)
