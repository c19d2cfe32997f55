"""The engine alone, applying chunks of accruals to a fresh Postgres, without Kafka and HTTP.

    python -m bench.chunks [--loans N] [--days D] [--scalar]

Seeds loans, makes the signed records of a batch for each of D days and applies them: by turns step
by step, each step timed, and as the worker does, with transactions that overlap. Prints loans/s,
CPU microseconds a loan of the engine and of Postgres, and the same accruals as one statement of SQL
in the same tables: the limit to approach.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray

from bench.batches import empty_ledger
from bench.stack import cpu_seconds
from posting_engine import packed
from posting_engine.applying import Applying
from posting_engine.backlog import Backlog
from posting_engine.batch import decide_batch
from posting_engine.books import Books
from posting_engine.chunk_faults import partitions_of
from posting_engine.cuts import runs
from posting_engine.positions import Position
from posting_engine.records import Record, examine
from posting_engine.store import connect_as_engine
from posting_engine.verdict import Item, Verdict
from schemas import codec, signing
from schemas.commands import AccrualChunk
from schemas.partitioning import record_key
from schemas.signing import SigningKey
from schemas.topics import SIGNATURE_HEADER
from tests.books.ledger import TENANT, envelope

SQL = Path(__file__).parent / "sql"
PARTITIONS = 12
CHUNK_LOANS = 1_000
AT_ONCE = 24
"""Chunks in one take: two un-applied of each partition."""
SEEDED_AT_ONCE = 20_000
INTEREST_MINOR = 8_22
FIRST_DAY = date(2026, 2, 1)
KEY = SigningKey("bench-1", b"s" * 32, None, datetime(2020, 1, 1, tzinfo=UTC), None)
STEPS = ("examine", "load", "decide", "write")
Ids = NDArray[Any]


@dataclass
class Spent:
    """Seconds of the wall by step, and of CPU by process."""

    loans: int = 0
    steps: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STEPS, 0.0))
    cpu: dict[str, float] = field(default_factory=dict)
    wall: float = 0.0

    def row(self, name: str) -> str:
        """Loans a second, then microseconds a loan."""
        each = 1e6 / self.loans
        steps = "".join(f"{each * s:>9.2f}" for s in self.steps.values())
        cpu = "".join(f"{each * s:>10.2f}" for s in self.cpu.values())
        return f"{name:<14}{self.loans / self.wall:>9,.0f}{steps}{cpu}"


def seed(dsn: str, count: int) -> list[Ids]:
    """Loans by partition, sorted by id; in the tables they lie as they were opened: in no order."""
    loan_ids = np.random.default_rng(6).bytes(16 * count)
    everything = np.frombuffer(loan_ids, "V16")
    owners = partitions_of(_chunk("seed", FIRST_DAY, everything, 1), PARTITIONS)
    high, low = np.frombuffer(loan_ids, ">u8").reshape(-1, 2).T
    order = np.lexsort((low, high, owners))
    by_partition = [everything[order[owners[order] == p]] for p in range(PARTITIONS)]
    statement = (SQL / "seed_loans.sql").read_text().rstrip().rstrip(";")
    with connect_as_engine(dsn) as connection:
        for begin in range(0, count, SEEDED_AT_ONCE):
            some = slice(begin, begin + SEEDED_AT_ONCE)
            parameters = {
                "tenant_id": TENANT,
                "partition_ids": packed.smallints(owners[some].astype(np.int16)),
                "loan_ids": packed.uuids(everything[some]),
                "borrower_ids": packed.uuids(everything[some]),
            }
            connection.execute(statement, parameters)
    return by_partition


def records_of(day: date, by_partition: Sequence[Ids], offsets: list[int]) -> list[Record]:
    """A batch's signed records, in turns of the partitions, as they come when they are paced."""
    cuts = [
        (number, p, mine[begin : begin + CHUNK_LOANS])
        for p, mine in enumerate(by_partition)
        for number, begin in enumerate(range(0, len(mine), CHUNK_LOANS))
    ]
    records = []
    for number, partition_id, loans in sorted(cuts, key=lambda cut: cut[:2]):
        chunk = _chunk(f"accrual:{day}/{partition_id}/{number}", day, loans, len(cuts))
        value = codec.encode(chunk)
        headers = ((SIGNATURE_HEADER, signing.sign(KEY, value)),)
        key = record_key(TENANT, TENANT)
        at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=offsets[partition_id])
        records.append(Record(partition_id, offsets[partition_id], at, key, value, headers))
        offsets[partition_id] += 1
    return records


def _chunk(key: str, day: date, loans: Ids, chunks_total: int) -> AccrualChunk:
    count = len(loans)
    return AccrualChunk(
        **envelope(key),
        program_id=TENANT,
        accrued_on=day,
        day_count_convention="ACT_365",
        currency="USD",
        require_principal_match=True,
        backfill=False,
        chunks_total=chunks_total,
        loans_total=count,
        interest_total_minor=INTEREST_MINOR * count,
        loan_ids=loans.tobytes(),
        principals=np.full(count, 10_000_00, ">i8").tobytes(),
        interests=np.full(count, INTEREST_MINOR, ">i8").tobytes(),
    )


@dataclass
class Engine:
    """The engine's steps over one store."""

    books: Books
    held: dict[int, Position]
    postmaster: int
    by_arrays: bool

    def measure(self, records: Sequence[Record], *, in_steps: bool) -> Spent:
        """Apply records as the worker does, or step by step, each of them timed."""
        spent = Spent()
        applying = Applying(self.books, PARTITIONS, confirm=lambda: None, by_arrays=self.by_arrays)
        pids = {"its session": _sessions_of(self.postmaster), "Postgres": [self.postmaster]}
        before, began, own = cpu_seconds(pids), time.perf_counter(), time.process_time()
        for begin in range(0, len(records), AT_ONCE):
            backlog = Backlog()
            backlog.add(self._examined(records[begin : begin + AT_ONCE], spent))
            while backlog:
                items = backlog.turn(time.monotonic())
                apply = (
                    self._in_steps(applying, items, spent)
                    if in_steps
                    else applying.apply(items, self.held)
                )
                for verdict in apply:
                    self.held.update(verdict.after)
                    answers = [json.loads(row.result) for row in verdict.outcomes]
                    spent.loans += sum(answer["loan_count"] for answer in answers)
        spent.wall = time.perf_counter() - began
        after = cpu_seconds(pids)
        spent.cpu = {"engine": time.process_time() - own}
        spent.cpu |= {name: after[name] - before[name] for name in pids}
        return spent

    def _examined(self, records: Sequence[Record], spent: Spent) -> list[Item]:
        began = time.perf_counter()
        ring = {KEY.key_id: KEY}
        items = [Item(record, examine(record, ring, PARTITIONS)) for record in records]
        spent.steps["examine"] += time.perf_counter() - began
        return items

    def _in_steps(
        self, applying: Applying, items: Sequence[Item], spent: Spent
    ) -> Iterator[Verdict]:
        clock = time.perf_counter
        for run in runs(items):
            times = [clock()]
            now = {p: self.held[p] for p in {item.record.partition_id for item in run}}
            pages = applying.opened(run, now, by_arrays=self.by_arrays)
            times.append(clock())
            verdict = decide_batch(run, pages.by_partition, pages.earlier, now)
            times.append(clock())
            self.books.record(verdict, pages)
            times.append(clock())
            for step, a, b in zip(STEPS[1:], times, times[1:], strict=False):
                spent.steps[step] += b - a
            yield verdict


def set_based(dsn: str, day: date, loan_count: int, *, postmaster: int) -> Spent:
    """The same accruals as one statement, committed."""
    statement = (SQL / "accrue_everything.sql").read_text().rstrip().rstrip(";")
    parameters = {
        "tenant_id": TENANT,
        "accrued_on": day,
        "interest_minor": INTEREST_MINOR,
        "entry_seq": 10**12,
    }
    options = "-c search_path=hpts -c work_mem=256MB"
    spent = Spent(loan_count)
    with psycopg.connect(dsn, options=options) as connection:
        pids = {"its session": [connection.info.backend_pid], "Postgres": [postmaster]}
        before, began = cpu_seconds(pids), time.perf_counter()
        written = connection.execute(statement, parameters).rowcount
        connection.commit()
        spent.wall = time.perf_counter() - began
        after = cpu_seconds(pids)
        spent.cpu = {"engine": 0.0} | {name: after[name] - before[name] for name in pids}
    if written != loan_count:
        raise RuntimeError(f"{written} loans accrued, not {loan_count}")
    return spent


def _postmaster(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        stat = Path(f"/proc/{connection.info.backend_pid}/stat").read_text()
        return int(stat.rsplit(")", 1)[1].split()[1])


def _sessions_of(postmaster: int) -> list[int]:
    """The processes that serve the engine's role."""
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    titles = {int(pid): Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children}
    return [pid for pid, title in titles.items() if b"hpts_engine" in title]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--loans", type=int, default=200_000)
    parser.add_argument("--days", type=int, default=2)
    parser.add_argument("--scalar", action="store_true", help="decide loan by loan")
    arguments = parser.parse_args()
    with empty_ledger(PARTITIONS) as dsn:
        postmaster = _postmaster(dsn)
        by_partition = seed(dsn, arguments.loans)
        books = Books(dsn)
        held = books.take_leases(range(PARTITIONS), "a benchmark")
        offsets = [0] * PARTITIONS
        steps = "".join(f"{name:>9}" for name in STEPS)
        print(
            f"{'us a loan':<14}{'loans/s':>9}{steps}{'CPU: own':>10}{'session':>10}{'Postgres':>10}"
        )
        engine = Engine(books, held, postmaster, by_arrays=not arguments.scalar)
        for number in range(arguments.days):
            day = FIRST_DAY + timedelta(days=number)
            records = records_of(day, by_partition, offsets)
            in_steps = number % 2 == 0
            name = "step by step" if in_steps else "as it works"
            print(engine.measure(records, in_steps=in_steps).row(name), flush=True)
        last = FIRST_DAY + timedelta(days=arguments.days)
        limit = set_based(dsn, last, arguments.loans, postmaster=postmaster)
        print(limit.row("in SQL"))
        books.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory of this process, records and all: {peak} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
