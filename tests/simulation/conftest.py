"""Real Postgres for the one question that only it can answer: is the simulated store faithful?"""

from tests.books.conftest import cluster, fresh_ledger

__all__ = ["cluster", "fresh_ledger"]
