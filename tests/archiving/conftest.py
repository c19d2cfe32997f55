"""A small ledger on servers of the session."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpts.archiving.files import Folder
from hpts.local.kafka import KafkaServer
from hpts.local.postgres import PostgresServer
from tests.archiving.small_ledger import KEY, KEY_VARIABLE, SmallLedger
from tests.local_servers import Running
from tests.local_stack import new_folder


@pytest.fixture(scope="session")
def servers() -> Iterator[tuple[str, str]]:
    """The bootstrap of a Kafka and the administrator's DSN of a Postgres."""
    os.environ[KEY_VARIABLE] = KEY.secret.decode()
    data_dir = new_folder()
    kafka, postgres = KafkaServer(data_dir), PostgresServer(data_dir)
    runs: list[Running] = []
    try:
        for server in (kafka, postgres):
            runs.append(Running(server, data_dir.parent / f"{type(server).__name__}.log"))
        yield kafka.bootstrap, postgres.admin_dsn
    finally:
        for run in runs:
            run.end(signal.SIGKILL)  # nothing of it is needed again
        postgres.discard()
        shutil.rmtree(data_dir.parent)


@pytest.fixture
def small(servers: tuple[str, str]) -> SmallLedger:
    return SmallLedger(*servers)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "archive")
