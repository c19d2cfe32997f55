"""A log of every event, shuffled the same way each time: duplicates, refusals, backfills, closes,
refinances whose steps lie among other commands, and the reversal of each of them.
"""

import random
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from posting_engine.posting.rules import EVENT_KINDS
from schemas import ids
from schemas.commands import (
    AdjustmentLine,
    AnyCommand,
    ChargeOff,
    DisbursementSettlement,
    FeeAssessment,
    FeeWaiver,
    ManualAdjustment,
    PaymentAllocation,
    PaymentReturn,
    PeriodClose,
    Recovery,
    Refinance,
    RefinanceReversal,
    Restructure,
)
from tests.books import ledger
from tests.books.ledger import BORROWER, TENANT, Engine, LogOfCommands, envelope

LOANS = [ledger.loan_number(n) for n in range(16)]
CLOSES = (date(2026, 1, 31), date(2026, 1, 31), date(2026, 2, 28), date(2026, 12, 31))


def recorded(engine: Engine, *, commands: int, seed: int) -> LogOfCommands:
    """Make a log by applying it command by command; follow-ups come in when chance has it."""
    author = _Author(random.Random(seed), engine.posted)
    log = LogOfCommands()
    waiting: list[AnyCommand] = []

    def take(command: AnyCommand) -> None:
        log.send(command)
        engine.apply(log.records[-1:])
        waiting.extend(engine.follow_ups)
        engine.follow_ups.clear()

    for command in author.openings():
        take(command)
    for number in range(commands):
        while waiting and author.chance.random() < 0.4:
            take(waiting.pop(0))
        take(author.next(number))
    while waiting:
        take(waiting.pop(0))
    return log


class _Author:
    """Chooses commands; later ones refer to what earlier ones `posted` (key, partition)."""

    def __init__(self, chance: random.Random, posted: list[tuple[str, int]]) -> None:
        self.chance = chance
        self.posted = posted
        self.loans = list(LOANS)
        self.payments: list[tuple[str, int]] = []
        self.disbursements: list[tuple[str, int]] = []
        self.accruals: list[str] = []
        self.refinances: list[tuple[str, UUID, UUID]] = []

    def openings(self) -> list[AnyCommand]:
        """The first disbursement of most loans; the rest are opened later, or never."""
        return [self._disburse(f"opening:{n}", loan) for n, loan in enumerate(LOANS[:12])]

    def next(self, number: int) -> AnyCommand:
        makers = [self._pay] * 6 + [self._accrue] * 3 + [self._reverse] * 3 + [self._settle] * 6
        makers += [self._take_return, self._allocate, self._fee, self._waive, self._charge_off]
        makers += [self._recover, self._restructure, self._refinance, self._reverse_refinance]
        makers += [self._adjust, self._adjust, self._draw, self._undo_accrual, self._undo_accrual]
        makers += [self._close] if number % 40 == 0 else []
        return self.chance.choice(makers)(number)

    def _loan(self) -> UUID:
        return self.chance.choice(self.loans)

    def _of_loan(self, key: str, loan: UUID) -> dict[str, Any]:
        day = date(2026, 1, 5) + timedelta(days=self.chance.randrange(50))
        return {**envelope(key), "loan_id": loan, "effective_on": day}

    def _money(self, key: str, loan: UUID) -> dict[str, Any]:
        amount_minor = self.chance.choice([1_00, 5, 3_00, 700_00])
        return {**self._of_loan(key, loan), "amount_minor": amount_minor, "currency": "USD"}

    def _disburse(self, key: str, loan: UUID) -> AnyCommand:
        self.disbursements.append((key, ledger.owner_of(loan)))
        return ledger.disbursement(key, loan)

    def _draw(self, number: int) -> AnyCommand:
        return self._disburse(f"draw:{number}", self._loan())

    def _pay(self, number: int) -> AnyCommand:
        loan = self._loan()
        # The number of keys is small, so some are used twice: duplicates.
        key = f"payment:{self.chance.randrange(300)}:{ledger.owner_of(loan)}"
        self.payments.append((key, ledger.owner_of(loan)))
        return ledger.payment(key, loan, self.chance.choice([1_00, 5, 50_00, 900_00]))

    def _accrue(self, number: int) -> AnyCommand:
        owner = ledger.owner_of(self._loan())
        mine = {loan for loan in self.loans if ledger.owner_of(loan) == owner}
        key, day = f"accrual:{number}", self.chance.randrange(5, 29)
        self.accruals.append(key)
        return ledger.accrual(key, owner, list(mine), day=day, backfill=self.chance.random() < 0.5)

    def _undo_accrual(self, number: int) -> AnyCommand:
        if not self.accruals:
            return self._accrue(number)
        loan = self._loan()
        entry = entry_id(self.chance.choice(self.accruals), ids.IN_PARTS)
        if self.chance.random() < 0.5:
            return ledger.reversal(f"undo:{number}", entry, loan_id=loan)
        key = f"undo:{number}/{ledger.owner_of(loan)}/0"
        return ledger.reversal(key, entry, part=0, chunks_total=1)

    def _reverse(self, number: int) -> AnyCommand:
        whole = [one for one in self.posted[-40:] if "/" not in one[0]]
        key, owner = self.chance.choice(whole or self.posted[:1])
        return ledger.reversal(f"undo:{number}", entry_id(key, owner))

    def _settle(self, number: int) -> AnyCommand:
        key, owner = self.chance.choice(self.disbursements)
        part = self.chance.choice([None, None, None, 5_00])
        return DisbursementSettlement(
            **envelope(f"settle:{number}"),
            disbursement_event_id=event_id("disbursement", key, owner),
            effective_on=date(2026, 1, 6),
            amount_minor=part,
            currency=None if part is None else "USD",
        )

    def _take_return(self, number: int) -> AnyCommand:
        if not self.payments:
            return self._pay(number)
        key, owner = self.chance.choice(self.payments[-30:])
        return PaymentReturn(
            **envelope(f"return:{number}"),
            payment_event_id=event_id("payment_received", key, owner),
            return_code="R01",
            effective_on=date(2026, 2, 20),
        )

    def _allocate(self, number: int) -> AnyCommand:
        split = self.chance.choice([None, {"principal": 5}])
        members = self._money(f"allocate:{number}", self._loan())
        if split is not None:
            members["amount_minor"] = 5
        return PaymentAllocation(**members, split=split)

    def _fee(self, number: int) -> AnyCommand:
        return FeeAssessment(**self._money(f"fee:{number}", self._loan()), fee_type="late")

    def _waive(self, number: int) -> AnyCommand:
        return FeeWaiver(**self._money(f"waive:{number}", self._loan()), reason_code="goodwill")

    def _charge_off(self, number: int) -> AnyCommand:
        return ChargeOff(**self._of_loan(f"charge:{number}", self._loan()), reason_code="fraud")

    def _recover(self, number: int) -> AnyCommand:
        return Recovery(**self._money(f"recover:{number}", self._loan()), source_method="ach")

    def _restructure(self, number: int) -> AnyCommand:
        return Restructure(
            **self._of_loan(f"restructure:{number}", self._loan()),
            capitalize_interest_minor=self.chance.choice([0, 5]),
            capitalize_fees_minor=self.chance.choice([0, 5]),
        )

    def _refinance(self, number: int) -> AnyCommand:
        # Most go to a fresh loan, which then takes part in what follows.
        old, new = (
            self._loan(),
            self.chance.choice([ledger.loan_number(1_000 + number)] * 3 + LOANS),
        )
        self.loans.append(new)
        key, additional = f"refinance:{number}", self.chance.choice([0, 50_00])
        if additional:
            self.disbursements.append((key, ledger.owner_of(new)))
        self.refinances.append((key, old, new))
        return Refinance(
            **envelope(key),
            loan_id=old,
            new_loan_id=new,
            effective_on=date(2026, 2, 10),
            additional_principal_minor=additional,
            currency="USD" if additional else None,
        )

    def _reverse_refinance(self, number: int) -> AnyCommand:
        if not self.refinances:
            return self._refinance(number)
        opened = {key.partition("/")[0] for key, _ in self.posted if key.endswith("/opening")}
        done = [one for one in self.refinances if one[0] in opened] or self.refinances
        key, old, new = self.chance.choice(done[-3:])
        return RefinanceReversal(
            **envelope(f"undo:{number}"),
            loan_id=old,
            new_loan_id=new,
            reverses_entry_id=entry_id(key, ids.IN_PARTS),
            effective_on=date(2026, 2, 21),
            reason_code="other",
            reason_description="a test",
        )

    def _adjust(self, number: int) -> AnyCommand:
        """A refund, a migration, a correction without a loan, lines in another layer."""
        (first, second), layer, names_loan = self.chance.choice(
            [
                (("2100", "1000"), "SETTLED", True),
                (("1100", "3000"), "SETTLED", True),
                (("5000", "3000"), "SETTLED", False),
                (("1100", "2100"), "ENCUMBRANCE", True),
            ]
        )
        loan = self._loan() if names_loan else None
        key, amount = f"adjust:{number}", self.chance.choice([1_00, 5])
        lines = tuple(
            AdjustmentLine(
                account_code=code, direction=side, amount_minor=amount, currency="USD", layer=layer
            )
            for code, side in ((first, "DR"), (second, "CR"))
        )
        return ManualAdjustment(
            **envelope(key),
            lines=lines,
            reason_code="correction",
            effective_on=date(2026, 2, 1) + timedelta(days=self.chance.randrange(40)),
            loan_id=loan,
            borrower_id=BORROWER if first == "1100" and loan is not None else None,
            accrued_through=None,
        )

    def _close(self, number: int) -> AnyCommand:
        return PeriodClose(**envelope(f"close:{number}"), closed_through=self.chance.choice(CLOSES))


def entry_id(key: str, partition_id: int) -> UUID:
    """The entry that a command with this key brings about."""
    return _derived(ids.JOURNAL_ENTRY, key, partition_id)


def event_id(event_type: str, key: str, partition_id: int) -> UUID:
    """The event that a command with this key brings about."""
    return _derived(EVENT_KINDS[event_type], key, partition_id)


def _derived(kind: str, key: str, partition_id: int) -> UUID:
    return ids.derive(
        kind,
        tenant_id=TENANT,
        key=key,
        accepted_at=ledger.BEGINNING,
        partition_id=partition_id,
    )
