"""A ledger of the test's own, on servers of the session."""

import shutil
from collections.abc import Iterator

import pytest

from tests.faults.own_ledger import OwnLedger, Servers
from tests.local_stack import new_folder


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Kafka, Postgres and the issuer, with a proxy before the first two."""
    data_dir = new_folder()
    running = Servers(data_dir)
    try:
        yield running
    finally:
        running.close()
        shutil.rmtree(data_dir.parent)


@pytest.fixture
def own(servers: Servers) -> Iterator[OwnLedger]:
    """Topics and a database made anew; what the test starts on them ends with it."""
    ledger = OwnLedger(servers)
    try:
        yield ledger
    finally:
        ledger.close()
