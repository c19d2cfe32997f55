"""Demo traffic: a small lender's day, posted through the public API for the signed-in tenant.

A few commands a second, for an hour at most. It is real: what it posts stays in the books.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from uuid import uuid4

from console.api import Api, Body, Pending, Refused, Unreachable
from schemas import scopes

PER_SECOND: Final = 3
LASTS_S: Final = 3_600.0
NEEDS: Final = frozenset({scopes.DISBURSEMENTS_WRITE, scopes.PAYMENTS_WRITE})
_LOANS_AT_FIRST: Final = 6
_MOST_LOANS: Final = 60
_BEGINS_DAYS_AGO: Final = 60
_COMMANDS_A_DAY: Final = 20
_RATE_PER_YEAR_PERCENT: Final = 18
_CURRENCIES: Final = (("USD", 100, 16), ("EUR", 100, 3), ("JPY", 1, 1))
"""Code, minor units of one major unit, weight."""


@dataclass
class _Loan:
    loan_id: str
    borrower_id: str
    currency: str
    unit_minor: int
    principal_minor: int
    last_payment_id: str | None = None


class Traffic:
    """The switch. `trouble` says why nothing comes, where the API does not answer.

    The lender lives some weeks in minutes: its day moves on after so many commands, to today.
    """

    def __init__(self, api: Api) -> None:
        self.trouble: str | None = None
        self._api = api
        self._task: asyncio.Task[None] | None = None
        self._loans: list[_Loan] = []
        self._program_id = str(uuid4())
        self._day = _today() - timedelta(days=_BEGINS_DAYS_AGO)
        self._commands_left = _COMMANDS_A_DAY

    @property
    def is_on(self) -> bool:
        """Whether it posts."""
        return self._task is not None and not self._task.done()

    @property
    def is_allowed(self) -> bool:
        """Whether the client has the scopes it needs."""
        return self._api.scopes >= NEEDS

    def start(self) -> None:
        """Begin, or go on."""
        if not self.is_on:
            self._task = asyncio.create_task(self._run())

    def stop(self) -> None:
        """End at once."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        until = time.monotonic() + LASTS_S
        while time.monotonic() < until:
            begun = time.monotonic()
            try:
                await self._choose()()
                self.trouble = None
            except Refused as refusal:
                if refusal.status in (401, 429, 503):
                    self.trouble = str(refusal)  # any other is a borrower's luck: `sent` counts it
            except (Unreachable, Pending) as error:
                self.trouble = str(error)
            await asyncio.sleep(max(0.05, 1 / PER_SECOND - (time.monotonic() - begun)))

    def _choose(self) -> Callable[[], Awaitable[None]]:
        if len(self._loans) < _LOANS_AT_FIRST:
            return self._lend
        self._commands_left -= 1
        if self._commands_left <= 0 and self._day < _today():
            return self._end_day
        acts: list[tuple[Callable[[], Awaitable[None]], int, str]] = [
            (self._lend, 10 if len(self._loans) < _MOST_LOANS else 0, scopes.DISBURSEMENTS_WRITE),
            (self._pay, 56, scopes.PAYMENTS_WRITE),
            (self._charge_fee, 12, scopes.FEES_WRITE),
            (self._waive_fee, 6, scopes.FEES_WRITE),
            (self._return_payment, 4, scopes.PAYMENTS_WRITE),
        ]
        allowed = [(act, weight) for act, weight, scope in acts if scope in self._api.scopes]
        names, weights = zip(*allowed, strict=True)
        chosen: Callable[[], Awaitable[None]] = random.choices(names, weights)[0]
        return chosen

    async def _lend(self) -> None:
        currency, unit_minor, _ = random.choices(_CURRENCIES, [c[2] for c in _CURRENCIES])[0]
        amount_minor = random.randint(5, 80) * 100 * unit_minor
        loan = _Loan(str(uuid4()), str(uuid4()), currency, unit_minor, amount_minor)
        body = self._of(loan, amount_minor) | {"method": "ach"}
        result = await self._post("/disbursements", body)
        self._loans.append(loan)
        event_id = result["disbursement_event_id"]
        settled = {"disbursement_event_id": event_id, "effective_at": self._day.isoformat()}
        await self._post("/disbursement-settlements", settled)

    async def _pay(self) -> None:
        loan = random.choice(self._loans)
        amount_minor = random.randint(20, 250) * loan.unit_minor + random.randrange(loan.unit_minor)
        body = self._of(loan, amount_minor) | {
            "source_method": random.choice(("ach", "card", "wire")),
            "external_ref": f"demo-{random.randrange(10**8):08}",
        }
        result = await self._post("/payments", body)
        loan.last_payment_id = result["payment_event_id"]
        loan.principal_minor = int(result["balance"]["principal_outstanding_minor"])
        if result["balance"]["total_exposure_minor"] == "0":
            self._loans.remove(loan)

    async def _charge_fee(self) -> None:
        loan = random.choice(self._loans)
        body = self._of(loan, random.choice((5, 15, 29)) * loan.unit_minor)
        del body["borrower_id"]
        await self._post("/fees", body | {"fee_type": random.choice(("late", "servicing"))})

    async def _waive_fee(self) -> None:
        loan = random.choice(self._loans)
        body = self._of(loan, 5 * loan.unit_minor)
        del body["borrower_id"]
        await self._post("/fee-waivers", body | {"reason_code": "goodwill"})

    async def _return_payment(self) -> None:
        loan = random.choice(self._loans)
        if loan.last_payment_id is None:
            return
        body = {
            "payment_event_id": loan.last_payment_id,
            "return_code": "R01",
            "effective_at": self._day.isoformat(),
        }
        loan.last_payment_id = None
        await self._post("/payment-returns", body)

    async def _end_day(self) -> None:
        """The night's interest, then the next day."""
        day, self._day = self._day, self._day + timedelta(days=1)
        self._commands_left = _COMMANDS_A_DAY
        loans = [
            {
                "loan_id": loan.loan_id,
                "outstanding_principal_minor": str(loan.principal_minor),
                "interest_minor": str(loan.principal_minor * _RATE_PER_YEAR_PERCENT // 36_500),
            }
            for loan in self._loans
            if loan.currency == "USD"
        ]
        if loans and scopes.ACCRUALS_WRITE in self._api.scopes:
            body = {
                "program_id": self._program_id,
                "accrual_date": day.isoformat(),
                "day_count_convention": "ACT_365",
                "currency": "USD",
                "loans": loans,
            }
            await self._post("/accruals/batch", body)

    def _of(self, loan: _Loan, amount_minor: int) -> Body:
        return {
            "loan_id": loan.loan_id,
            "borrower_id": loan.borrower_id,
            "amount_minor": str(amount_minor),
            "currency": loan.currency,
            "effective_at": self._day.isoformat(),
        }

    async def _post(self, path: str, body: Body) -> Body:
        return await self._api.post(path, body, key=f"console-demo:{uuid4()}")


def _today() -> date:
    return datetime.now(UTC).date()
