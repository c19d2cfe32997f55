"""A backup that was put back: older than the log, or a log older than the books."""

import shutil
import signal
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from hpts.rebuilding.topic import TopicSource
from schemas import codec
from tests import audit
from tests.faults.own_ledger import OwnLedger, until
from tests.faults.test_partition_halts import disbursement, send_signed
from tests.golden.digest import digest_of

SOME = 40


def lend(own: OwnLedger, count: int = SOME) -> None:
    """Loans in every partition, as a direct producer would open them."""
    for _ in range(count):
        command = disbursement(own)
        send_signed(own, command, codec.encode(command))


def copied(own: OwnLedger) -> str:
    """A copy of the database, made while nothing is connected to it; its administrator's DSN."""
    name, copy = conninfo_to_dict(own.admin_dsn)["dbname"], f"backup_{uuid4().hex}"
    with psycopg.connect(own.servers.postgres_server.admin_dsn, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{copy}" TEMPLATE "{name}"')
    return make_conninfo(own.admin_dsn, dbname=copy)


def test_books_older_than_the_log_are_brought_to_what_they_were(own: OwnLedger) -> None:
    lend(own)
    engine = own.engine()
    until(lambda: own.unapplied() == 0, seconds=20)
    assert engine.stop() == 0
    backup = copied(own)
    lend(own)
    engine = own.engine()
    until(lambda: own.unapplied() == 0, seconds=20)
    assert engine.stop() == 0
    lost = digest_of(own.admin_dsn)

    own.admin_dsn = backup
    assert digest_of(own.admin_dsn) != lost
    engine = own.engine()
    until(lambda: own.unapplied() == 0, seconds=20)
    assert engine.stop() == 0

    assert digest_of(own.admin_dsn) == lost
    assert own.halted() == {}
    assert audit.faults_of_books(own.admin_dsn) == []


def test_books_newer_than_the_log_halt_and_say_what_to_do(own: OwnLedger) -> None:
    lend(own)
    engine = own.engine()
    until(lambda: own.unapplied() == 0, seconds=20)
    assert engine.stop() == 0
    folder = own.servers.data_dir / "kafka"
    old = backed_up(own, folder)
    lend(own)
    engine = own.engine()
    until(lambda: own.unapplied() == 0, seconds=20)
    assert engine.stop() == 0
    newer = digest_of(own.admin_dsn)
    ends = {p: offset for p, (offset, *_) in own.partitions().items()}

    put_back(own, folder, old)
    log_ends = {p: end for p, (_, end) in TopicSource(own.bootstrap).bounds().items()}
    shorter = {p for p, end in ends.items() if log_ends[p] < end}
    assert shorter
    own.engine(is_ready=False)
    until(lambda: own.halted().keys() >= shorter, seconds=30, told=lambda: str(own.halted()))

    for partition_id in shorter:
        reason = own.halted()[partition_id]
        assert "the log does not hold the position of this partition" in reason
        assert "the database is newer than the log" in reason
    assert own.halted().keys() == shorter
    assert digest_of(own.admin_dsn) == newer


def backed_up(own: OwnLedger, folder: Path) -> Path:
    """A copy of the broker's folder, made while it is stopped."""
    own.servers.kafka.end(signal.SIGTERM)
    copy = folder.with_name(f"kafka-{uuid4().hex}")
    shutil.copytree(folder, copy)
    own.servers.kafka.start()
    return copy


def put_back(own: OwnLedger, folder: Path, old: Path) -> None:
    """The broker runs on what it had when the copy was made."""
    own.servers.kafka.end(signal.SIGTERM)
    shutil.rmtree(folder)
    old.rename(folder)
    own.servers.kafka.start()
