"""A ledger of the test's own, with real topics."""

from tests.faults.conftest import own, servers

__all__ = ["own", "servers"]
