"""One loan as its lender knows it: what happens to it on a day. Pure but for the dice it is given.

Amounts are chosen by integers alone; what is owed is always the ledger's own word (`owed`), taken
from the balance that each posting answers with.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Final
from uuid import UUID

from hpts_client import events
from hpts_client.outcomes import LoanPosting, PaymentResult
from hpts_client.results import LoanBalance

CURRENCY: Final = "USD"
_RATES_BASIS_POINTS: Final = (599, 899, 1199, 1799, 2399)
_LATE_FEE_MINOR: Final = 25_00
_MISSED_TO_CHARGE_OFF: Final = 3
_PERIOD_DAYS: Final = 30
_CHANCES: Final = {
    "misses": 0.08,
    "misses_again": 0.5,
    "returned": 0.04,
    "waived": 0.25,
    "recovers": 0.01,  # each day
}


def new_id(dice: Random) -> UUID:
    """A UUID that the seed decides."""
    return UUID(int=dice.getrandbits(128), version=4)


@dataclass(slots=True)
class Borrowing:
    """One borrower and one loan."""

    loan_id: UUID
    borrower_id: UUID
    amount_minor: int
    rate_basis_points: int
    due_in_days: int
    dice: Random
    owed: LoanBalance | None = None
    missed: int = 0
    returnable: UUID | None = None

    @classmethod
    def drawn(cls, dice: Random) -> "Borrowing":
        """Somebody who borrows between 500.00 and 25,000.00."""
        return cls(
            loan_id=new_id(dice),
            borrower_id=new_id(dice),
            amount_minor=dice.randrange(500, 25_001) * 1_00,
            rate_basis_points=dice.choice(_RATES_BASIS_POINTS),
            due_in_days=dice.randrange(1, _PERIOD_DAYS + 1),
            dice=Random(dice.getrandbits(64)),
        )

    def disbursement(self, day: date) -> events.Disbursement:
        return events.Disbursement(
            loan_id=self.loan_id,
            borrower_id=self.borrower_id,
            amount_minor=self.amount_minor,
            currency=CURRENCY,
            method="ach",
            effective_at=day,
        )

    def accrued(self) -> events.AccruedLoan | None:
        """A day's interest on what is outstanding; rounds down, once."""
        if self.owed is None or self.owed.status != "active":
            return None
        principal_minor = self.owed.principal_outstanding_minor
        return events.AccruedLoan(
            loan_id=self.loan_id,
            outstanding_principal_minor=principal_minor,
            interest_minor=principal_minor * self.rate_basis_points // (10_000 * 365),
        )

    def day(self, today: date) -> Iterator[events.Event[LoanPosting]]:
        """What is to be posted today, in order. `took` is told each result before the next."""
        paid, self.returnable = self.returnable, None
        if self.owed is None:
            return
        if paid is not None and self._happens("returned"):
            yield events.PaymentReturn(payment_event_id=paid, return_code="R01", effective_at=today)
            self.missed += 1
        elif self.owed.status == "charged_off":
            if self._happens("recovers"):
                yield self._recovery(today)
        elif self.owed.status == "active":
            yield from self._due(today)

    def took(self, result: LoanPosting) -> None:
        """What the ledger made of it."""
        self.owed = result.balance
        if isinstance(result, PaymentResult):
            self.returnable = result.payment_event_id

    def _happens(self, what: str) -> bool:
        return self.dice.random() < _CHANCES[what]

    def _due(self, today: date) -> Iterator[events.Event[LoanPosting]]:
        self.due_in_days -= 1
        if self.due_in_days > 0:
            return
        self.due_in_days = _PERIOD_DAYS
        if self._happens("misses_again" if self.missed else "misses"):
            self.missed += 1
            if self.missed >= _MISSED_TO_CHARGE_OFF:
                yield from self._charge_off(today)
            else:
                yield self._late_fee(today)
            return
        if self.missed and self._happens("waived"):
            yield from self._waiver(today)
        self.missed = 0
        yield self._payment(today)

    def _payment(self, today: date) -> events.Payment:
        owed = self.owed
        exposure_minor = 0 if owed is None else owed.total_exposure_minor
        charges_minor = exposure_minor - (0 if owed is None else owed.principal_outstanding_minor)
        instalment_minor = charges_minor + self.amount_minor // 24 + 1
        return events.Payment(
            loan_id=self.loan_id,
            borrower_id=self.borrower_id,
            amount_minor=max(1, min(instalment_minor, exposure_minor)),
            currency=CURRENCY,
            source_method="ach",
            effective_at=today,
        )

    def _late_fee(self, today: date) -> events.Fee:
        return events.Fee(
            loan_id=self.loan_id,
            amount_minor=_LATE_FEE_MINOR,
            currency=CURRENCY,
            fee_type="late",
            effective_at=today,
        )

    def _waiver(self, today: date) -> Iterator[events.FeeWaiver]:
        fees_minor = 0 if self.owed is None else self.owed.fees_receivable_minor
        if fees_minor:
            yield events.FeeWaiver(
                loan_id=self.loan_id,
                amount_minor=fees_minor,
                currency=CURRENCY,
                reason_code="goodwill",
                effective_at=today,
            )

    def _charge_off(self, today: date) -> Iterator[events.Event[LoanPosting]]:
        suspense_minor = 0 if self.owed is None else self.owed.suspense_minor
        if suspense_minor:
            yield events.PaymentAllocation(
                loan_id=self.loan_id,
                amount_minor=suspense_minor,
                currency=CURRENCY,
                effective_at=today,
            )
        yield events.ChargeOff(loan_id=self.loan_id, reason_code="delinquency", effective_at=today)

    def _recovery(self, today: date) -> events.Recovery:
        return events.Recovery(
            loan_id=self.loan_id,
            amount_minor=self.dice.randrange(1_00, self.amount_minor // 4 + 2_00),
            currency=CURRENCY,
            source_method="check",
            effective_at=today,
        )
