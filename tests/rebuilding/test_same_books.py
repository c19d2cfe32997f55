"""The same log gives the same books again, however it is cut, stopped and watched."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from confluent_kafka import Consumer, TopicPartition

from hpts.database import administrator
from hpts.rebuilding import rebuild, schema
from hpts.rebuilding.diff import Comparison, compare
from hpts.rebuilding.digest import digest
from schemas.topics import COMMANDS, TOPICS
from tests import audit
from tests.books import ledger
from tests.books.conftest import cluster, fresh_ledger
from tests.books.test_batches import every_event_was_posted
from tests.faults.own_ledger import OwnLedger, Servers
from tests.rebuilding import written_log

__all__ = ["cluster", "fresh_ledger"]
FreshLedger = Callable[[], tuple[str, str]]


@pytest.fixture(scope="module")
def live(servers: Servers, fresh_ledger: FreshLedger) -> Iterator[OwnLedger]:
    """Books of everything that can happen, beside their log."""
    own = OwnLedger(servers, partition_count=ledger.PARTITIONS)
    try:
        written_log.write(own, written_log.mixed_commands(fresh_ledger, seed=7), seed=7)
        written_log.apply_live(own, cuts=[1, 60, 2, 13])
        yield own
    finally:
        own.close()


def hpts(own: OwnLedger, *words: str, **more: str) -> "subprocess.Popen[str]":
    """Start the command line on the ledger's servers."""
    named = {"HPTS_POSTGRES_DSN": own.admin_dsn, "HPTS_KAFKA_BOOTSTRAP": own.bootstrap}
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "hpts", *words],
        env={**os.environ, **named, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ran(own: OwnLedger, *words: str, **more: str) -> tuple[int, str, str]:
    """Its exit status, and what it said."""
    process = hpts(own, *words, **more)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def compared(own: OwnLedger, name: str) -> Comparison:
    with administrator(own.admin_dsn) as database:
        return compare(database, name, schema.LIVE)


def ends_of_topics(own: OwnLedger) -> dict[str, list[int]]:
    """Where every topic ends."""
    reader = Consumer({"bootstrap.servers": own.bootstrap, "group.id": "a test"})
    try:
        return {
            topic.name: [
                reader.get_watermark_offsets(TopicPartition(topic.name, p), timeout=10)[1]
                for p in reader.list_topics(topic.name, timeout=10).topics[topic.name].partitions
            ]
            for topic in TOPICS
        }
    finally:
        reader.close()


def test_the_live_books_hold_all_that_a_replay_must_take_as_it_was(live: OwnLedger) -> None:
    assert audit.faults_of_books(live.admin_dsn) == []
    for table in ("dead_letters", "quarantines", "reversal_targets", "period_closes"):
        assert live.count(table) > 0, table
    every_event_was_posted(live.admin_dsn)
    with psycopg.connect(live.admin_dsn) as connection:
        reasons = connection.execute(
            "SELECT DISTINCT split_part(reason, ':', 1) FROM hpts.dead_letters"
        ).fetchall()
    assert {"hidden", "unsigned"} <= {reason for (reason,) in reasons}


@pytest.mark.parametrize(
    ("name", "batch", "environment"),
    [
        ("seed_1", 1_000, {"PYTHONHASHSEED": "1", "TZ": "Pacific/Auckland"}),
        ("seed_2", 7, {"PYTHONHASHSEED": "2", "TZ": "America/Caracas"}),
        ("seed_3", 250, {"PYTHONHASHSEED": "3", "LC_ALL": "C"}),
    ],
)
def test_a_replay_gives_the_live_digest(
    live: OwnLedger, name: str, batch: int, environment: dict[str, str]
) -> None:
    before = ends_of_topics(live)
    status, out, err = ran(
        live, "replay", "--into", name, "--batch", str(batch), "--json", **environment
    )

    assert status == 0, err
    assert json.loads(out)["records"] == sum(before[COMMANDS])
    found = compared(live, name)
    assert found.differences == ()
    assert found.are_equal
    assert ends_of_topics(live) == before  # nothing left it


def test_a_second_replay_changes_nothing(live: OwnLedger) -> None:
    rebuild.rebuild(live.admin_dsn, live.bootstrap, "twice")
    with administrator(live.admin_dsn) as database:
        first = digest(database, "twice")
    status, out, _ = ran(live, "replay", "--into", "twice", "--json")
    with administrator(live.admin_dsn) as database:
        assert digest(database, "twice") == first
    assert (status, json.loads(out)["records"]) == (0, 0)


def test_a_replay_that_is_killed_again_and_again_goes_on(live: OwnLedger) -> None:
    chance = random.Random(11)
    for _ in range(int(os.environ.get("HPTS_REPLAY_KILLS", "3"))):
        process = hpts(live, "replay", "--into", "killed", "--batch", "20")
        time.sleep(chance.uniform(1.0, 3.0))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)
    status, _, err = ran(live, "replay", "--into", "killed")

    assert status == 0, err
    assert compared(live, "killed").are_equal


def test_replays_at_the_same_time_do_no_harm(live: OwnLedger) -> None:
    both = [hpts(live, "replay", "--into", "at_once", "--batch", "20") for _ in range(2)]
    told = [process.communicate(timeout=300) for process in both]
    status, _, err = ran(live, "replay", "--into", "at_once")

    assert status == 0, (err, told)
    assert compared(live, "at_once").are_equal


def test_a_replay_stops_where_it_is_told(live: OwnLedger) -> None:
    status, out, err = ran(live, "replay", "--into", "partly", "--until", "0:9,1:0", "--json")
    assert status == 0, err
    offsets = json.loads(out)["next_offsets"]
    assert (offsets["0"], offsets["1"]) == (10, 1)
    assert ran(live, "diff", "partly")[0] == 1  # not all is there
    found = compared(live, "partly")
    assert {p for p, _, _ in found.apart} == {0, 1}
    assert found.differences == ()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--into", "hpts"], "no name to rebuild into"),
        (["--into", "Robert'); --"], "no name to rebuild into"),
        (["--into", "taken"], "is no rebuild of topic"),
        (["--into", "fine", "--until", "0:999999"], "the log ends before"),
        (["--into", "fine", "--until", "99:0"], "there is no partition 99"),
        (["--into", "fine", "--until", "0"], "is no PARTITION:OFFSET"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(
    live: OwnLedger, words: list[str], said: str
) -> None:
    with psycopg.connect(live.admin_dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA IF NOT EXISTS taken")
        before = connection.execute("SELECT nspname FROM pg_namespace ORDER BY 1").fetchall()
        status, _, err = ran(live, "replay", *words)
        after = connection.execute("SELECT nspname FROM pg_namespace ORDER BY 1").fetchall()
    assert status in (1, 2)
    assert said in err
    assert after == before


@pytest.mark.parametrize(
    ("edit", "table", "column"),
    [
        (
            "UPDATE {s}.journal_lines SET amount_minor = amount_minor + 1 WHERE partition_id = 2"
            " AND entry_seq = 9 AND sequence = 1",
            "journal_lines",
            "amount_minor",
        ),
        (
            "UPDATE {s}.loans SET interest_minor = interest_minor + 1 WHERE loan_id ="
            " (SELECT loan_id FROM {s}.loans WHERE partition_id = 1 LIMIT 1)",
            "loans",
            "interest_minor",
        ),
        (
            "DELETE FROM {s}.command_outcomes WHERE partition_id = 3 AND command_offset ="
            " (SELECT min(command_offset) FROM {s}.command_outcomes WHERE partition_id = 3)",
            "command_outcomes",
            None,
        ),
        (
            "UPDATE {s}.partitions SET chain_head = decode(repeat('11', 32), 'hex')"
            " WHERE partition_id = 0",
            "partitions",
            "chain_head",
        ),
    ],
)
def test_the_first_difference_is_named(
    live: OwnLedger, edit: str, table: str, column: str | None
) -> None:
    rebuild.rebuild(live.admin_dsn, live.bootstrap, "edited")
    try:
        with psycopg.connect(live.admin_dsn) as connection:
            connection.execute(edit.format(s="edited"))
        status, out, _ = ran(live, "diff", "edited", "--json")
        [difference] = json.loads(out)["differences"]
        assert (status, difference["table"]) == (1, table)
        assert difference["differs"] == ([] if column is None else [column])
        assert f"{table}" in ran(live, "diff", "edited")[1]
    finally:
        with psycopg.connect(live.admin_dsn) as connection:
            connection.execute("DROP SCHEMA edited CASCADE")
