"""A ledger with real engines, and one whose engine is the test; topics are made anew for each."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cutting.cutting_ledger import CuttingLedger
from tests.faults.conftest import servers
from tests.faults.own_ledger import Servers

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
