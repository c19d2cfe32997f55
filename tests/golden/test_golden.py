"""Every log that was ever recorded still comes to what it came to then."""

import json
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from hpts.archiving.check import check
from hpts.archiving.files import Folder
from hpts.archiving.source import ArchiveSource
from posting_engine.records import Record
from schemas import codec
from tests.archiving.small_ledger import KEY, KEY_VARIABLE, begin_partitions, empty_books
from tests.golden.applying import apply_log
from tests.golden.digest import digest_of
from tests.golden.messages import told
from tests.golden.record import DIGEST, HERE, LOG, MESSAGES

RECORDED = sorted(path.parent for path in HERE.glob(f"*/{DIGEST}"))


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY.secret.decode())


def come_to(source: ArchiveSource, cluster_dsn: str) -> dict[str, dict[str, int | str]]:
    """The digest of empty books that a log was applied to."""
    admin_dsn, _ = empty_books(cluster_dsn)
    begin_partitions(admin_dsn, source.topic_id)
    apply_log(source, admin_dsn)
    return digest_of(admin_dsn)


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda path: str(path.name))
def test_a_recorded_log_comes_to_what_it_came_to(recorded: Path, postgres: str) -> None:
    source = ArchiveSource(Folder(recorded / LOG))
    check(source)
    assert come_to(source, postgres) == json.loads((recorded / DIGEST).read_text("utf-8"))


def test_one_bit_in_one_command_changes_what_it_comes_to(postgres: str) -> None:
    recorded = RECORDED[0]
    told = json.loads((recorded / DIGEST).read_text("utf-8"))
    assert come_to(OneBit(Folder(recorded / LOG)), postgres)["chains"] != told["chains"]


class OneBit(ArchiveSource):
    """An archive in which one bit of its first command was turned after it was verified."""

    def read(self, partition_id: int, first: int, end: int) -> Iterator[Record]:
        for record in super().read(partition_id, first, end):
            if (record.partition_id, record.offset) == (0, 0) and record.value:
                last = record.value[-1] ^ 1
                yield replace(record, value=record.value[:-1] + bytes([last]))
            else:
                yield record


@pytest.mark.parametrize("path", sorted(HERE.glob(f"*/{MESSAGES}")), ids=lambda p: p.parent.name)
def test_bytes_that_were_written_still_mean_what_they_meant(path: Path) -> None:
    for written in json.loads(path.read_text("utf-8")):
        now = told(codec.decode(bytes.fromhex(written["bytes"])))
        assert now["type"] == written["type"]
        # A field that was added since has a default, and means that nothing was said of it.
        assert now["value"] | written["value"] == now["value"], written["type"]


def test_every_schema_of_the_lock_has_recorded_bytes() -> None:
    lock = (files("schemas") / "avro" / "schemas.lock").read_text("utf-8")
    pinned = {int(line.split()[0]) for line in lock.splitlines() if line[0] != "#"}
    kept = {
        int(written["bytes"][2:10], 16)
        for path in HERE.glob(f"*/{MESSAGES}")
        for written in json.loads(path.read_text("utf-8"))
    }
    assert kept == pinned


def test_there_is_a_recorded_log() -> None:
    """Of the schemas and the rules of this release, and small enough to be kept for ever."""
    assert RECORDED
    for recorded in RECORDED:
        size = sum(path.stat().st_size for path in recorded.rglob("*") if path.is_file())
        assert size < 300_000
