"""A stranger's transaction on the command log hangs: one partition waits and says why."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from schemas.partitioning import partition_of_loan
from tests import audit
from tests.faults.own_ledger import ROOT, OwnLedger, until
from tests.faults.payers import Payers, paid_minor
from tests.http import Client

TRANSACTION_S = 10
MOST_LAG_S = "4"
ENDED_WITHIN_S = TRANSACTION_S + 30


@contextmanager
def hung_transaction(own: OwnLedger, partition_id: int) -> Iterator[None]:
    """Its producer is stopped; only the broker ends it, when its time is up."""
    arguments = [own.bootstrap, str(partition_id), str(TRANSACTION_S)]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.stranger", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    ) as stranger:
        try:
            assert stranger.stdout is not None
            assert stranger.stdout.readline() == b"open\n"
            stranger.send_signal(signal.SIGSTOP)
            yield
        finally:
            stranger.kill()


def partitions_of(stack: dict[str, Any], loans: list[dict[str, str]]) -> list[int]:
    tenant_id = UUID(stack["clients"][0]["tenant_id"])
    return [partition_of_loan(tenant_id, UUID(loan["loan_id"]), 12) for loan in loans]


def test_a_hung_transaction_delays_its_partition_alone_and_nothing_is_lost(own: OwnLedger) -> None:
    own.engine()
    api = own.api(HPTS_MOST_LAG_S=MOST_LAG_S)
    stack = own.stack(api)
    client = Client.of(stack)
    payers = Payers(stack).open_loans(20)
    hung, *others = partitions_of(stack, payers.loans)
    others = [partition_id for partition_id in others if partition_id != hung]
    reason = f"; of [{hung}] the log is written further than it can be read: a transaction"

    def offsets() -> dict[int, int]:
        return {p: offset for p, (offset, *_) in own.partitions().items()}

    with hung_transaction(own, hung), payers:
        until(
            lambda: reason in own.health(api)[1].get("engine", ""),
            seconds=TRANSACTION_S,
            told=lambda: str(own.health(api)),
        )
        before = offsets()
        status = client.get("/v1/operations/status").json()
        until(lambda: all(offsets()[p] > before[p] for p in others), seconds=TRANSACTION_S)
        until(lambda: offsets()[hung] > before[hung], seconds=ENDED_WITHIN_S)
    shown = {p["partition_id"]: p for p in status["partitions"]}[hung]
    assert shown["next_offset"] == before[hung]
    assert 0 < shown["held_back_commands"] <= shown["lag_commands"]
    until(lambda: own.health(api)[0] == 200, seconds=ENDED_WITHIN_S)
    until(lambda: own.unapplied() == 0, seconds=30)
    assert audit.faults_of_acknowledged(own.admin_dsn, payers.acknowledged) == []
    assert audit.faults_of_books(own.admin_dsn) == []
    assert paid_minor(client, payers.loans) == len(set(payers.acknowledged))
