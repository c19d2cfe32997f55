"""All figures in one run: one table, and a JSON file.

    python -m bench [--short] [--parts A,B] [--seconds S] [--loans N] [--rate R] [--ways W,W]
                    [--sizes N,N] [--engines N,N] [--nights N] [--data-dir DIR] [--json FILE]

Parts: `payments` (closed loop at 1, 8 and 64 clients), `reads` (balances, at 1 and 16), `open` (a
fixed rate; latencies from the intended start; growth in bytes for each payment), `refusals` (what
is refused, beside reads), `accruals` (each way), `mixed` (accruals with payments running), `limit`
(set-based SQL on the same tables), and, when asked for, `engines` (1 against 2 and 4 of them, each
on a stack of its own), `sizes` and `lines` (how cost grows with the loans of the ledger, and with
its lines) and `replay` (the books made again from the log). Figures are compared within one run,
never asserted; the exit status is 1 only for what no slowness excuses: a wrong answer, or books
that do not balance.
"""

import argparse
import json
import sys
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import psycopg
import uvloop

from bench import accruals, limit, load, payments, reads, refusals, replay, scale
from bench.client import fetch_token
from bench.growth import growth, sizes
from bench.loans import Loans, query, seed
from bench.measured import Bench, Options, Row, print_table
from bench.stack import cpu_seconds, forget_peaks, peaks_mb, running

PARTS: Final = (
    "payments",
    "reads",
    "open",
    "refusals",
    "accruals",
    "mixed",
    "limit",
    "engines",
    "sizes",
    "lines",
    "replay",
)
USUAL: Final = PARTS[:7]
SHORT: Final = Options(seconds=2.0, loans=2_000, rate=50)
_PAID: Final = 200


async def bench_of(stack: dict[str, Any], options: Options) -> Bench:
    """A stack, ready to be measured."""
    client = stack["clients"][0]
    token = await fetch_token(stack["token_url"], client["client_id"], client["client_secret"])
    return Bench(stack, token, options)


async def measure(stack: dict[str, Any], options: Options, parts: list[str]) -> tuple[Any, Any]:
    """The rows of all parts that need one stack, and the faults."""
    bench = await bench_of(stack, options)
    rows: list[Row] = []
    if "payments" in parts:
        rows += await _closed(bench)
    if "reads" in parts:
        rows += await _reads(bench)
    paid = await payments.open_loans(bench.api, bench.token, _PAID)
    if "open" in parts:
        rows.append(await _open(bench, paid))
    if "refusals" in parts:
        rows += await refusals.measure(bench, paid)
    days = accruals.Days()
    if {"accruals", "mixed", "limit"} & set(parts):
        loans = seed(bench.dsn, bench.tenant_id, options.loans)
        with tempfile.TemporaryDirectory(prefix="hpts-bench-") as folder:
            rows += await _accruals(bench, parts, loans, paid, days, Path(folder))
    if "sizes" in parts:
        rows += await scale.by_size(bench, days)
    if "lines" in parts:
        rows += await scale.by_lines(bench, days)
    with psycopg.connect(bench.dsn) as connection:
        unbalanced = connection.execute(query("unbalanced")).fetchall()
    bench.expect(not unbalanced, f"unbalanced entries: {unbalanced}")
    return rows, bench.faults


async def _accruals(
    bench: Bench,
    parts: list[str],
    loans: Loans,
    paid: list[dict[str, str]],
    days: accruals.Days,
    folder: Path,
) -> list[Row]:
    rows: list[Row] = []
    if "accruals" in parts:
        for way in bench.options.ways:
            rows.append(await accruals.measure(bench, loans, way, days.next(), folder))
    if "mixed" in parts:
        rows += await accruals.measure_with_payments(bench, loans, paid, days.next(), folder)
    if "limit" in parts:
        least = limit.measure(bench, loans, days.next())
        for row in rows:
            if row["of"].startswith("accruals"):
                row["of_the_limit"] = {"ratio": round(row["per_second"] / least["per_second"], 3)}
        rows.append(least)
    return rows


async def _closed(bench: Bench) -> list[Row]:
    asked = argparse.Namespace(seconds=bench.options.seconds, loans=bench.options.loans // 10)
    forget_peaks(bench.processes)
    rows = await payments.measure(bench.stack, asked)
    rows[-1]["peak_rss_mb"] = peaks_mb(bench.processes)
    for row in rows:
        bench.expect_no_refusal(row["of"], row["other_answers"])
    return rows


async def _reads(bench: Bench) -> list[Row]:
    options = bench.options
    asked = argparse.Namespace(seconds=options.seconds / 2, entries=min(5_000, options.loans // 10))
    rows = await reads.measure(bench.stack, asked)
    for row in rows:
        bench.expect(not row["other_answers"], f"{row['of']}: {row['other_answers']}")
    return rows


async def _open(bench: Bench, paid: list[dict[str, str]]) -> Row:
    options = bench.options
    before, used = sizes(bench), cpu_seconds(bench.processes)
    run = await load.pay_for(
        bench.api, bench.token, paid, rate=options.rate, seconds=options.seconds
    )
    spent = cpu_seconds(bench.processes)
    run.cpu |= {name: total - used.get(name, 0.0) for name, total in spent.items()}
    bench.expect_no_refusal(run.of, run.other)
    return run.row() | {"bytes_each": growth(before, sizes(bench), len(run.latencies))}


def main() -> int:
    """Exit status 1 when an answer was wrong, a sum is not exact, or an entry does not balance."""
    arguments = _arguments()
    options, parts = _options(arguments)
    rows: list[Row] = []
    faults: list[str] = []
    if set(parts) - {"engines"}:
        with running(arguments.data_dir) as stack:
            rows, faults = uvloop.run(measure(stack, options, parts))
            if "replay" in parts:
                row, more = replay.measure(stack, replay.asked(is_short=arguments.short))
                rows, faults = [*rows, row], [*faults, *more]
    if "engines" in parts:
        rows += uvloop.run(scale.by_engines(options, bench_of))
    print_table(rows)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(rows, indent=2) + "\n")
    for fault in faults:
        print(f"FAULT: {fault}", file=sys.stderr)
    return 1 if faults else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", help="measure the stack that runs there")
    parser.add_argument("--parts", default=",".join(USUAL), help=f"of {','.join(PARTS)}")
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--loans", type=int)
    parser.add_argument("--rate", type=int, help="payments a second of the open loop")
    parser.add_argument("--ways", help=f"of {','.join(accruals.WAYS)}")
    parser.add_argument("--sizes", help="loans of the ledger, ascending")
    parser.add_argument("--engines", help="numbers of engine processes")
    parser.add_argument("--nights", type=int, help="how often every loan accrues, for `lines`")
    parser.add_argument("--json", help="write the rows to this file")
    parser.add_argument("--short", action="store_true", help="less than a minute, for CI")
    arguments = parser.parse_args()
    if unknown := set(arguments.parts.split(",")) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    return arguments


def _options(arguments: argparse.Namespace) -> tuple[Options, list[str]]:
    given: dict[str, Any] = {}
    for option in fields(Options):
        value = getattr(arguments, option.name)
        if isinstance(value, str):
            words = value.split(",")
            value = tuple(words if option.name == "ways" else map(int, words))
        given[option.name] = value
    usual = SHORT if arguments.short else Options()
    chosen = {name: getattr(usual, name) if v is None else v for name, v in given.items()}
    return Options(**chosen), arguments.parts.split(",")


if __name__ == "__main__":
    sys.exit(main())
