"""Replayed books are the live ones, whatever differs between the machines and the runs."""

import os
import random
import signal
import time
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from hpts.cli import app
from tests.faults.own_ledger import OwnLedger
from tests.rebuilding import mixed_topic
from tests.rebuilding.rebuilt import (
    command,
    digest_of,
    digest_told,
    hpts,
    replayed,
    topic_ends,
)

KILLS = int(os.environ.get("HPTS_REPLAY_KILLS", "4"))
EXPECTED_KINDS = {
    *("posted", "rejected", "quarantine", "resumed", "close", "hidden", "unsigned"),
    *("accrual", "reversal", "payment_returned", "fee_waived"),
}


def test_a_replay_comes_to_the_digest_of_the_live_books_and_sends_nothing(live: OwnLedger) -> None:
    assert mixed_topic.kinds_in(live.admin_dsn) >= EXPECTED_KINDS
    before = topic_ends(live)

    replayed(live, "first")

    status, said, complained = hpts(live, "diff", "first")
    assert status == 0, said + complained
    assert digest_of(live, "first") == digest_of(live)
    assert topic_ends(live) == before


@pytest.mark.parametrize(
    "differing",
    [
        {"PYTHONHASHSEED": "1", "TZ": "Asia/Kathmandu"},
        {"PYTHONHASHSEED": "2", "TZ": "America/St_Johns", "HPTS_REPLAY_BATCH": "7"},
    ],
    ids=lambda differing: "-".join(differing.values()).replace("/", "_"),
)
def test_nothing_of_the_process_shows_in_the_digest(
    live: OwnLedger, differing: dict[str, str]
) -> None:
    name = f"seed{differing['PYTHONHASHSEED']}"
    replayed(live, name, **differing)
    assert digest_told(live, name, **differing) == digest_of(live)


def test_a_replay_killed_again_and_again_goes_on_from_where_it_stood(live: OwnLedger) -> None:
    chance, seen, kills = random.Random(3), [0], 0
    while kills < KILLS:
        # Small batches, so that it lasts long enough to be killed in the midst of it.
        running = command(live, "replay", "--into", "killed", HPTS_REPLAY_BATCH="5")
        deadline = time.monotonic() + 60
        enough = seen[-1] + chance.randrange(1, 200)
        while running.poll() is None and applied(live, "killed") < enough:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait(10)
        running.communicate()
        kills += 1
        seen.append(applied(live, "killed"))
    assert any(0 < at < sum(ends(live)) for at in seen), seen

    if not is_finished(live, "killed"):
        replayed(live, "killed")
    assert digest_of(live, "killed") == digest_of(live)
    assert indexes(live, "killed") == indexes(live, "hpts")


def test_a_finished_replay_is_refused_and_left_as_it_is(live: OwnLedger) -> None:
    replayed(live, "once")
    before = changes(live, "once")
    status, _, complained = hpts(live, "replay", "--into", "once")
    assert (status, "finished" in complained) == (1, True)
    assert changes(live, "once") == before
    assert replayed(live, "once", "--catch-up")["per_second"] == 0


def test_a_schema_that_is_no_rebuild_is_refused_by_the_command(live: OwnLedger) -> None:
    status, _, complained = hpts(live, "replay", "--into", "hpts_edge")
    assert (status, "hpts: 'hpts_edge' is no name to rebuild into" in complained) == (1, True)


def test_until_is_the_last_offset_applied(live: OwnLedger) -> None:
    replayed(live, "partly", "--until", "1:9,2:0")
    with psycopg.connect(live.admin_dsn) as connection:
        found = connection.execute(
            "SELECT partition_id, next_offset FROM partly.partitions ORDER BY 1"
        ).fetchall()
    assert dict(found) == {0: ends(live)[0], 1: 10, 2: 1, 3: ends(live)[3]}
    status, said, _ = hpts(live, "diff", "partly")
    assert status == 1
    assert "partition 1 is applied to 10 in partly" in said
    assert "nothing differs in what partly and hpts both have" in said


@pytest.mark.parametrize(
    "arguments",
    [["--until", "1:x"], ["--until", "1:5", "--promote"], ["--despite-differences"]],
)
def test_what_cannot_be_meant_is_a_usage_error(arguments: list[str]) -> None:
    servers = {"HPTS_POSTGRES_DSN": "host=nowhere", "HPTS_KAFKA_BOOTSTRAP": "nowhere:1"}
    ran = CliRunner(env=servers).invoke(app, ["replay", "--into", "never", *arguments])
    assert ran.exit_code == 2, ran.output


def test_an_archive_and_the_topic_after_it_come_to_the_same_books(
    live: OwnLedger, tmp_path: Path
) -> None:
    place = str(tmp_path / "archive")
    status, _, complained = hpts(live, "archive", place)
    assert status == 0, complained
    replayed(live, "archived", "--from-archive", place)
    replayed(live, "alone", "--from-archive", place, "--archive-alone")
    assert digest_of(live, "archived") == digest_of(live, "alone") == digest_of(live)

    damaged = next((tmp_path / "archive" / "records").rglob("*.avro"))
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    words = ("replay", "--into", "damaged", "--from-archive", place)
    status, _, complained = hpts(live, *words)
    assert (status, damaged.name in complained) == (1, True)


def applied(own: OwnLedger, name: str) -> int:
    """How many offsets a replay has applied; 0 before it has begun."""
    with psycopg.connect(own.admin_dsn) as connection:
        row = connection.execute("SELECT to_regclass(%s)", (f"{name}.partitions",)).fetchone()
        if row == (None,):
            return 0
        found = connection.execute(f"SELECT sum(next_offset) FROM {name}.partitions").fetchone()
    assert found is not None
    return int(found[0])


def ends(own: OwnLedger) -> list[int]:
    """Where the live books stand, by partition."""
    return [next_offset for _, (next_offset, *_) in sorted(own.partitions().items())]


def is_finished(own: OwnLedger, name: str) -> bool:
    with psycopg.connect(own.admin_dsn) as connection:
        row = connection.execute(
            "SELECT obj_description(%s::regnamespace, 'pg_namespace')", (name,)
        ).fetchone()
    return row is not None and '"is_finished": true' in row[0]


def changes(own: OwnLedger, name: str) -> list[tuple[object, ...]]:
    """Which transaction wrote each position, and what the schema says of itself."""
    with psycopg.connect(own.admin_dsn) as connection:
        return connection.execute(
            f"SELECT xmin::text, lease_epoch, obj_description('{name}'::regnamespace) "
            f"FROM {name}.partitions ORDER BY partition_id"
        ).fetchall()


def indexes(own: OwnLedger, name: str) -> set[str]:
    with psycopg.connect(own.admin_dsn) as connection:
        rows = connection.execute(
            "SELECT replace(indexdef, schemaname || '.', '') FROM pg_indexes WHERE schemaname = %s",
            (name,),
        ).fetchall()
    return {row[0] for row in rows}
