"""Accruals, from a file to committed balances: by `hpts accrue`, over HTTP or to Kafka directly.

The command is a process of its own, as in an accrual job, and its time counts from its start: it
ends when the last chunk's outcome has come, which is after that chunk's commit.
"""

import asyncio
import json
import resource
import sys
import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg

from bench.load import OpenLoop
from bench.loans import BatchFile, Loans, query, write_batch
from bench.measured import Bench, Row
from bench.stack import cpu_seconds, forget_peaks, peak_mb, peaks_mb

_FIRST_DAY: Final = date(2026, 2, 1)
_LOOK_EVERY_S: Final = 0.05
WAYS: Final = {"http": (), "kafka": ("--kafka",)}


@dataclass(slots=True)
class Days:
    """A loan accrues once a day, so each batch has its own."""

    day: date = _FIRST_DAY

    def next(self) -> date:
        """The next day that nothing has accrued yet."""
        self.day += timedelta(days=1)
        return self.day


async def measure(
    bench: Bench, loans: Loans, way: str, accrued_on: date, folder: Path, *, of: str = ""
) -> Row:
    """Accrue all of the loans for a day."""
    batch = await asyncio.to_thread(write_batch, loans, accrued_on, folder)
    processes = bench.processes
    forget_peaks(processes)
    used, own = cpu_seconds(processes), _cpu_of_children()
    began = time.perf_counter()
    told, peak = await _accrue(bench, batch, way)
    seconds = time.perf_counter() - began
    spent = {n: total - used.get(n, 0.0) for n, total in cpu_seconds(processes).items()}
    spent["hpts accrue"] = _cpu_of_children() - own
    _check(bench, batch, told, accrued_on)
    batch.path.unlink()
    return {
        "of": of or f"accruals, {way}",
        "count": batch.count,
        "seconds": round(seconds, 2),
        "per_second": round(batch.count / seconds),
        "cpu_us_each": {n: round(1e6 * s / batch.count, 1) for n, s in spent.items()},
        "peak_rss_mb": peaks_mb(processes) | {"hpts accrue": peak},
    }


async def measure_with_payments(
    bench: Bench, loans: Loans, paid: list[dict[str, str]], accrued_on: date, folder: Path
) -> list[Row]:
    """The same while payments come at a fixed rate, from a second before it until it ends."""
    way = bench.options.ways[-1]
    ended = asyncio.Event()
    rate = bench.options.rate
    paying = asyncio.create_task(OpenLoop(bench.api, bench.token, paid, rate).until(ended.is_set))
    try:
        await asyncio.sleep(1)
        row = await measure(
            bench, loans, way, accrued_on, folder, of=f"accruals, {way}, with payments"
        )
    finally:
        ended.set()
        run = await paying
    del row["cpu_us_each"]  # the payments' is in it, too
    run.of = "payments during accruals"
    bench.expect_no_refusal(run.of, run.other)
    return [row, run.row()]


async def _accrue(bench: Bench, batch: BatchFile, way: str) -> tuple[dict[str, Any], int]:
    """What the command told, and its peak of memory in MB."""
    command = [sys.executable, "-P", "-m", "hpts", "accrue", str(batch.path), "--json"]
    process = await asyncio.create_subprocess_exec(
        *(*command, *WAYS[way], "--data-dir", bench.stack["data_dir"]),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    talking = asyncio.create_task(process.communicate())
    peak = 0
    while not talking.done():
        peak = max(peak, peak_mb(process.pid))
        await asyncio.wait([talking], timeout=_LOOK_EVERY_S)
    told, faults = talking.result()
    if process.returncode != 0:
        raise RuntimeError(f"hpts accrue ended with {process.returncode}: {faults.decode()}")
    return dict(json.loads(told)), peak


def _check(bench: Bench, batch: BatchFile, told: dict[str, Any], accrued_on: date) -> None:
    """What must hold however slow it was: every loan accrued once, and the sum is exact."""
    expected = (batch.count, batch.total_minor)
    said = (told["loan_count"], int(told["total_accrued_minor"]))
    bench.expect(said == expected, f"accruals of {accrued_on}: told {said}, not {expected}")
    named = {"tenant_id": bench.tenant_id, "accrued_on": accrued_on}
    with psycopg.connect(bench.dsn) as connection:
        found = connection.execute(query("count_accrued"), named).fetchone()
    bench.expect(found == expected, f"accruals of {accrued_on}: {found} posted, not {expected}")


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
