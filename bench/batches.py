"""The engine alone: batches applied to a fresh Postgres, without Kafka and HTTP.

    python -m bench.batches [--rounds N]

Prints, for batches of 1, 20 and 200 payments, the milliseconds that loading, deciding and
writing take. The records are made by hand and the positions are real.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from hpts.local.postgres import PostgresServer
from hpts.migrate import migrate
from posting_engine.batch import decide_batch
from posting_engine.books import Books
from posting_engine.verdict import Item
from tests.books import ledger
from tests.local_stack import new_folder

LOANS = 500
PASSWORD = "engine-of-a-benchmark"


@contextmanager
def empty_ledger(partition_count: int = ledger.PARTITIONS) -> Iterator[str]:
    """The engine's DSN of a new ledger on a Postgres of its own."""
    server = PostgresServer(new_folder())
    server.prepare()
    running = subprocess.Popen(
        server.command(),
        env=server.environment(),
        user=server.user,
        group=server.user,
        extra_groups=None if server.user is None else [],
        cwd="/",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while not server.is_ready():
            time.sleep(0.05)
        migrate(server.admin_dsn, {"hpts_engine": PASSWORD})
        with psycopg.connect(server.admin_dsn) as connection:
            connection.execute(
                (ledger.HERE / "make_partitions.sql").read_text(), [partition_count - 1]
            )
        engine = {"user": "hpts_engine", "password": PASSWORD}
        yield psycopg.conninfo.make_conninfo(server.admin_dsn, **engine)
    finally:
        running.send_signal(server.stop_signal)
        running.wait(20)
        server.discard()


def measure(books: Books, size: int, rounds: int, log: ledger.LogOfCommands) -> list[float]:
    """Milliseconds a batch for loading, deciding and writing."""
    spent = [0.0, 0.0, 0.0]
    held = books.take_leases(range(ledger.PARTITIONS), "a benchmark")
    for number in range(rounds):
        log.records.clear()
        for one in range(size):
            loan = ledger.loan_number((number * size + one) % LOANS)
            key = f"payment:{size}:{number}:{one}:{time.monotonic_ns()}"
            log.append(ledger.owner_of(loan), ledger.payment(key, loan, 5))
        items = [Item(record, command) for record, command in log.records]
        before = {p: held[p] for p in {item.record.partition_id for item in items}}
        if number % 50 == 0:
            books.forget_plans()
        times = [time.perf_counter()]
        pages = books.open_pages(items, before, ledger.PARTITIONS)
        times.append(time.perf_counter())
        verdict = decide_batch(items, pages.by_partition, pages.earlier, before)
        times.append(time.perf_counter())
        books.record(verdict, pages)
        times.append(time.perf_counter())
        held.update(verdict.after)
        spent = [s + 1000 * (b - a) for s, a, b in zip(spent, times, times[1:], strict=False)]
    return [total / rounds for total in spent]


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=100)
    rounds = parser.parse_args().rounds
    with empty_ledger() as dsn:
        books = Books(dsn)
        log = ledger.LogOfCommands()
        for number in range(LOANS):
            loan = ledger.loan_number(number)
            log.append(ledger.owner_of(loan), ledger.disbursement(f"opening:{number}", loan))
        ledger.apply(books, log, [100])
        print(f"{'payments':>9}{'load ms':>10}{'decide ms':>11}{'write ms':>10}{'us each':>9}")
        for size in (1, 20, 200):
            load, decide, write = measure(books, size, rounds, log)
            each = 1000 * (load + decide + write) / size
            print(f"{size:>9}{load:>10.2f}{decide:>11.2f}{write:>10.2f}{each:>9.0f}")
        books.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
