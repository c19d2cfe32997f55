"""How fast `hpts verify` is: a ledger of payments and accrual chunks, posted by the engine's own
code without Kafka, then verified with checkpoints, exported, and the export verified.

    python -m bench.verify [--entries N] [--data-dir DIR]
"""

import argparse
import tempfile
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4, uuid5

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg.conninfo import make_conninfo

from bench.stack import peak_mb, running
from hpts.database import administrator, snapshot
from hpts.migrate import migrate
from hpts.proving import books as proven
from hpts.proving import export, offline
from hpts.proving.checkpoints import evidence
from hpts.proving.findings import Report
from hpts.proving.journal import Journal
from hpts.proving.verifying import verify
from posting_engine.applying import Applying
from posting_engine.books import Books
from posting_engine.records import Record
from posting_engine.verdict import Item
from schemas.checkpoints import NO_PREVIOUS, Checkpoint, key_id_of
from schemas.commands import AnyCommand, Disbursement, Payment
from schemas.merkle import Frontier
from schemas.placement import place_of

PARTITIONS: Final = 12
BATCH: Final = 2_000
LOANS: Final = 5_000
TENANT: Final = UUID("7d3ffb8e-6d2b-4f37-8fd2-6d33b6b2a0c1")
BEGINNING: Final = datetime(2026, 1, 1, tzinfo=UTC)
PRIVATE: Final = Ed25519PrivateKey.generate()


def main() -> None:
    """Print seconds and entries a second of each part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=200_000)
    parser.add_argument("--data-dir", help="use the Postgres of the stack that runs there")
    arguments = parser.parse_args()
    with running(arguments.data_dir) as stack:
        name = f"bench_verify_{uuid4().hex[:8]}"
        with administrator(stack["postgres_dsn"]) as database:
            database.run(f"CREATE DATABASE {name}")
        dsn = make_conninfo(stack["postgres_dsn"], dbname=name)
        try:
            _measure(dsn, arguments.entries)
        finally:
            with administrator(stack["postgres_dsn"]) as database:
                database.run(f"DROP DATABASE {name} WITH (FORCE)")


def _measure(dsn: str, entries: int) -> None:
    migrate(dsn)
    with administrator(dsn) as database:
        database.ask("insert_partitions", partition_count=PARTITIONS, topic_id="a topic")
    began = time.perf_counter()
    _post(dsn, entries)
    with administrator(dsn) as database:
        database.run("VACUUM ANALYZE")
    _tell("posted", entries, began)
    with snapshot(dsn) as shot:
        began = time.perf_counter()
        partitions = proven.partitions(shot)
        for partition in partitions:
            journal = Journal(partition["partition_id"])
            for _ in proven.read(shot, partition, journal):
                pass
        _tell("chain and balance alone", entries, began)
    signed = evidence(_signed(dsn), PRIVATE.public_key())
    with snapshot(dsn) as shot, shot.twin(dsn) as twin:
        began = time.perf_counter()
        _expect(verify(shot, signed, twin=twin))
        _tell("verified, with checkpoints", entries, began)
    with tempfile.TemporaryDirectory() as folder, snapshot(dsn) as shot:
        path = Path(folder) / "books.zip"
        began = time.perf_counter()
        export.write(shot, path, lambda *_: None)
        _tell("exported", entries, began)
        print(f"{'size of the export':<28}{path.stat().st_size / entries:>10.0f} bytes an entry")
        began = time.perf_counter()
        _expect(offline.verify(path, signed, lambda *_: None))
        _tell("export verified", entries, began)
    print(f"{'peak memory':<28}{peak_mb(_own_pid()):>10} MB")


def _expect(report: Report) -> None:
    if not report.is_sound:
        raise RuntimeError(f"the books are not sound: {report.findings[:3]}")


def _own_pid() -> int:
    return int(Path("/proc/self").resolve().name)


def _tell(what: str, entries: int, began: float) -> None:
    seconds = time.perf_counter() - began
    print(f"{what:<28}{seconds:>10.1f} s{entries / seconds:>12,.0f} entries/s", flush=True)


def _post(dsn: str, entries: int) -> None:
    books = Books(dsn)
    held = books.take_leases(range(PARTITIONS), "a benchmark")
    applying = Applying(books, PARTITIONS, confirm=lambda: None)
    offsets = [0] * PARTITIONS
    for turn, first in enumerate(range(0, entries, BATCH)):
        if turn % 4 == 1:
            books.forget_plans()
        items = []
        for number in range(first, min(first + BATCH, entries)):
            command = _command(number)
            partition_id, key = place_of(command, PARTITIONS)
            at = BEGINNING + timedelta(seconds=number)
            record = Record(partition_id, offsets[partition_id], at, key, b"", ())
            offsets[partition_id] += 1
            items.append(Item(record, command))
        for verdict in applying.apply(items, held):
            held.update(verdict.after)
    books.close()


def _command(number: int) -> AnyCommand:
    loan_id = uuid5(TENANT, f"loan {number % LOANS}")
    shared = {
        "tenant_id": TENANT,
        "idempotency_key": f"bench:{number}",
        "fingerprint": bytes(32),
        "accepted_at": BEGINNING,
        "actor": "a benchmark",
        "loan_id": loan_id,
        "borrower_id": loan_id,
        "currency": "USD",
        "effective_on": date(2026, 1, 5),
    }
    if number < LOANS:
        return Disbursement(**shared, amount_minor=1_000_000_00, method="ach")  # type: ignore[arg-type]
    return Payment(**shared, amount_minor=1_00, source_method="ach")  # type: ignore[arg-type]


def _signed(dsn: str) -> list[bytes]:
    """A checkpoint of each partition as it stands."""
    messages = []
    with snapshot(dsn) as shot:
        for partition in proven.partitions(shot):
            journal = Journal(partition["partition_id"])
            hashes = []
            for _ in proven.read(shot, partition, journal):
                hashes.append(journal.head)
            checkpoint = Checkpoint(
                partition_id=partition["partition_id"],
                number=1,
                entry_seq=partition["last_entry_seq"],
                chain_head=partition["chain_head"],
                merkle_root=Frontier().grown(hashes).root(),
                next_offset=partition["next_offset"],
                topic_id=partition["topic_id"],
                made_at="2026-01-01T00:00:00.000000Z",
                previous=NO_PREVIOUS,
                key_id=key_id_of(PRIVATE.public_key()),
            )
            messages.append(checkpoint.signed(PRIVATE))
    return messages


if __name__ == "__main__":
    main()
