"""What an engine signs, and what it refuses to sign: on a real Postgres, with no broker at hand."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from structlog.testing import capture_logs

from posting_engine.books import Books
from posting_engine.checkpoints import Checkpoints
from posting_engine.log import Sender
from posting_engine.store import Store
from schemas.checkpoints import Checkpoint, read
from schemas.merkle import Frontier
from tests.books import ledger
from tests.proving.small_ledger import KEY, SEARCH_PATH
from tests.proving.tampering import DEFERRED, append_pair

LOAN = ledger.loan_number(1)
HOME = ledger.owner_of(LOAN)
WITHOUT_MEMORY = """
import resource
from posting_engine.log import Sender
from posting_engine.log_answers import LogUnavailable

pages = int(open("/proc/self/statm").read().split()[0])
most = pages * resource.getpagesize() + 5_000_000  # less than a thread's stack
resource.setrlimit(resource.RLIMIT_AS, (most, most))
try:
    Sender("127.0.0.1:9")
except LogUnavailable as reason:
    print(reason)
"""


@dataclass
class Signing:
    """A ledger, an engine's books of it, and the thread's work done by hand."""

    admin_dsn: str
    books: Books
    checkpoints: Checkpoints
    log: ledger.LogOfCommands

    def pay(self, *keys: str) -> None:
        before = len(self.log.records)
        for key in keys:
            self.log.send(ledger.payment(key, LOAN))
        ledger.Engine(self.books).apply(self.log.records[before:])

    def signed(self) -> list[Checkpoint]:
        """What stands signed after one more turn."""
        self.checkpoints.turn(is_last=True)
        rows = self.run("SELECT message FROM checkpoints ORDER BY number")
        return [read(row["message"]).checkpoint for row in rows]

    def refused(self) -> list[str]:
        """Why nothing was signed in one more turn, as it is logged."""
        with capture_logs() as logs:
            self.checkpoints.turn(is_last=True)
        return [one["why"] for one in logs if one["event"] == "no checkpoint is signed"]

    def run(self, statement: str) -> list[dict[str, Any]]:
        with psycopg.connect(self.admin_dsn, options=SEARCH_PATH, row_factory=dict_row) as admin:
            cursor = admin.execute(statement)
            return cursor.fetchall() if cursor.description is not None else []


@pytest.fixture(scope="module")
def unanswered() -> Sender:
    """A producer whose broker takes the connection, and never says a word."""
    silent = socket.create_server(("127.0.0.1", 0))
    bootstrap = f"127.0.0.1:{silent.getsockname()[1]}"
    silent.detach()  # open as long as this process, as the producer's own threads are
    return Sender(bootstrap)


@pytest.fixture
def signing(fresh_ledger: Callable[[], tuple[str, str]], unanswered: Sender) -> Iterator[Signing]:
    admin_dsn, engine_dsn = fresh_ledger()
    books, store = Books(engine_dsn), Store(engine_dsn)
    made = Checkpoints(store, lambda: unanswered, KEY, "a test", hashes_at_once=2)
    log = ledger.LogOfCommands()
    log.send(ledger.disbursement("open", LOAN))
    ledger.Engine(books).apply(log.records)
    yield Signing(admin_dsn, books, made, log)
    books.close()
    store.close()


def test_the_tree_is_the_same_however_many_hashes_are_read_at_once(signing: Signing) -> None:
    signing.pay(*(f"pay:{number}" for number in range(6)))
    assert [one.entry_seq for one in signing.signed()] == [7]
    signing.pay("pay:6", "pay:7", "pay:8")
    *_, last = signing.signed()
    rows = signing.run("SELECT entry_hash FROM journal_entries ORDER BY entry_seq")
    assert (last.entry_seq, last.number) == (10, 2)
    assert last.merkle_root == Frontier().grown([row["entry_hash"] for row in rows]).root()


def test_an_entry_that_no_record_brought_is_not_signed(signing: Signing) -> None:
    signing.pay("pay:0", "pay:1")
    assert len(signing.signed()) == 1
    with psycopg.connect(signing.admin_dsn, options=SEARCH_PATH) as connection:
        connection.execute(DEFERRED)
        append_pair(connection, Random(0))
    assert signing.refused() == ["entry 4 came without a record of the log; run `hpts verify`"]
    assert signing.refused() == []  # it is told once
    assert len(signing.signed()) == 1


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        ("next_offset = next_offset - 1", "it stands at offset 2, and 3 was signed of these books"),
        ("topic_id = 'another'", "it follows topic another, and a topic was signed"),
        ("chain_head = sha256(chain_head)", "entry 3 is not the chain's head; run `hpts verify`"),
    ],
)
def test_what_cannot_follow_the_last_checkpoint_is_not_signed(
    signing: Signing, edit: str, why: str
) -> None:
    signing.pay("pay:0", "pay:1")
    assert len(signing.signed()) == 1
    before = signing.run("SELECT * FROM partitions WHERE last_entry_seq > 0")
    signing.run(f"UPDATE partitions SET {edit} WHERE last_entry_seq > 0")
    if edit.startswith(("topic_id", "chain_head")):
        signing.run("UPDATE partitions SET next_offset = 9 WHERE last_entry_seq > 0")
    [told] = signing.refused()
    assert told.startswith(why)
    assert len(signing.signed()) == 1

    for column in ("next_offset", "topic_id"):
        value = before[0][column]
        signing.run(f"UPDATE partitions SET {column} = '{value}' WHERE last_entry_seq > 0")
    signing.run(f"UPDATE partitions SET chain_head = '\\x{before[0]['chain_head'].hex()}' "
                "WHERE last_entry_seq > 0")  # fmt: skip
    signing.pay("pay:2")
    assert [one.entry_seq for one in signing.signed()] == [3, 4]


def test_books_put_back_are_signed_again_once_they_have_caught_up(signing: Signing) -> None:
    """A backup of the books alone: the note of the last checkpoint is of a later state."""
    older = signing.run("SELECT * FROM partitions WHERE last_entry_seq > 0")[0]
    signing.pay("pay:0", "pay:1")
    assert len(signing.signed()) == 1
    later = signing.run("SELECT * FROM partitions WHERE last_entry_seq > 0")[0]
    put_back = (
        "UPDATE partitions SET next_offset = {next_offset}, last_entry_seq = {last_entry_seq}, "
        "chain_head = '\\x{head}' WHERE last_entry_seq > 0"
    )
    signing.run(put_back.format(**older, head=older["chain_head"].hex()))
    assert len(signing.refused()) == 1
    signing.run(put_back.format(**later, head=later["chain_head"].hex()))
    assert signing.refused() == []
    signing.pay("pay:2")
    assert [one.entry_seq for one in signing.signed()] == [3, 4]


def test_a_producer_that_cannot_be_made_is_a_log_that_is_unavailable() -> None:
    """What the thread waits for, and tries again; any other error would end it."""
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_MEMORY],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, "no producer can be made" in ran.stdout) == (0, True), ran.stderr
