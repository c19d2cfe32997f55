"""A small ledger that is cut over; the test is its engine, and its log is lost on the way."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Producer

from hpts.archiving.files import Folder
from hpts.archiving.source import ArchiveSource
from hpts.cluster import Cluster
from hpts.cutting.cut import CutOverTo, Done
from hpts.cutting.new_log import made_topics
from hpts.rebuilding.source import Facts
from hpts.rebuilding.topic import TopicSource
from schemas import codec, signing
from schemas.cut_over import CutOver
from schemas.signing import SigningKey
from schemas.topics import COMMANDS, SIGNATURE_HEADER
from tests.archiving.small_ledger import (
    KEY,
    PARTITIONS,
    SmallLedger,
    begin_partitions,
    empty_books,
    remove_topics,
)
from tests.books.ledger import disbursement, loan_number, payment
from tests.golden.applying import apply_log
from tests.golden.digest import digest_of

LOANS = [loan_number(number) for number in range(16)]


@dataclass
class SmallCut(SmallLedger):
    """With an archive in a folder."""

    folder: Folder = field(default_factory=lambda: Folder(Path()))

    def archived(self) -> None:
        """Loans and payments in every partition, applied and archived."""
        self.send(*(disbursement(f"lent:{loan}", loan) for loan in LOANS))
        self.paid("first")
        self.archive(self.folder)

    def paid(self, name: str) -> None:
        self.send(*(payment(f"{name}:{loan}", loan) for loan in LOANS))
        self.apply()

    def lose_the_log(self) -> None:
        remove_topics(self.bootstrap)

    def cut(self, bootstrap: str | None = None, *, old: str | None = None) -> Done:
        return CutOverTo(
            admin_dsn=self.admin_dsn,
            bootstrap=bootstrap or self.bootstrap,
            archive=self.folder,
            signing_key_id=KEY.key_id,
            profile="local",
            old_bootstrap=old,
        ).run()

    def another_log(self) -> None:
        """As if the cut-over had been to another topic, in which nothing is yet."""
        self.lose_the_log()
        topics = made_topics(Cluster(self.bootstrap), PARTITIONS, profile="local", durability=None)
        self.run(f"UPDATE hpts.partitions SET topic_id = '{topics[COMMANDS].topic_id}'")

    def apply_after(self, bases: dict[int, int]) -> None:
        """Apply a log that does not say where it begins."""
        source = TopicSource(self.bootstrap, bases=bases)
        apply_log(source, self.admin_dsn, facts=Facts())

    def append(self, partition_id: int, value: bytes, key: SigningKey | None = KEY) -> None:
        headers = [] if key is None else [(SIGNATURE_HEADER, signing.sign(key, value))]
        producer = Producer({"bootstrap.servers": self.bootstrap})
        producer.produce(COMMANDS, value, b"k", partition_id, headers=headers)
        assert producer.flush(20) == 0

    def seal(self, partition_id: int) -> CutOver:
        record = self.topic.first(partition_id)
        assert record is not None
        seal = codec.decode(record.value)
        assert isinstance(seal, CutOver)
        return seal

    def ends(self) -> dict[int, int]:
        return {p: next_offset for p, _, next_offset, *_ in self.standing()}

    def bases_held(self) -> dict[int, int]:
        return {p: base_offset for p, _, _, base_offset, *_ in self.standing()}

    def standing(self) -> list[tuple[Any, ...]]:
        """All that a cut-over may change, but for leases."""
        with psycopg.connect(self.admin_dsn) as connection:
            return connection.execute(
                b"SELECT partition_id, topic_id, next_offset, base_offset, last_record_hash,"
                b" chain_head FROM hpts.partitions ORDER BY 1"
            ).fetchall()

    def from_the_archive(self) -> Any:
        """What books that are made of the archive alone come to."""
        source = ArchiveSource(self.folder)
        admin_dsn, _ = empty_books(self.cluster_dsn)
        begin_partitions(admin_dsn, source.topic_id)
        apply_log(source, admin_dsn)
        return digest_of(admin_dsn)
