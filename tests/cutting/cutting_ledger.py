"""A ledger of four partitions that is cut over: its log lost, its engines real."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from confluent_kafka import Producer

from hpts.rebuilding.topic import TopicSource
from posting_engine.records import Record
from schemas import codec, signing
from schemas.commands import AnyCommand
from schemas.cut_over import CutOver
from schemas.placement import place_of
from schemas.signing import SigningKey
from schemas.topics import COMMANDS, SIGNATURE_HEADER
from tests.books.ledger import disbursement, loan_number, payment
from tests.faults.own_ledger import OwnLedger, Service, until
from tests.rebuilding.rebuilt import hpts, signing_key_of

PARTITIONS = 4
LOANS = [loan_number(number) for number in range(16)]


@dataclass
class CuttingLedger(OwnLedger):
    """With an archive, and checkpoints that its engines sign."""

    archive_folder: Path = field(default_factory=Path)
    checkpoint_folder: Path = field(default_factory=Path)

    @property
    def key(self) -> SigningKey:
        return signing_key_of(self.servers)

    @property
    def topic(self) -> TopicSource:
        return TopicSource(self.bootstrap)

    def lend(self) -> None:
        self.send(*(disbursement(f"lent:{loan}", loan) for loan in LOANS))

    def pay(self, name: str) -> None:
        self.send(*(payment(f"{name}:{loan}", loan) for loan in LOANS))

    def send(self, *commands: AnyCommand) -> None:
        producer = Producer({"bootstrap.servers": self.bootstrap})
        for command in commands:
            partition_id, key = place_of(command, PARTITIONS)
            value = codec.encode(command)
            headers = [(SIGNATURE_HEADER, signing.sign(self.key, value))]
            producer.produce(COMMANDS, value, key, partition_id, headers=headers)
        assert producer.flush(20) == 0

    def send_value(self, partition_id: int, value: bytes, key: SigningKey | None) -> None:
        """Append bytes to a partition, signed where there is a key."""
        producer = Producer({"bootstrap.servers": self.bootstrap})
        headers = [] if key is None else [(SIGNATURE_HEADER, signing.sign(key, value))]
        producer.produce(COMMANDS, value, b"k", partition_id, headers=headers)
        assert producer.flush(20) == 0

    def signing_engine(self) -> Service:
        """An engine that signs checkpoints."""
        more = {
            "HPTS_CHECKPOINT_KEY_FILE": str(self.servers.credentials.checkpoint_key),
            "HPTS_CHECKPOINT_FOLDER": str(self.checkpoint_folder),
            "HPTS_CHECKPOINT_SECONDS": "0.5",
        }
        return self.engine(**more)

    @contextmanager
    def applying(self) -> Iterator[Service]:
        """An engine that applies everything, until the end of the block, and stops."""
        engine = self.signing_engine()
        self.applied(engine)
        yield engine
        self.applied(engine)
        engine.stop()

    def applied(self, engine: Service) -> None:
        until(lambda: self.behind() == 0, seconds=30, told=engine.said)
        assert self.halted() == {}

    def behind(self) -> int:
        """How many offsets the log has beyond the positions, logically."""
        ends = self.topic.bounds()
        return sum(ends[p][1] - offset for p, (offset, *_) in self.partitions().items())

    def run(self, *arguments: str, **more: str) -> dict[str, Any]:
        """Run a command that works; what it tells."""
        status, said, complained = hpts(self, *arguments, "--json", **more)
        assert status == 0, complained + said
        told: dict[str, Any] = json.loads(said)
        return told

    def archive(self) -> dict[str, Any]:
        return self.run("archive", str(self.archive_folder))

    def cut(self, *arguments: str) -> dict[str, Any]:
        return self.run(*self.cutting(*arguments), HPTS_PROFILE="local")

    def refused(self, *arguments: str) -> str:
        """Run a cut-over that is refused; why. The books follow the topic that they did."""
        before = self.standing()
        status, _, complained = hpts(self, *self.cutting(*arguments), HPTS_PROFILE="local")
        assert status == 1, complained
        assert self.standing() == before
        return complained

    def cutting(self, *arguments: str) -> tuple[str, ...]:
        return ("cutover", "--archive", str(self.archive_folder), *arguments)

    def verify(self) -> dict[str, Any]:
        key = str(self.servers.credentials.checkpoint_public_key)
        status, said, complained = hpts(
            self,
            *("verify", "--public-key", key, "--json"),
            *("--checkpoint", str(self.checkpoint_file())),
        )
        assert said, complained
        told: dict[str, Any] = json.loads(said)
        assert told["sound"] == (status == 0)
        return told

    def checkpoint_file(self) -> Path:
        [file] = self.checkpoint_folder.iterdir()
        return file

    def seals(self) -> list[CutOver]:
        return [seal_of(self.topic.first(p)) for p in range(PARTITIONS)]

    def standing(self) -> list[tuple[Any, ...]]:
        """All that a cut-over may change, but for leases."""
        return self.rows(
            "SELECT partition_id, topic_id, next_offset, base_offset, last_record_hash,"
            " chain_head FROM hpts.partitions ORDER BY 1"
        ) + self.rows("SELECT commands_topic_id FROM hpts_edge.ledger_settings")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.admin_dsn) as connection:
            return connection.execute(query.encode()).fetchall()


def seal_of(record: Record | None) -> CutOver:
    assert record is not None
    seal = codec.decode(record.value)
    assert isinstance(seal, CutOver)
    return seal
