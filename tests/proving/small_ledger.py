"""A ledger of some hundred entries without Kafka, its checkpoints, and how it is verified."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg.rows import dict_row

from hpts.database import Snapshot
from hpts.proving.checkpoints import Evidence, evidence
from hpts.proving.findings import Report
from hpts.proving.verifying import verify
from posting_engine.books import Books
from schemas.chain import GENESIS
from schemas.checkpoints import NO_PREVIOUS, Checkpoint, instant, key_id_of
from schemas.merkle import Frontier
from tests.books.ledger import Engine
from tests.books.mixed_log import decide_or_break, plant, recorded

SEED = 20261126
COMMANDS = 400
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


def fill(
    admin_dsn: str, engine_dsn: str, *, commands: int = COMMANDS, seed: int = SEED
) -> SmallLedger:
    """Post everything that can happen, and sign it: at a third, at two thirds, at the end."""
    plant(admin_dsn)
    books = Books(engine_dsn)
    recorded(Engine(books, decide_or_break), commands=commands, seed=seed)
    books.close()
    made = SmallLedger(admin_dsn, engine_dsn)
    with made.connect() as connection:
        for partition in partitions_of(connection):
            count = partition["last_entry_seq"]
            made.messages += signed(partition, sorted({count // 3, 2 * count // 3, count}))
    return made


def partitions_of(connection: "psycopg.Connection[tuple[Any, ...]]") -> list[dict[str, Any]]:
    """Where partitions stand, with the hash of each entry and the offset that brought it."""
    with connection.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "SELECT p.*, e.* FROM partitions AS p CROSS JOIN LATERAL (SELECT "
            "coalesce(array_agg(e.entry_hash ORDER BY e.entry_seq), '{}') AS hashes, "
            "coalesce(array_agg(greatest(e.command_offset, (SELECT max(resumed_offset) FROM "
            "command_outcomes AS o WHERE o.partition_id = e.partition_id AND o.command_offset = "
            "e.command_offset)) ORDER BY e.entry_seq), '{}') AS offsets FROM journal_entries AS e "
            "WHERE e.partition_id = p.partition_id) AS e ORDER BY p.partition_id"
        ).fetchall()


def signed(
    partition: dict[str, Any], ends: Sequence[int], *, after: Checkpoint | None = None
) -> list[bytes]:
    """Checkpoints of a partition after so many entries each, one following another. Each has the
    position furthest in the log at which there were no more of them.
    """
    before = after.digest() if after else NO_PREVIOUS
    messages = []
    for number, end in enumerate(ends, after.number + 1 if after else 1):
        hashes, offsets = partition["hashes"][:end], partition["offsets"][end:]
        checkpoint = Checkpoint(
            partition_id=partition["partition_id"],
            number=number,
            entry_seq=end,
            chain_head=hashes[-1] if hashes else GENESIS,
            merkle_root=Frontier().grown(hashes).root(),
            next_offset=offsets[0] if offsets else partition["next_offset"],
            topic_id=partition["topic_id"],
            made_at=instant(datetime(2026, 4, 1, 0, number, tzinfo=UTC)),
            previous=before,
            key_id=key_id_of(KEY.public_key()),
        )
        before = checkpoint.digest()
        messages.append(checkpoint.signed(KEY))
    return messages
