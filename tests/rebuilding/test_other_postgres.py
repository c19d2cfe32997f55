"""The digest does not depend on the version of Postgres that computes and keeps the books."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from hpts.local.ledger import register_signing_key
from hpts.local.postgres import PostgresServer
from hpts.local.postgres_binaries import OLDEST_MAJOR, version
from hpts.migrate import migrate
from hpts.provision import provision
from tests.faults.own_ledger import OwnLedger
from tests.local_servers import folder_of_servers, running
from tests.rebuilding.mixed_topic import PARTITIONS
from tests.rebuilding.rebuilt import digest_of, digest_told, hpts, replayed, signing_key_of

SYSTEM_FOLDERS = "usr/lib/postgresql/*/bin"


def folders_of_others(major: int) -> Iterator[Path]:
    """The programs of this machine's other versions that can run the ledger."""
    named = os.environ.get("HPTS_OTHER_POSTGRES")
    for folder in [Path(named)] if named else sorted(Path("/").glob(SYSTEM_FOLDERS)):
        found = version(folder, None)
        if isinstance(found, int) and found != major and found >= OLDEST_MAJOR:
            yield folder


@pytest.fixture
def other(live: OwnLedger) -> Iterator[str]:
    """The administrator's DSN of an empty ledger, for the same log, in another version."""
    with psycopg.connect(live.admin_dsn) as connection:
        major = connection.info.server_version // 10_000
    folder = next(folders_of_others(major), None)
    if folder is None:
        pytest.skip("no second Postgres: name its bin folder in HPTS_OTHER_POSTGRES")
    with folder_of_servers() as data_dir:
        server = PostgresServer(data_dir, folder)
        with running(server):
            migrate(server.admin_dsn)
            provision(live.bootstrap, server.admin_dsn, partition_count=PARTITIONS)
            yield server.admin_dsn


def test_books_rebuilt_by_another_version_are_the_same(live: OwnLedger, other: str) -> None:
    key = signing_key_of(live.servers)
    secret = live.servers.credentials.signing_key
    register_signing_key(other, key_id=key.key_id, secret=secret)
    with psycopg.connect(other) as connection:
        connection.execute("UPDATE hpts_edge.signing_keys SET valid_from = '2020-01-01'")
    replayed(live, "elsewhere", HPTS_POSTGRES_DSN=other)
    assert digest_told(live, "elsewhere", HPTS_POSTGRES_DSN=other) == digest_of(live)
    words = ("verify", "--schema", "elsewhere", "--unsigned", "--no-checkpoints")
    status, said, complained = hpts(live, *words, HPTS_POSTGRES_DSN=other)
    assert status == 0, said + complained
