"""A small ledger in which everything happened, for tests that try to change its history."""

from collections.abc import Callable

import pytest

from tests.books.conftest import cluster, fresh_ledger
from tests.faults.conftest import own, servers
from tests.proving.small_ledger import SmallLedger, fill

__all__ = ["cluster", "fresh_ledger", "own", "servers"]


@pytest.fixture(scope="session")
def small_ledger(fresh_ledger: Callable[[], tuple[str, str]]) -> SmallLedger:
    """Some hundred entries of every kind, and what was signed of them along the way."""
    return fill(*fresh_ledger())
