"""A night's batch as a stream while API, engine or Postgres is killed: whole or not at all.

300 loans and 18,000 strangers to the ledger, in 24 chunks: each loan accrues once for a date,
each stranger is rejected once, and whoever asks again with the same key learns so.
"""

import asyncio
import signal
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from bench.client import Connection
from hpts_client import http
from schemas import crash_points
from tests import audit
from tests.edges import bodies_of
from tests.edges.test_ingress_streams import begun, lines_of, stream
from tests.faults.own_ledger import OwnLedger, Service, is_stopped, until
from tests.http import Client

LOANS = 300
STRANGERS = 18_000
CENTS = 3
OPENERS = 32
DONE_WITHIN_S = 90

ENGINE_POINTS = (
    "engine-outgoing-sent",
    "engine-outgoing-acknowledged",
    "engine-outgoing-deleted",
    "engine-decided",
    "engine-before-commit",
    "engine-committed",
)


class Night:
    """Loans on a ledger of the test's own, and what was asked of them."""

    def __init__(self, own: OwnLedger, orders: Path) -> None:
        self.own = own
        self._orders = orders
        # First: without an engine the API is not ready.
        self.engine = self.start_engine()
        self.api = self.start_api()
        self.days = 0

    def start_api(self) -> Service:
        self.api = self.own.api(**{crash_points.SETTING: str(self._orders)})
        self.client = Client.of(self.own.stack(self.api))
        return self.api

    def start_engine(self, **more: Any) -> Service:
        return self.own.engine(**{crash_points.SETTING: str(self._orders)}, **more)

    def order(self, point: str, name: str = "KILL") -> None:
        (self._orders / point).write_text(name)

    def open_loans(self) -> None:
        self.loans = [str(uuid4()) for _ in range(LOANS)]
        asyncio.run(open_loans(self.api.url, self.client.token, self.loans))

    def batch(self) -> dict[str, Any]:
        """The next day's batch."""
        self.days += 1
        ids = [*self.loans, *(str(uuid4()) for _ in range(STRANGERS))]
        loans = [
            {
                "loan_id": loan_id,
                "outstanding_principal_minor": "100000",
                "interest_minor": str(CENTS),
            }
            for loan_id in ids
        ]
        head = {k: v for k, v in bodies_of.accrual().items() if k != "loans"}
        day = f"2026-02-{self.days:02}"
        return {**head, "accrual_date": day, "expected_loan_count": len(ids), "loans": loans}

    def accepted(self) -> tuple[int, int, int]:
        """How many batches, keys of batches and chunks are durable."""
        with psycopg.connect(self.own.admin_dsn) as connection:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM hpts_edge.accrual_batches),"
                " (SELECT count(*) FROM hpts_edge.idempotency_reservations"
                "  WHERE partition_id = 4095),"
                " (SELECT count(*) FROM ("
                "  SELECT idempotency_key FROM hpts.outgoing_commands WHERE kind = 'chunk' UNION"
                "  SELECT idempotency_key FROM hpts.command_outcomes"
                "  WHERE accrual_event_id IS NOT NULL) AS chunks)"
            ).fetchone()
        assert row is not None
        return row[0], row[1], row[2]

    def chunks_done(self) -> int:
        with psycopg.connect(self.own.admin_dsn) as connection:
            row = connection.execute(
                "SELECT count(*) FROM hpts.command_outcomes WHERE accrual_event_id IS NOT NULL"
            ).fetchone()
        assert row is not None
        return int(row[0])

    def until_done(self, chunks: int) -> None:
        until(lambda: self.chunks_done() == chunks, seconds=DONE_WITHIN_S)

    def sound(self) -> None:
        """Each loan has accrued once for each day, and the books add up."""
        assert audit.faults_of_books(self.own.admin_dsn) == []
        with psycopg.connect(self.own.admin_dsn) as connection:
            owed = connection.execute(
                "SELECT interest_minor, count(*) FROM hpts.loans GROUP BY 1"
            ).fetchall()
            lines = connection.execute(
                "SELECT count(*), count(DISTINCT (loan_id, effective_on)), sum(amount_minor)"
                " FROM hpts.journal_lines WHERE account_code = '1200'"
            ).fetchone()
        assert owed == [(self.days * CENTS, LOANS)]
        assert lines == (self.days * LOANS, self.days * LOANS, self.days * LOANS * CENTS)
        until(lambda: self.own.count("outgoing_commands") == 0, seconds=DONE_WITHIN_S)


async def open_loans(api_url: str, token: str, loan_ids: list[str]) -> None:
    waiting = iter(loan_ids)

    async def opener() -> None:
        async with Connection(api_url) as connection:
            for loan_id in waiting:
                body = {
                    "loan_id": loan_id,
                    "borrower_id": str(uuid4()),
                    "amount_minor": "100000",
                    "currency": "USD",
                    "effective_at": "2026-01-05",
                    "method": "ach",
                }
                key = f"disbursement:{loan_id}"
                status, answer = await connection.post("/v1/disbursements", token, key, body)
                assert status == 201, answer

    await asyncio.gather(*(opener() for _ in range(OPENERS)))


@pytest.fixture
def night(own: OwnLedger, tmp_path: Path) -> Night:
    orders = tmp_path / "orders"
    orders.mkdir()
    return Night(own, orders)


def result_of(night: Night, body: dict[str, Any], key: str) -> dict[str, Any]:
    """What a batch comes to, asked for again and again with the same key."""
    known: list[httpx.Response] = []

    def is_known() -> bool:
        answer = stream(night.client, lines_of(body), key=key)
        assert answer.status_code in (200, 201, 202, 409, 503), answer.text
        known.append(answer)
        return answer.status_code in (200, 201)

    until(is_known, seconds=DONE_WITHIN_S)
    result: dict[str, Any] = known[-1].json()
    assert (result["loan_count"], result["rejected_count"]) == (LOANS, STRANGERS)
    assert result["total_accrued_minor"] == str(LOANS * CENTS)
    return result


def test_a_batch_that_nobody_posts_is_given_up_in_time_and_can_be_followed_again(
    night: Night,
) -> None:
    night.open_loans()
    stack, owner = night.own.stack(night.api), night.own.servers.clients[0]
    credentials = http.Credentials(stack["token_url"], owner["client_id"], owner["client_secret"])
    target = http.BatchClient(stack["api_url"], credentials)
    night.engine.send(signal.SIGSTOP)
    event_id = target.post(iter([lines_of(night.batch())]), http.LINES, "night:given-up")
    with pytest.raises(http.Stalled, match=r"^0 of \d+ chunks have posted, and none for 1 s"):
        target.follow(event_id, lambda _: None, give_up_after_s=1.0)
    night.engine.send(signal.SIGCONT)
    assert target.follow(event_id, lambda _: None)["status"] == "posted_with_rejections"
    night.sound()


def test_a_stream_is_accepted_whole_or_not_at_all_wherever_the_api_is_killed(
    night: Night,
) -> None:
    night.open_loans()
    chunks_total = 0
    for point in (None, "ingress-parts-copying", "ingress-parts-written", "ingress-parts-queued"):
        body, key = night.batch(), f"accrual:{uuid4()}"
        before = night.accepted()
        kill_api(night, point, body, key)
        night.start_api()
        is_accepted = point == "ingress-parts-queued"
        if is_accepted:
            # Nobody asks again, and still it comes to its end.
            night.until_done(before[2] + chunks_total)
        assert (night.accepted() == before) != is_accepted
        result_of(night, body, key)
        after = night.accepted()
        chunks_total = after[2] - before[2]
        assert after[:2] == (before[0] + 1, before[1] + 1)
    night.sound()
    assert not night.engine.has_ended


def kill_api(night: Night, point: str | None, body: dict[str, Any], key: str) -> None:
    """Kill the API while it reads a batch, or at a point after that."""
    content = lines_of(body)
    if point is None:
        half = content[: len(content) // 2]
        with begun(night.own.stack(night.api), night.client, len(content), half):
            night.api.stop(signal.SIGKILL)
        return
    night.order(point)
    with pytest.raises(httpx.TransportError):
        stream(night.client, content, key=key)
    assert night.api.process.wait(20) == -signal.SIGKILL


def test_an_accepted_batch_accrues_each_loan_once_wherever_the_engine_is_killed(
    night: Night,
) -> None:
    night.open_loans()
    night.engine.stop()
    body, key = night.batch(), f"accrual:{uuid4()}"
    answer = stream(night.client, lines_of(body), key=key, Prefer="respond-async")
    assert answer.status_code == 202, answer.text
    _, _, chunks_total = night.accepted()
    for point in ENGINE_POINTS:
        night.order(point)
    # No batch comes to its end without passing each of them, in whichever order.
    for _ in ENGINE_POINTS:
        killed = night.start_engine(is_ready=False)
        assert killed.process.wait(60) == -signal.SIGKILL
    night.start_engine()
    result_of(night, body, key)
    progress = night.client.get(answer.headers["location"]).json()
    assert progress["status"] == "posted_with_rejections"
    assert progress["chunks_done"] == progress["chunks_total"] == chunks_total
    night.sound()


def test_an_accepted_batch_accrues_each_loan_once_though_postgres_is_killed(
    night: Night,
) -> None:
    night.open_loans()
    night.engine.stop()
    body, key = night.batch(), f"accrual:{uuid4()}"
    accepted = stream(night.client, lines_of(body), key=key, Prefer="respond-async")
    assert accepted.status_code == 202, accepted.text
    night.order("engine-before-commit", "STOP")
    engine = night.start_engine(is_ready=False)
    until(lambda: is_stopped(engine.process.pid), seconds=60)
    night.own.servers.postgres.end(signal.SIGKILL)
    engine.send(signal.SIGCONT)
    night.own.servers.postgres.start()
    result_of(night, body, key)
    assert not engine.has_ended
    night.sound()
