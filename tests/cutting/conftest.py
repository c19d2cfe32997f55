"""A ledger with real engines, and one whose engine is the test; topics are made anew for each."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpts.archiving.files import Folder
from hpts.local.kafka import KafkaServer
from tests.archiving.small_ledger import KEY, KEY_VARIABLE
from tests.cutting.cutting_ledger import CuttingLedger
from tests.cutting.small_cut import SmallCut
from tests.faults.conftest import servers
from tests.faults.own_ledger import Servers
from tests.local_servers import running
from tests.local_stack import new_folder

__all__ = ["servers"]


@pytest.fixture
def own(servers: Servers, tmp_path: Path) -> Iterator[CuttingLedger]:
    ledger = CuttingLedger(servers, partition_count=4)
    ledger.archive_folder = tmp_path / "archive"
    ledger.checkpoint_folder = tmp_path / "checkpoints"
    try:
        yield ledger
    finally:
        ledger.close()


@pytest.fixture
def small(servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SmallCut:
    monkeypatch.setenv(KEY_VARIABLE, KEY.secret.decode())
    small = SmallCut(servers.kafka_server.bootstrap, servers.postgres_server.admin_dsn)
    small.folder = Folder(tmp_path / "archive")
    return small


@pytest.fixture(scope="session")
def other_cluster() -> Iterator[str]:
    """The bootstrap of another Kafka."""
    data_dir = new_folder()
    server = KafkaServer(data_dir)
    with running(server):
        yield server.bootstrap
    shutil.rmtree(data_dir.parent)
