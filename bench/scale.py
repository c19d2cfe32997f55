"""How cost grows: with the loans and lines of the ledger, and with the number of engines."""

import argparse
import random
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import psycopg

from bench import accruals, payments, reads
from bench.loans import Loans, query, seed
from bench.measured import Bench, Options, Row
from bench.stack import cpu_seconds, running

_CLIENTS: Final = 64
_READERS: Final = 16
_ACCRUED: Final = 10_000
_PAID: Final = 20_000


async def by_size(bench: Bench, days: accruals.Days) -> list[Row]:
    """At each size: payments on loans from all over the ledger, then a batch that accrues some.

    Each larger ledger is the smaller one with loans added; every loan of it has a line, made by
    accruing all of them.
    """
    rows: list[Row] = []
    known: list[Loans] = []
    way = bench.options.ways[-1]
    with tempfile.TemporaryDirectory(prefix="hpts-bench-") as name:
        for size in bench.options.sizes:
            more = seed(bench.dsn, bench.tenant_id, size - sum(map(len, known)))
            known.append(more)
            loans = Loans(b"".join(one.packed_ids for one in known))
            whole = await accruals.measure(bench, more, way, days.next(), Path(name))
            whole["of"] = f"first accrual, up to {size:,} loans"
            run = await _pay_anywhere(bench, loans)
            row = run.row() | {"of": f"payments, {size:,} loans"}
            some = await accruals.measure(bench, loans.some(_ACCRUED), way, days.next(), Path(name))
            some["of"] = f"accruals of {some['count']:,}, {size:,} loans"
            rows += [whole, row, some]
    return rows


async def by_lines(bench: Bench, days: accruals.Days) -> list[Row]:
    """Payments and reads on the same ledger before and after each night that accrues every loan.

    A night adds an entry of two lines for each loan.
    """
    rows: list[Row] = []
    loans = seed(bench.dsn, bench.tenant_id, bench.options.loans)
    way = bench.options.ways[0]
    with tempfile.TemporaryDirectory(prefix="hpts-bench-") as name:
        for night in range(bench.options.nights + 1):
            if night:
                whole = await accruals.measure(bench, loans, way, days.next(), Path(name))
                rows.append(whole | {"of": f"accruals, night {night}"})
            with psycopg.connect(bench.dsn) as connection:
                found = connection.execute(query("count_lines")).fetchone()
            lines = f"{found[0] if found else 0:,} lines"
            paid = await _pay_anywhere(bench, loans)
            told = await reads.read(
                bench.api, bench.token, _anywhere(loans), _READERS, bench.options.seconds, ""
            )
            bench.expect(not told.other, f"reads at {lines}: {told.other}")
            rows += [run.row() | {"of": f"{of}, {lines}"} for of, run in
                     (("payments", paid), ("reads", told))]  # fmt: skip
    return rows


def _anywhere(loans: Loans) -> list[dict[str, str]]:
    """Loans from all over the ledger, in no order."""
    chosen = list(loans.some(_PAID).ids())
    random.Random(len(loans)).shuffle(chosen)
    # A loan made by `seed` has its own id as its borrower's.
    return [{name: str(UUID(bytes=one)) for name in ("loan_id", "borrower_id")} for one in chosen]


async def _pay_anywhere(bench: Bench, loans: Loans) -> Any:
    paid = _anywhere(loans)
    before = cpu_seconds(bench.processes)
    run = await payments.pay(bench.api, bench.token, paid, _CLIENTS, bench.options.seconds)
    after = cpu_seconds(bench.processes)
    run.cpu |= {name: total - before.get(name, 0.0) for name, total in after.items()}
    bench.expect_no_refusal(f"payments on {len(loans)} loans", run.other)
    return run


async def by_engines(
    options: Options, bench_of: Callable[[dict[str, Any], Options], Awaitable[Bench]]
) -> list[Row]:
    """Payments at 64 clients with each number of engines, each on a fresh stack."""
    rows: list[Row] = []
    for engines in options.engines:
        with running(None, engines=engines) as stack:
            bench = await bench_of(stack, options)
            asked = argparse.Namespace(seconds=options.seconds, loans=2_000)
            row = (await payments.measure(stack, asked))[-1]
            with psycopg.connect(bench.dsn) as connection:
                owners = connection.execute(query("load_owners")).fetchall()
        held = sorted((count for _, count in owners), reverse=True)
        named = {f"engine {number}": count for number, count in enumerate(held)}
        rows.append(row | {"of": f"payments, engines: {engines}", "partitions_held": named})
    return rows
