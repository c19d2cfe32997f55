"""Publisher and dispatcher killed again and again under load, against a receiver that is hostile.

HPTS_DELIVERY_SECONDS is how long it goes on; what it came to is printed (pytest -s).
"""

import json
import os
import random
import signal
import time
from collections import defaultdict
from functools import partial
from pathlib import Path

import psycopg
import pytest

from schemas.crash_points import DELIVERY_POINTS
from tests.deliveries.delivering import deliveries
from tests.deliveries.endpoints import listen
from tests.deliveries.on_topic import faults_in, is_all_told, posted_in, told_in
from tests.deliveries.receiver import Receiver, hostile, polite
from tests.faults.own_ledger import OwnLedger, Service, until
from tests.faults.payers import Payers
from tests.http import Client

SECONDS = float(os.environ.get("HPTS_DELIVERY_SECONDS", "8"))
PARTITIONS = 12
IMPATIENT = {
    "HPTS_WEBHOOK_RETRY_SECONDS": json.dumps([0, *[0.1] * 40]),
    "HPTS_WEBHOOK_TIMEOUT_SECONDS": "1",
    "HPTS_WEBHOOK_ALLOWED": "127.0.0.1",
}


def in_order_of_loans(admin_dsn: str) -> dict[str, list[str]]:
    """Loan -> its entries, as posted."""
    with psycopg.connect(admin_dsn) as connection:
        rows = connection.execute(
            "SELECT DISTINCT l.loan_id::text, e.journal_entry_id::text, e.entry_seq "
            "FROM hpts.journal_entries AS e JOIN hpts.journal_lines AS l "
            "USING (partition_id, entry_seq) WHERE l.loan_id IS NOT NULL ORDER BY 3"
        ).fetchall()
    found = defaultdict[str, list[str]](list)
    for loan_id, entry_id, _ in rows:
        found[loan_id].append(entry_id)
    return found


def pending(admin_dsn: str) -> int:
    with psycopg.connect(admin_dsn) as connection:
        [count] = connection.execute(
            "SELECT count(*) FROM hpts_edge.webhook_deliveries WHERE status = 'pending'"
        ).fetchone() or (0,)
    return int(count)


def firsts(told: list[str]) -> list[str]:
    """Each id once, where it came first."""
    return list(dict.fromkeys(told))


def killed_under_load(own: OwnLedger, payers: Payers, orders: Path) -> tuple[Service, int]:
    """Kill once at each crash point, then anywhere until the time is up, and start again each time;
    the last one, and how often one was killed.
    """
    settings = {**IMPATIENT, "HPTS_CRASH_AT": str(orders)}
    ends_at = time.monotonic() + SECONDS
    service, kills = deliveries(own, **settings), 0
    for point in DELIVERY_POINTS:
        (orders / point).write_text("KILL")
        until(partial(has_ended, service), seconds=30, told=service.said)
        service, kills = deliveries(own, is_ready=False, **settings), kills + 1
    while time.monotonic() < ends_at:
        until(partial(knows, payers, payers.known + random.randint(5, 60)), seconds=60)
        service.stop(signal.SIGKILL)
        service, kills = deliveries(own, is_ready=kills % 2 == 0, **settings), kills + 1
    return service, kills


def has_ended(service: Service) -> bool:
    return service.has_ended


def knows(payers: Payers, count: int) -> bool:
    return payers.known >= count


@pytest.mark.slow
@pytest.mark.timeout(300 + 10 * SECONDS)
def test_every_entry_is_told_in_order_and_signed_however_often_they_are_killed(
    own: OwnLedger, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own.engine()
    receiver = Receiver(hostile)
    stack = own.stack(own.api(HPTS_WEBHOOK_ALLOWED="127.0.0.1"))
    listen(Client.of(stack), receiver)
    with Payers(stack, clients=3).open_loans(40) as payers:
        service, kills = killed_under_load(own, payers, tmp_path)
        payers.stop()
    until(lambda: own.unapplied() == 0, seconds=40)
    until(lambda: is_all_told(own.admin_dsn), seconds=60, told=service.said)
    receiver.verdict_of = polite
    entries = [entry for of in in_order_of_loans(own.admin_dsn).values() for entry in of]
    until(lambda: pending(own.admin_dsn) == 0, seconds=60 + 5 * SECONDS, told=service.said)
    assert set(entries) <= set(receiver.acknowledged())
    receiver.close()

    told, posted = told_in(own.bootstrap, PARTITIONS), posted_in(own.admin_dsn)
    again_on_topic = len(told) - sum(map(len, posted.values()))
    with capsys.disabled():
        print(
            f"\n{kills} kills, {len(entries)} entries; webhooks: {len(receiver.told)} requests, "
            f"{receiver.twice()} acknowledged again; topic: {again_on_topic} again"
        )
    assert faults_in(told, posted) == []
    assert receiver.refused == []
    acknowledged = firsts(receiver.acknowledged())
    place = {entry: at for at, entry in enumerate(acknowledged)}
    for loan_id, of_loan in in_order_of_loans(own.admin_dsn).items():
        assert sorted(of_loan, key=place.__getitem__) == of_loan, loan_id
    # What is under way when a process is killed may be told again: about a request a kill and slot.
    assert receiver.twice() <= max(len(entries) // 100, 8 * kills)
    assert again_on_topic <= max(len(entries) // 100, 8 * kills)
