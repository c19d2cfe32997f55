"""One mixed log, and the live books that a real engine made of it, for all tests of the folder."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from hpts.local.ledger import register_signing_key
from tests.books.conftest import cluster, fresh_ledger
from tests.books.mixed_log import plant
from tests.faults.conftest import servers
from tests.faults.own_ledger import OwnLedger, Servers, until
from tests.rebuilding import mixed_topic
from tests.rebuilding.memory_log import KEY, Rebuilt
from tests.rebuilding.rebuilt import signing_key_of

__all__ = ["cluster", "fresh_ledger", "servers"]


@pytest.fixture(scope="module")
def live(servers: Servers, fresh_ledger: Callable[[], tuple[str, str]]) -> Iterator[OwnLedger]:
    """Live books that have applied a mixed log to its end; their engine has stopped."""
    own = OwnLedger(servers, partition_count=mixed_topic.PARTITIONS)
    try:
        plant(own.admin_dsn)
        commands = mixed_topic.mixed(fresh_ledger())
        mixed_topic.send(own.bootstrap, commands, signing_key_of(servers))
        engine = own.engine()
        until(
            lambda: own.unapplied() == 0 and own.count("outgoing_commands") == 0,
            seconds=60 + len(commands) / 500,
            told=engine.said,
        )
        until(lambda: own.count("outgoing_dead_letters") == 0, seconds=30)
        assert own.halted() == {}
        engine.stop()
        yield own
    finally:
        own.close()


@pytest.fixture
def own(servers: Servers) -> Iterator[OwnLedger]:
    """Topics and a database made anew."""
    ledger = OwnLedger(servers, partition_count=mixed_topic.PARTITIONS)
    try:
        yield ledger
    finally:
        ledger.close()


@pytest.fixture
def rebuilt(fresh_ledger: Callable[[], tuple[str, str]], tmp_path: Path) -> Rebuilt:
    secret = tmp_path / "secret"
    secret.write_bytes(KEY.secret)
    admin_dsn, _ = fresh_ledger()
    register_signing_key(admin_dsn, key_id=KEY.key_id, secret=secret)
    with psycopg.connect(admin_dsn) as connection:
        connection.execute("UPDATE hpts_edge.signing_keys SET valid_from = '2020-01-01'")
    return Rebuilt(admin_dsn)
