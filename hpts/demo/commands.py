"""`hpts demo`: a lender for as long as wanted, then the invariants. Words for people."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import SystemRandom
from typing import Annotated, Any, Final

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from hpts.demo.lender import Figures, Lender
from hpts.local import control
from hpts.proving import commands as proving
from hpts.using.connected import As, Where, amount, found, told
from hpts.words import HERE, AsJson, end, err, out
from hpts_client import AsyncClient, Client, Connection, Patience
from hpts_client.queries import TrialBalanceOf

_EACH_LOAN: Final = 14
"""Events in a loan's year: it is opened, settled, pays each month, and now and then does not."""
_MOST_LOANS: Final = 5_000
_SEEDS: Final = 1_000_000


def demo(
    *,
    minutes: Annotated[float, typer.Option(min=0.01, help="How long.")] = 1.0,
    rate: Annotated[float, typer.Option(min=0.1, max=2_000, help="Events a second.")] = 20.0,
    seed: Annotated[
        int | None, typer.Option(help="The same seed on the same day is the same lender.")
    ] = None,
    loans: Annotated[
        int | None, typer.Option(min=1, max=_MOST_LOANS, help="[default: to last for a year]")
    ] = None,
    client: As = None,
    data_dir: Where = HERE,
    as_json: AsJson = False,
) -> None:
    """Play a lender: loans, a night's interest every night, payments, late fees, returns, losses.

    Ends with the invariants, as `hpts verify` checks them: exit status 0 when they hold.
    """
    where = found(data_dir, client)
    chosen = SystemRandom().randrange(_SEEDS) if seed is None else seed
    budget = minutes * 60 * rate
    portfolio = loans or min(max(int(budget / _EACH_LOAN), 5), _MOST_LOANS)
    if not as_json:
        err.print(f"hpts: a lender with {portfolio} loans, --seed {chosen}")
    try:
        with told():
            figures = asyncio.run(_lend(where, chosen, portfolio, rate=rate, seconds=minutes * 60))
            faults = _faults(where)
    except KeyboardInterrupt:
        end("stopped; what was sent is posted once, as always", 130)
    is_verifiable = control.servers(data_dir.absolute(), os.environ) is not None
    if as_json:
        verified = _verified(data_dir) if is_verifiable else None
        _tell_json(figures, chosen, faults, verified)
        raise typer.Exit(1 if faults or (verified and not verified["sound"]) else 0)
    _show(figures, faults)
    if is_verifiable:
        proving.verify(data_dir=data_dir)
    raise typer.Exit(1 if faults else 0)


async def _lend(
    where: Connection, seed: int, loans: int, *, rate: float, seconds: float
) -> Figures:
    with _bar(seconds) as tell:
        async with AsyncClient.of(where, Patience(give_up_after_s=60.0)) as api:
            lender = Lender(
                api,
                seed=seed,
                today=datetime.now(UTC).date(),
                a_second=rate,
                loans=loans,
                deadline=time.monotonic() + seconds,
                on_posted=tell,
            )
            return await lender.work()


def _faults(where: Connection) -> list[str]:
    """Sides of the tenant's trial balance that differ."""
    with Client.of(where) as api:
        totals = api.get(TrialBalanceOf()).totals
    return [
        f"{one.currency} {one.layer}: debits and credits differ"
        for one in totals
        if one.dr_balance_minor != one.cr_balance_minor
    ]


def _verified(data_dir: Path) -> dict[str, Any]:
    """What `hpts verify --json` says."""
    command = [sys.executable, "-P", "-m", "hpts", "verify", "--json", "--data-dir", str(data_dir)]
    told = subprocess.run(command, stdout=subprocess.PIPE, check=False).stdout
    report: dict[str, Any] = json.loads(told)
    return report


@contextmanager
def _bar(seconds: float) -> Iterator["_Tell"]:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal) as progress:
        yield _Tell(progress, seconds)


class _Tell:
    """Moves the bar along: its measure is time, its words are what was posted."""

    def __init__(self, progress: Progress, seconds: float) -> None:
        self._progress, self._began = progress, time.monotonic()
        self._task = progress.add_task("opening loans", total=seconds)

    def __call__(self, figures: Figures) -> None:
        spent = time.monotonic() - self._began
        words = f"day {figures.days}: {figures.count:,} events, {figures.count / spent:,.0f}/s"
        self._progress.update(self._task, completed=spent, description=words)


def _tell_json(
    figures: Figures, seed: int, faults: list[str], verified: dict[str, Any] | None
) -> None:
    document = {
        "seed": seed,
        "days": figures.days,
        "posted": dict(figures.posted),
        "refused": dict(figures.refused),
        "accrued_loans": figures.accrued_loans,
        "accrued_minor": str(figures.accrued_minor),
        "trial_balance_faults": faults,
        "verified": verified,
    }
    print(json.dumps(document, indent=1))


def _show(figures: Figures, faults: list[str]) -> None:
    table = Table("event", "posted", box=None)
    table.columns[1].justify = "right"
    for kind, count in figures.posted.most_common():
        table.add_row(kind, f"{count:,}")
    for code, count in figures.refused.most_common():
        table.add_row(f"refused: {code}", f"{count:,}")
    out.print(table)
    accrued = amount(figures.accrued_minor, "USD")
    out.print(f"hpts: {figures.days} days; {figures.accrued_loans:,} accruals, USD {accrued}")
    out.print("\n".join(faults) or "hpts: the trial balance's sides are equal")
