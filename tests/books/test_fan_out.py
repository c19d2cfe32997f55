"""From real books to endpoints' queues, without a network: who is told what, once."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from deliveries.store import Store
from deliveries.webhooks import fan_out
from deliveries.webhooks.fan_out import FanOut
from posting_engine.books import Books as EngineBooks
from tests.books import ledger
from tests.books.conftest import ENGINE_PASSWORD

OTHER_TENANT = UUID(int=7)


@dataclass
class Books:
    """A ledger, the fan-out over it, and the few things that a test does by hand."""

    admin_dsn: str
    engine: ledger.Engine
    store: Store
    fan_out: FanOut
    log: ledger.LogOfCommands

    def run(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.admin_dsn, autocommit=True) as connection:
            connection.execute("SET search_path = hpts, hpts_edge")
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description is not None else []

    def post(self, *commands: Any) -> None:
        known = len(self.log.records)
        for command in commands:
            self.log.send(command)
        self.engine.apply(self.log.records[known:])

    def listen(self, tenant_id: UUID = ledger.TENANT) -> UUID:
        endpoint_id = uuid4()
        self.run(
            "INSERT INTO webhook_endpoints (endpoint_id, tenant_id, url, starts_after) "
            "SELECT %s, %s, '', array_agg(last_entry_seq ORDER BY partition_id) FROM partitions",
            endpoint_id,
            tenant_id,
        )
        return endpoint_id

    def ask_again(self, endpoint_id: UUID, tenant_id: UUID, from_at: str) -> None:
        """Ask for a replay."""
        self.run(
            "INSERT INTO webhook_replays (replay_id, endpoint_id, tenant_id, from_at) "
            "VALUES (gen_random_uuid(), %s, %s, %s)",
            endpoint_id,
            tenant_id,
            from_at,
        )

    def settle(self) -> int:
        """Turn until there is nothing more to do; how many turns."""
        turns = 1
        while self.fan_out.turn():
            turns += 1
        return turns

    def queued(self, endpoint_id: UUID) -> list[tuple[int, int]]:
        """Partition and entry_seq of what is pending for an endpoint."""
        return self.run(
            "SELECT partition_id, entry_seq FROM webhook_deliveries "
            "WHERE endpoint_id = %s AND status = 'pending' ORDER BY 1, 2",
            endpoint_id,
        )

    def posted(self) -> list[tuple[int, int]]:
        return self.run("SELECT partition_id, entry_seq FROM journal_entries ORDER BY 1, 2")


@pytest.fixture
def books(fresh_ledger: Any) -> Iterator[Books]:
    admin_dsn, engine_dsn = fresh_ledger()
    with psycopg.connect(admin_dsn, autocommit=True) as connection:
        connection.execute(f"ALTER ROLE hpts_deliveries PASSWORD '{ENGINE_PASSWORD}'")
    login = {"user": "hpts_deliveries", "password": ENGINE_PASSWORD}
    store = Store(psycopg.conninfo.make_conninfo(admin_dsn, **login), application="a test")
    engine_books = EngineBooks(engine_dsn)
    yield Books(
        admin_dsn,
        ledger.Engine(engine_books),
        store,
        FanOut(store, ledger.PARTITIONS, kept_days=1),
        ledger.LogOfCommands(),
    )
    store.close()
    engine_books.close()


def some(count: int, begin: int = 0) -> list[Any]:
    loans = [ledger.loan_number(n) for n in range(begin, begin + count)]
    return [ledger.disbursement(f"opening-{loan}", loan) for loan in loans]


def test_an_endpoint_is_told_of_what_follows_it_and_of_nothing_before(books: Books) -> None:
    books.post(*some(8))
    before = books.posted()
    endpoint_id = books.listen()
    books.post(*some(8, 8))
    books.settle()
    assert books.queued(endpoint_id) == sorted(set(books.posted()) - set(before))


def test_only_the_tenant_s_own_endpoints_are_told(books: Books) -> None:
    mine, other = books.listen(), books.listen(OTHER_TENANT)
    books.post(*some(4))
    books.settle()
    assert books.queued(mine) == books.posted()
    assert books.queued(other) == []


def test_a_backlog_is_queued_whole_in_bounded_pieces(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fan_out, "MOST_EVENTS", 16)
    endpoints = [books.listen() for _ in range(2)]
    books.post(*some(40))
    assert books.settle() > 2
    for endpoint_id in endpoints:
        assert books.queued(endpoint_id) == books.posted()


def test_an_engine_that_commits_late_is_not_passed_over(books: Books) -> None:
    """F84: a transaction that is open while the cursor passes is told of when it commits."""
    endpoint_id = books.listen()
    books.post(*some(8))
    with psycopg.connect(books.admin_dsn) as late:
        late.execute("SET search_path = hpts, hpts_edge")
        late.execute(
            "INSERT INTO journal_entries SELECT partition_id, entry_seq + 1, tenant_id, "
            "gen_random_uuid(), part, event_type, event_id, effective_on, booked_on, posted_at, "
            "correlation_id, NULL, NULL, actor, description, metadata, command_offset + 1, "
            "entry_hash, details FROM journal_entries AS e WHERE entry_seq = "
            "(SELECT last_entry_seq FROM partitions AS p WHERE p.partition_id = e.partition_id)"
        )
        late.execute("UPDATE partitions SET last_entry_seq = last_entry_seq + 1")
        books.settle()
        assert len(books.queued(endpoint_id)) == 8
    books.settle()
    assert books.queued(endpoint_id) == books.posted()


@pytest.mark.parametrize("number", [7, 2**128 - 1])
def test_a_long_replay_of_one_tenant_holds_up_no_other_s(
    books: Books, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Whichever of them has the lower id."""
    mine, other = books.listen(), books.listen(UUID(int=number))
    books.post(*some(24))
    books.settle()
    books.run("UPDATE webhook_deliveries SET status = 'delivered', finished_at = now()")
    monkeypatch.setattr(fan_out, "MOST_ENTRIES", 4)
    for _ in range(2):
        books.ask_again(mine, ledger.TENANT, "1970-01-01Z")
    books.ask_again(other, UUID(int=number), "9999-01-01Z")
    assert books.fan_out.turn()
    assert books.fan_out.turn()
    finished = "SELECT endpoint_id FROM webhook_replays WHERE finished_at IS NOT NULL"
    assert books.run(finished) == [(other,)]
    books.settle()
    assert books.queued(mine) == books.posted()


def test_a_replay_over_books_that_end_before_a_cursor_is_of_the_right_partitions(
    books: Books,
) -> None:
    """They were restored to an earlier instant, and are being brought on."""
    endpoint_id = books.listen()
    books.post(*some(24))
    books.settle()
    books.run("UPDATE webhook_deliveries SET status = 'delivered', finished_at = now()")
    books.run(
        "UPDATE delivery_cursors SET entry_seq = entry_seq + 100 "
        "WHERE name = 'webhooks' AND partition_id = 0"
    )
    books.ask_again(endpoint_id, ledger.TENANT, "1970-01-01Z")
    books.settle()
    assert books.queued(endpoint_id) == books.posted()


def test_books_that_were_rebuilt_are_told_to_nobody_again(books: Books) -> None:
    """F65: cursors are not of the log, so a process that begins anew goes on from them."""
    endpoint_id = books.listen()
    books.post(*some(8))
    books.settle()
    books.run("UPDATE webhook_deliveries SET status = 'delivered', finished_at = now()")
    again = FanOut(books.store, ledger.PARTITIONS, kept_days=1)
    while again.turn():
        pass
    assert books.queued(endpoint_id) == []


def test_what_was_told_long_ago_and_what_was_deleted_is_forgotten(books: Books) -> None:
    old, deleted = books.listen(), books.listen()
    books.post(*some(6))
    books.settle()
    books.run(
        "UPDATE webhook_deliveries SET status = 'delivered', "
        "finished_at = now() - interval '2 days' WHERE endpoint_id = %s AND partition_id < 2",
        old,
    )
    books.run("UPDATE webhook_endpoints SET status = 'deleted' WHERE endpoint_id = %s", deleted)
    for _ in range(3):
        books.fan_out.sweep()
    assert books.queued(old) == [place for place in books.posted() if place[0] >= 2]
    assert books.run("SELECT endpoint_id FROM webhook_endpoints") == [(old,)]
    left = books.run("SELECT DISTINCT endpoint_id FROM webhook_deliveries")
    assert left == [(old,)]


def test_ten_thousand_endpoints_of_others_cost_a_tenant_little(books: Books) -> None:
    """They are never looked at: what is queued is found by the tenant."""
    books.run(
        "INSERT INTO webhook_endpoints (endpoint_id, tenant_id, url, starts_after) "
        "SELECT gen_random_uuid(), gen_random_uuid(), '', '{0,0,0,0}' "
        "FROM generate_series(1, 10000)"
    )
    endpoint_id = books.listen()
    books.post(*some(200))
    assert books.settle() <= 3
    assert books.queued(endpoint_id) == books.posted()
