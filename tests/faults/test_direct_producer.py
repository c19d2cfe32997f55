"""The direct producer, the engine or both are killed with -9 in the middle of a batch: each loan
accrues once, the batch stays one batch, and the totals are exact.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from hpts_client import chunks, producer
from hpts_client.batch_file import read_batch
from hpts_client.report import Report
from schemas.crash_points import PRODUCER_POINTS, SETTING, TAKEN
from schemas.partitioning import partition_of_loan
from schemas.signing import SigningKey
from tests import audit
from tests.client import batches as client_batches
from tests.faults.own_ledger import ROOT, OwnLedger, is_stopped, until
from tests.http import Client

KEY_ID = "producer-of-a-test"
LOANS = 60
STRANGERS = 26_000
"""Loans that do not exist: they fill some 36 chunks, three a partition, in no time."""


class Batch:
    """A file of some loans and many strangers, and who may post it."""

    def __init__(self, own: OwnLedger, folder: Path) -> None:
        self.own = own
        self.orders = folder / "orders"
        self.orders.mkdir()
        self.engine = own.engine(**{SETTING: str(self.orders)})
        registered = own.servers.clients[0]
        self.tenant_id = UUID(registered["tenant_id"])
        self.secret = folder / "producer_key"
        self.secret.write_text("s" * 64)
        with psycopg.connect(own.admin_dsn) as connection:
            connection.execute(
                "INSERT INTO hpts_edge.signing_keys (key_id, secret_reference, tenants, valid_from)"
                " VALUES (%s, %s, %s, 'epoch')",
                (KEY_ID, f"file:{self.secret}", [self.tenant_id]),
            )
        self.stack = own.stack(own.api())
        client = Client.of(self.stack)
        chance = Random(LOANS)
        self.interest = {
            client.open_loan(amount_minor="100000")["loan_id"]: chance.randrange(1, 10_000)
            for _ in range(LOANS)
        }
        self.key = f"accrual:{uuid4()}:2026-01-31"
        self.file = folder / "batch.ndjson"
        self._write(chance)

    @property
    def total_minor(self) -> int:
        return sum(self.interest.values())

    def settings(self, **more: Any) -> producer.Settings:
        secret = self.secret.read_bytes()
        tenants = frozenset([self.tenant_id])
        return producer.Settings(
            bootstrap=self.own.bootstrap,
            tenant_id=self.tenant_id,
            actor="a-job",
            signing_key=SigningKey(KEY_ID, secret, tenants, datetime.now(UTC), None),
            profile="local",
            **more,
        )

    def post(self, **more: Any) -> Report:
        """By the library, in this process."""
        settings = self.settings(**more)
        count = producer.partition_count(settings)
        with self.file.open("rb") as lines:
            batch = read_batch(lines, self.tenant_id, count, datetime.now(UTC).date())
        return producer.accrue(settings, batch, self.key)

    def command(self) -> "subprocess.Popen[str]":
        """By the command line, in a process of its own that may be killed."""
        inherited = {name: v for name, v in os.environ.items() if not name.startswith("HPTS_")}
        settings = {
            "HPTS_KAFKA_BOOTSTRAP": self.own.bootstrap,
            "HPTS_TENANT_ID": str(self.tenant_id),
            "HPTS_CLIENT_ID": "a-job",
            "HPTS_SIGNING_KEY_ID": KEY_ID,
            "HPTS_SIGNING_SECRET": f"file:{self.secret}",
            "HPTS_PROFILE": "local",
            SETTING: str(self.orders),
        }
        here = [sys.executable, "-m", "hpts", "accrue", str(self.file), "--kafka", "--json"]
        return subprocess.Popen(
            [*here, "--key", self.key],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**inherited, **settings},
        )

    def order(self, point: str, name: str = "KILL") -> None:
        (self.orders / point).write_text(name)

    def killed_at(self, point: str) -> None:
        self.order(point)
        process = self.command()
        _, said = process.communicate(timeout=90)
        assert process.returncode == -signal.SIGKILL, said
        (self.orders / (point + TAKEN)).unlink()

    def in_mid_batch(self) -> "subprocess.Popen[str]":
        """The command as it waits for its second chunks, which the engine stopped before it had
        committed any of them.
        """
        self.order("producer-opened", "STOP")
        process = self.command()
        until(lambda: is_stopped(process.pid), seconds=60)
        self.order("engine-before-commit", "STOP")
        process.send_signal(signal.SIGCONT)
        until(lambda: is_stopped(self.engine.process.pid), seconds=60)
        assert self.outcomes() == 1
        return process

    def completed(self) -> dict[str, Any]:
        process = self.command()
        told, said = process.communicate(timeout=120)
        assert process.returncode == 1, told + said  # there are strangers
        return dict(json.loads(told))

    def outcomes(self) -> int:
        with psycopg.connect(self.own.admin_dsn) as connection:
            found = connection.execute(
                "SELECT count(*) FROM hpts.command_outcomes WHERE starts_with(idempotency_key, %s)",
                [f"{self.key}/"],
            ).fetchone()
        assert found is not None
        return int(found[0])

    def _write(self, chance: Random) -> None:
        items = [*self.interest.items()]
        items += [(str(UUID(int=chance.getrandbits(128))), 1) for _ in range(STRANGERS)]
        chance.shuffle(items)
        header = {
            "program_id": str(uuid4()),
            "accrual_date": "2026-01-31",
            "day_count_convention": "ACT_365",
            "currency": "USD",
            "expected_loan_count": len(items),
        }
        with self.file.open("w") as lines:
            lines.write(json.dumps(header) + "\n")
            lines.writelines(
                json.dumps(
                    {
                        "loan_id": loan_id,
                        "outstanding_principal_minor": "100000",
                        "interest_minor": str(interest_minor),
                    }
                )
                + "\n"
                for loan_id, interest_minor in items
            )


@pytest.fixture
def batch(own: OwnLedger, tmp_path: Path) -> Iterator[Batch]:
    """A batch on a ledger of its own whose engine runs; the books are sound afterwards."""
    batch = Batch(own, tmp_path)
    yield batch
    assert audit.faults_of_books(own.admin_dsn) == []


def check(batch: Batch, told: dict[str, Any]) -> None:
    """Each loan has accrued once, as one batch, and everybody says so."""
    assert (told["loan_count"], told["total_accrued_minor"]) == (LOANS, str(batch.total_minor))
    assert told["rejections"] == {"loan_not_found": STRANGERS}
    assert told["chunks_total"] > 24, "the batch was over before anything could happen"
    with psycopg.connect(batch.own.admin_dsn) as connection:
        accrued = connection.execute(
            "SELECT loan_id::text, sum(amount_minor)::bigint, count(*) FROM hpts.journal_lines"
            " WHERE account_code = '1200' GROUP BY 1"
        ).fetchall()
        entries = connection.execute(
            "SELECT DISTINCT journal_entry_id::text FROM hpts.journal_entries"
            " WHERE event_type = 'accrual'"
        ).fetchall()
    assert {loan: (minor, times) for loan, minor, times in accrued} == {
        loan: (minor, 1) for loan, minor in batch.interest.items()
    }
    assert entries == [(told["journal_entry_id"],)], "two runs made two batches"
    client, path = Client.of(batch.stack), f"/v1/accruals/{told['accrual_event_id']}"
    # Where Postgres was killed, connections from before it are found dead first.
    until(lambda: client.get(path).status_code == 200, seconds=30)
    progress = client.get(path).json()
    assert progress["status"] == "posted_with_rejections"
    assert progress["chunks_done"] == progress["chunks_total"] == told["chunks_total"]
    assert (progress["loan_count"], progress["rejected_count"]) == (LOANS, STRANGERS)


def test_a_producer_killed_in_mid_batch_is_completed_by_running_it_again(batch: Batch) -> None:
    for point in PRODUCER_POINTS:
        batch.killed_at(point)
        assert batch.outcomes() > 0
    again = batch.completed()
    assert again["resumed"]
    check(batch, again)
    # And once more: nothing is left to do, and the same is told.
    once_more = batch.completed()
    volatile = {"seconds": 0}
    assert once_more | volatile == again | volatile


def test_http_completes_what_a_killed_producer_began(batch: Batch) -> None:
    batch.killed_at("producer-opened")
    assert batch.outcomes() == 1
    client = Client.of(batch.stack)
    headers = {
        "Authorization": f"Bearer {client.token}",
        "Content-Type": "application/x-ndjson",
        "Idempotency-Key": batch.key,
        "Prefer": "wait=60",
    }
    lines = batch.file.read_bytes()
    told = client.http.post("/v1/accruals/batch", content=lines, headers=headers)
    assert (told.status_code, told.headers.get("idempotency-replayed")) == (200, "true"), told.text
    assert told.json()["rejected_count"] == STRANGERS
    check(batch, batch.completed())


def test_producer_and_engine_killed_together_leave_nothing_undone(batch: Batch) -> None:
    process = batch.in_mid_batch()
    batch.engine.stop(signal.SIGKILL)
    process.kill()
    process.communicate()
    batch.own.engine()
    check(batch, batch.completed())


def test_a_producer_that_lives_on_outlasts_the_death_of_engine_and_postgres(batch: Batch) -> None:
    process = batch.in_mid_batch()
    batch.own.servers.postgres.end(signal.SIGKILL)
    batch.engine.stop(signal.SIGKILL)
    batch.own.servers.postgres.start()
    batch.own.engine()
    told, faults = process.communicate(timeout=120)
    assert process.returncode == 1, faults
    check(batch, json.loads(told))


def test_two_producers_side_by_side_make_one_batch(batch: Batch) -> None:
    first, second = batch.command(), batch.command()
    told = []
    for process in (first, second):
        said, faults = process.communicate(timeout=120)
        assert process.returncode == 1, faults
        told.append(json.loads(said))
    volatile = {"seconds": 0, "resumed": None}
    assert told[0] | volatile == told[1] | volatile
    check(batch, told[0])


def test_a_lost_announcement_is_asked_for_by_sending_the_chunk_again(batch: Batch) -> None:
    batch.order("engine-committed")
    with ThreadPoolExecutor(1) as pool:
        posting = pool.submit(batch.post, ask_after_s=1.0, give_up_after_s=60.0)
        # The opening chunk is committed, and nobody has been told.
        until(lambda: batch.engine.has_ended, seconds=60, told=batch.engine.said)
        assert batch.outcomes() == 1
        batch.own.engine()
        report = posting.result(120)
    check(batch, report.members())


def test_another_batch_s_key_is_recognised_wherever_the_two_meet(batch: Batch) -> None:
    """The first is in one partition, and not in the one that opens the second."""
    settings = batch.settings(ask_after_s=0.5, give_up_after_s=30.0)
    count = producer.partition_count(settings)
    strangers: dict[int, UUID] = {}
    while len(strangers) < count:
        loan_id = uuid4()
        strangers[partition_of_loan(batch.tenant_id, loan_id, count)] = loan_id

    def post(*partitions: int) -> Report:
        lines = client_batches.lines(
            client_batches.header(),
            [
                {
                    "loan_id": str(strangers[partition]),
                    "outstanding_principal_minor": "0",
                    "interest_minor": "1",
                }
                for partition in partitions
            ],
        )
        read = read_batch(BytesIO(lines), batch.tenant_id, count, datetime.now(UTC).date())
        return producer.accrue(settings, read, batch.key)

    assert post(3).rejected_count == 1
    with pytest.raises(producer.KeyTaken):
        post(1, 3)


def test_a_batch_that_was_cut_otherwise_is_not_taken_for_ours(
    batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks are recognised by their keys: a larger one would hide loans behind a smaller one's."""
    usual = chunks.CHUNK_LOANS
    monkeypatch.setattr(chunks, "CHUNK_LOANS", usual // 2)
    check(batch, batch.post().members())
    monkeypatch.setattr(chunks, "CHUNK_LOANS", usual)
    with pytest.raises(producer.NotApplied, match="cut by another release"):
        batch.post()


def test_a_key_that_may_not_write_for_the_tenant_is_told_at_once(batch: Batch) -> None:
    with psycopg.connect(batch.own.admin_dsn) as connection:
        connection.execute(
            "UPDATE hpts_edge.signing_keys SET tenants = %s WHERE key_id = %s",
            ([uuid4()], KEY_ID),
        )
    batch.engine.stop()
    batch.own.engine()
    with pytest.raises(producer.NotApplied, match=r"is a dead letter: foreign"):
        batch.post(give_up_after_s=60.0)
    assert batch.outcomes() == 0
