"""A lender at work: opens a portfolio, then lives through day after day of it, at a chosen pace.

Events follow from the seed and the day it runs on, and keys from the events: the same lender, begun
again, goes over what it has posted and posts nothing twice.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from random import Random
from typing import Any, Final
from uuid import UUID

from hpts.demo.borrowing import CURRENCY, Borrowing, new_id
from hpts_client import AsyncClient, Refused, events

_AT_ONCE: Final = 32
_MOST_IN_A_BATCH: Final = 10_000
YEAR: Final = timedelta(days=365)


@dataclass(slots=True)
class Figures:
    """What was posted, by kind; refusals by code; loans that accrued."""

    posted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    accrued_loans: int = 0
    accrued_minor: int = 0
    days: int = 0

    @property
    def count(self) -> int:
        return self.posted.total() + self.refused.total()


class Pace:
    """So many a second, from when it was made; what comes late is not made up for at once."""

    def __init__(self, a_second: float) -> None:
        self._each_s = 1.0 / a_second
        self._next_at = time.monotonic()

    async def turn(self) -> None:
        """Wait for one's turn."""
        now = time.monotonic()
        self._next_at = max(self._next_at + self._each_s, now - 1.0)
        await asyncio.sleep(self._next_at - now)


class Lender:
    """Runs until `deadline` (monotonic), or for a year of the portfolio's days."""

    def __init__(
        self,
        api: AsyncClient,
        *,
        seed: int,
        today: date,
        a_second: float,
        loans: int,
        deadline: float,
        on_posted: Callable[[Figures], None],
    ) -> None:
        self.figures = Figures()
        self._api, self._today, self._run = api, today, f"{seed}:{today}"
        dice = Random(self._run)
        self._program_id = new_id(dice)
        self._portfolio = [Borrowing.drawn(dice) for _ in range(loans)]
        self._pace, self._deadline, self._on_posted = Pace(a_second), deadline, on_posted

    async def work(self) -> Figures:
        """Post it all. Raises `Unreachable` or `Stalled` when the ledger is gone for too long."""
        first = self._today - YEAR
        await self._each(partial(self._open, first))
        for number in range(1, YEAR.days + 1):
            if self._is_over:
                break
            day = first + timedelta(days=number)
            await self._accrue(day)
            await self._each(partial(self._live, day))
            self.figures.days += 1
        return self.figures

    @property
    def _is_over(self) -> bool:
        return time.monotonic() >= self._deadline

    async def _each(self, work: Callable[[Borrowing], Awaitable[None]]) -> None:
        """Loans side by side; the events of one in their order."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def gated(one: Borrowing) -> None:
            async with gate:
                if not self._is_over:
                    await work(one)

        async with asyncio.TaskGroup() as tasks:
            for one in self._portfolio:
                tasks.create_task(gated(one))

    async def _open(self, day: date, one: Borrowing) -> None:
        opened = await self._post(one.disbursement(day), one.loan_id, day)
        if opened is not None:
            one.took(opened)
            settled = events.DisbursementSettlement(
                disbursement_event_id=opened.disbursement_event_id, effective_at=day
            )
            await self._post(settled, one.loan_id, day)

    async def _live(self, day: date, one: Borrowing) -> None:
        for event in one.day(day):
            result = await self._post(event, one.loan_id, day)
            if result is not None:
                one.took(result)

    async def _accrue(self, day: date) -> None:
        accrued = [loan for one in self._portfolio if (loan := one.accrued()) is not None]
        for begin in range(0, len(accrued), _MOST_IN_A_BATCH):
            await self._accrue_some(day, begin, accrued[begin : begin + _MOST_IN_A_BATCH])

    async def _accrue_some(
        self, day: date, begin: int, loans: Sequence[events.AccruedLoan]
    ) -> None:
        batch = events.AccrualBatch(
            program_id=self._program_id,
            accrual_date=day,
            day_count_convention="ACT_365",
            currency=CURRENCY,
            loans=loans,
            expected_loan_count=len(loans),
        )
        done = await self._post(batch, self._program_id, day, str(begin))
        if done is not None:
            self.figures.accrued_loans += done.loan_count
            self.figures.accrued_minor += done.total_accrued_minor

    async def _post(self, event: Any, subject: UUID, day: date, more: str = "") -> Any:
        """The result, or None where it was refused: counted, and the loan goes on."""
        await self._pace.turn()
        kind = type(event).__name__
        key = f"demo:{self._run}:{kind}:{subject}:{day}{more and f':{more}'}"
        result = None
        try:
            result = await self._api.post(event, key)
            self.figures.posted[kind] += 1
        except Refused as refused:
            self.figures.refused[refused.code] += 1
        self._on_posted(self.figures)
        return result
