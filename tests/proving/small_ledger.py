"""A ledger of some hundred entries without Kafka, its checkpoints, and how it is verified."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg.rows import dict_row

from hpts.database import Snapshot
from hpts.proving.checkpoints import Evidence, evidence
from hpts.proving.findings import Report
from hpts.proving.verifying import verify
from posting_engine.books import Books
from schemas.checkpoints import NO_PREVIOUS, Checkpoint, instant, key_id_of
from schemas.merkle import Frontier
from tests.books.mixed_books import MixedBooks

SEED = 20261126
BATCHES = 22
SEARCH_PATH = "-c search_path=hpts,hpts_edge -c timezone=UTC -c datestyle=ISO"
KEY = Ed25519PrivateKey.from_private_bytes(b"a key for tests, and no others!!")


@dataclass
class SmallLedger:
    """Where it is, and what was signed of it."""

    admin_dsn: str
    engine_dsn: str
    messages: list[bytes] = field(default_factory=list)

    @property
    def evidence(self) -> Evidence:
        return evidence(self.messages, KEY.public_key())

    def connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(self.admin_dsn, options=SEARCH_PATH)

    def verify(self) -> Report:
        with self.connect() as connection:
            return verified(connection, self.evidence)


def verified(connection: "psycopg.Connection[tuple[Any, ...]]", signed: Evidence) -> Report:
    """What verification finds within a transaction."""
    return verify(Snapshot(connection), signed)


def fill(admin_dsn: str, engine_dsn: str, *, batches: int = BATCHES, seed: int = SEED) -> SmallLedger:
    """Post everything that can happen, and sign three times on the way."""
    books = Books(engine_dsn)
    mixed = MixedBooks(books, Random(seed))
    made = SmallLedger(admin_dsn, engine_dsn)
    for _ in range(3):
        mixed.post(batches // 3)
        mixed.settle()
        made.messages += sign(made, made.messages)
    mixed.close(next(iter(mixed.entries)), datetime(2026, 1, 31).date())
    mixed.post(1)
    mixed.settle()
    made.messages += sign(made, made.messages)
    books.close()
    return made


def sign(ledger: SmallLedger, before: Sequence[bytes]) -> list[bytes]:
    """A checkpoint of each partition as it stands, after those that there are."""
    last = evidence(before, None)
    with ledger.connect() as connection:
        connection.row_factory = dict_row  # type: ignore[assignment]
        rows: list[dict[str, Any]] = connection.execute(  # type: ignore[assignment]
            "SELECT p.*, (SELECT array_agg(entry_hash ORDER BY entry_seq) FROM journal_entries AS e"
            " WHERE e.partition_id = p.partition_id) AS hashes, now() AS made_at FROM partitions AS p"
        ).fetchall()
    made = []
    for row in rows:
        previous = last.last(row["partition_id"])
        checkpoint = Checkpoint(
            partition_id=row["partition_id"],
            number=1 if previous is None else previous.number + 1,
            entry_seq=row["last_entry_seq"],
            chain_head=row["chain_head"],
            merkle_root=Frontier().grown(row["hashes"] or []).root(),
            next_offset=row["next_offset"],
            topic_id=row["topic_id"],
            made_at=instant(row["made_at"]),
            previous=NO_PREVIOUS if previous is None else previous.digest(),
            key_id=key_id_of(KEY.public_key()),
        )
        made.append(checkpoint.signed(KEY))
    return made
