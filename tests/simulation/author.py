"""What clients ask for: every event type, several tenants; later requests refer to earlier ones.

Amounts and loans are few, so that requests meet: refusals, duplicates, reversals of reversals,
refinances of loans that are being refinanced, closes between the steps of others.
"""

import random
import struct
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, Final
from uuid import UUID

from schemas import ids
from schemas.commands import (
    AccrualChunk,
    AdjustmentLine,
    AnyCommand,
    ChargeOff,
    Disbursement,
    DisbursementSettlement,
    FeeAssessment,
    FeeWaiver,
    ManualAdjustment,
    Payment,
    PaymentAllocation,
    PaymentReturn,
    PeriodClose,
    Recovery,
    Refinance,
    RefinanceReversal,
    Restructure,
    Reversal,
)
from schemas.partitioning import partition_of_loan
from schemas.placement import place_of
from tests.simulation.request import (
    BORROWER,
    BREAKS,
    TENANTS,
    UNKNOWN_INSTANT,
    Request,
    loan_number,
)

LOANS: Final = 7
CHUNK_LOANS: Final = 3
CLOSES: Final = (date(2026, 1, 31), date(2026, 2, 28), date(2026, 12, 31))


class Author:
    """Makes requests. `reserved` are those accepted so far, which later ones may refer to."""

    def __init__(self, chance: random.Random, partition_count: int) -> None:
        self.chance = chance
        self.reserved: list[Request] = []
        self._partition_count = partition_count
        self._loans = {t: [loan_number(t, n) for n in range(LOANS)] for t in TENANTS}

    def first(self) -> list[Request]:
        """Most loans are opened before anything else is asked for."""
        return [
            self._one(t, f"opening:{n}", self._disbursement(t, f"opening:{n}", loan))
            for t in TENANTS
            for n, loan in enumerate(self._loans[t][:-2])
        ]

    def next(self, number: int) -> Request:
        """Any request."""
        tenant_id = self.chance.choice(TENANTS)
        makers = [self._pay] * 5 + [self._accrue] * 2 + [self._reverse] * 3 + [self._settle] * 3
        makers += [self._take_return, self._allocate, self._fee, self._waive, self._charge_off]
        makers += [self._recover, self._restructure, self._adjust, self._draw, self._undo_accrual]
        makers += [self._refinance] * 3 + [self._reverse_refinance] * 2 + [self._undo_share]
        makers += [self._close] if self.chance.random() < 0.5 else []
        made = self.chance.choice(makers)(tenant_id, f"r{number}")
        if self.reserved and self.chance.random() < 0.06:
            # A key that is, or was, somebody else's request: perhaps for another loan.
            other = self.chance.choice(self.reserved)
            if not other.is_batch and not made.is_batch:
                command = replace(made.commands[0], idempotency_key=other.key)
                made = replace(made, key=other.key, commands=(command,))
        return made

    def _one(self, tenant_id: UUID, key: str, command: AnyCommand) -> Request:
        return Request(tenant_id, key, (command,))

    def _envelope(self, tenant_id: UUID, key: str) -> dict[str, Any]:
        return {
            "tenant_id": tenant_id,
            "idempotency_key": key,
            "fingerprint": b"f" * 32,
            "accepted_at": UNKNOWN_INSTANT,
            "actor": "a client",
        }

    def _loan(self, tenant_id: UUID) -> UUID:
        return self.chance.choice(self._loans[tenant_id])

    def _of_loan(self, tenant_id: UUID, key: str, loan_id: UUID | None = None) -> dict[str, Any]:
        day = date(2026, 1, 5) + timedelta(days=self.chance.randrange(50))
        named = {"loan_id": loan_id or self._loan(tenant_id), "effective_on": day}
        return {**self._envelope(tenant_id, key), **named}

    def _money(self, tenant_id: UUID, key: str, *amounts: int) -> dict[str, Any]:
        amount_minor = self.chance.choice(amounts or (1_00, 5, 3_00, 700_00))
        return {
            **self._of_loan(tenant_id, key),
            "amount_minor": amount_minor,
            "currency": self.chance.choice(["USD"] * 9 + ["EUR"]),
        }

    def _disbursement(self, tenant_id: UUID, key: str, loan_id: UUID) -> AnyCommand:
        return Disbursement(
            **self._of_loan(tenant_id, key, loan_id),
            borrower_id=BORROWER,
            amount_minor=1_000_00,
            currency="USD",
            method="ach",
        )

    def _draw(self, tenant_id: UUID, key: str) -> Request:
        return self._one(tenant_id, key, self._disbursement(tenant_id, key, self._loan(tenant_id)))

    def _pay(self, tenant_id: UUID, key: str) -> Request:
        command = Payment(
            **self._money(tenant_id, key, 1_00, 5, 50_00, 1_100_00),
            borrower_id=BORROWER,
            source_method="ach",
            allocation=self.chance.choice(["auto", "auto", "hold"]),
            dry_run=self.chance.random() < 0.05,
            description=BREAKS if self.chance.random() < 0.15 else None,
        )
        return self._one(tenant_id, key, command)

    def _accrue(self, tenant_id: UUID, key: str) -> Request:
        day = date(2026, 1, self.chance.randrange(5, 31))
        backfill = self.chance.random() < 0.3
        owned: dict[int, list[UUID]] = {}
        for loan in sorted(set(self._loans[tenant_id])):
            owner = partition_of_loan(tenant_id, loan, self._partition_count)
            owned.setdefault(owner, []).append(loan)
        shares = [
            (owner, loans[at : at + CHUNK_LOANS])
            for owner, loans in sorted(owned.items())
            for at in range(0, len(loans), CHUNK_LOANS)
        ]
        interest_minor = self.chance.choice([5, 7_00])
        chunks = tuple(
            AccrualChunk(
                **self._envelope(tenant_id, f"{key}/{owner}/{number}"),
                program_id=tenant_id,
                accrued_on=day,
                day_count_convention="ACT_365",
                currency="USD",
                require_principal_match=False,
                backfill=backfill,
                chunks_total=len(shares),
                loans_total=sum(len(loans) for _, loans in shares),
                interest_total_minor=interest_minor * sum(len(loans) for _, loans in shares),
                loan_ids=b"".join(loan.bytes for loan in loans),
                principals=struct.pack(f">{len(loans)}q", *[0] * len(loans)),
                interests=struct.pack(f">{len(loans)}q", *[interest_minor] * len(loans)),
            )
            for number, (owner, loans) in enumerate(shares)
        )
        return Request(tenant_id, key, chunks, is_batch=True)

    def _earlier(self, tenant_id: UUID, *kinds: type) -> AnyCommand | None:
        """The first command of one of the latest requests of these kinds."""
        mine = [
            one.commands[0]
            for one in self.reserved
            if one.tenant_id == tenant_id and isinstance(one.commands[0], kinds or object)
        ]
        return self.chance.choice(mine[-12:]) if mine else None

    def _reversal(self, tenant_id: UUID, key: str, entry_id: UUID, **which: Any) -> AnyCommand:
        return Reversal(
            **self._envelope(tenant_id, key),
            reverses_entry_id=entry_id,
            reason_code="other",
            reason_description="a test",
            effective_on=date(2026, 2, 27),
            **which,
        )

    def _reverse(self, tenant_id: UUID, key: str) -> Request:
        earlier = self._earlier(tenant_id)
        if earlier is None or isinstance(earlier, AccrualChunk | Refinance):
            return self._pay(tenant_id, key)
        entry_id = self._id_of(ids.JOURNAL_ENTRY, earlier)
        return self._one(tenant_id, key, self._reversal(tenant_id, key, entry_id))

    def _undo_accrual(self, tenant_id: UUID, key: str) -> Request:
        batches = [
            one
            for one in self.reserved
            if one.tenant_id == tenant_id and isinstance(one.commands[0], AccrualChunk)
        ]
        if not batches:
            return self._accrue(tenant_id, key)
        batch = self.chance.choice(batches)
        entry_id = self._id_of(ids.JOURNAL_ENTRY, batch.commands[0], in_parts=True)
        steps = []
        for chunk in batch.commands:
            where = chunk.idempotency_key.partition("/")[2]
            part = int(where.rpartition("/")[2])
            steps.append(
                self._reversal(
                    tenant_id,
                    f"{key}/{where}",
                    entry_id,
                    part=part,
                    chunks_total=len(batch.commands),
                )
            )
        return Request(tenant_id, key, tuple(steps), is_batch=True)

    def _undo_share(self, tenant_id: UUID, key: str) -> Request:
        chunk = self._earlier(tenant_id, AccrualChunk)
        if chunk is None:
            return self._accrue(tenant_id, key)
        entry_id = self._id_of(ids.JOURNAL_ENTRY, chunk, in_parts=True)
        loan_id = self._loan(tenant_id)
        return self._one(tenant_id, key, self._reversal(tenant_id, key, entry_id, loan_id=loan_id))

    def _id_of(self, kind: str, command: AnyCommand, *, in_parts: bool = False) -> UUID:
        place = ids.IN_PARTS if in_parts else place_of(command, self._partition_count)[0]
        return ids.derive(
            kind,
            tenant_id=command.tenant_id,
            key=ids.root_key(command.idempotency_key) if in_parts else command.idempotency_key,
            accepted_at=command.accepted_at,
            partition_id=place,
        )

    def _settle(self, tenant_id: UUID, key: str) -> Request:
        earlier = self._earlier(tenant_id, Disbursement)
        if earlier is None:
            return self._draw(tenant_id, key)
        part_minor = self.chance.choice([None, None, 5_00])
        command = DisbursementSettlement(
            **self._envelope(tenant_id, key),
            disbursement_event_id=self._id_of(ids.DISBURSEMENT_EVENT, earlier),
            effective_on=date(2026, 2, 26),
            amount_minor=part_minor,
            currency=None if part_minor is None else "USD",
        )
        return self._one(tenant_id, key, command)

    def _take_return(self, tenant_id: UUID, key: str) -> Request:
        earlier = self._earlier(tenant_id, Payment)
        if earlier is None:
            return self._pay(tenant_id, key)
        command = PaymentReturn(
            **self._envelope(tenant_id, key),
            payment_event_id=self._id_of(ids.PAYMENT_EVENT, earlier),
            return_code="R01",
            effective_on=date(2026, 2, 27),
        )
        return self._one(tenant_id, key, command)

    def _allocate(self, tenant_id: UUID, key: str) -> Request:
        return self._one(tenant_id, key, PaymentAllocation(**self._money(tenant_id, key, 5, 50_00)))

    def _fee(self, tenant_id: UUID, key: str) -> Request:
        return self._one(
            tenant_id, key, FeeAssessment(**self._money(tenant_id, key), fee_type="late")
        )

    def _waive(self, tenant_id: UUID, key: str) -> Request:
        command = FeeWaiver(**self._money(tenant_id, key, 5), reason_code="goodwill")
        return self._one(tenant_id, key, command)

    def _charge_off(self, tenant_id: UUID, key: str) -> Request:
        command = ChargeOff(**self._of_loan(tenant_id, key), reason_code="fraud")
        return self._one(tenant_id, key, command)

    def _recover(self, tenant_id: UUID, key: str) -> Request:
        command = Recovery(**self._money(tenant_id, key), source_method="ach")
        return self._one(tenant_id, key, command)

    def _restructure(self, tenant_id: UUID, key: str) -> Request:
        command = Restructure(
            **self._of_loan(tenant_id, key), capitalize_interest_minor=5, capitalize_fees_minor=0
        )
        return self._one(tenant_id, key, command)

    def _refinance(self, tenant_id: UUID, key: str) -> Request:
        old, new = self._loan(tenant_id), self._loan(tenant_id)
        if self.chance.random() < 0.7:
            new = loan_number(tenant_id, self.chance.randrange(LOANS, 3 * LOANS))
            self._loans[tenant_id].append(new)
        additional_minor = self.chance.choice([0, 50_00])
        command = Refinance(
            **self._of_loan(tenant_id, key, old),
            new_loan_id=new,
            additional_principal_minor=additional_minor,
            currency="USD" if additional_minor else None,
        )
        return self._one(tenant_id, key, command)

    def _reverse_refinance(self, tenant_id: UUID, key: str) -> Request:
        earlier = self._earlier(tenant_id, Refinance)
        if not isinstance(earlier, Refinance):
            return self._refinance(tenant_id, key)
        command = RefinanceReversal(
            **self._envelope(tenant_id, key),
            loan_id=earlier.loan_id,
            new_loan_id=earlier.new_loan_id,
            reverses_entry_id=self._id_of(ids.JOURNAL_ENTRY, earlier, in_parts=True),
            effective_on=date(2026, 2, 27),
            reason_code="other",
            reason_description="a test",
        )
        return self._one(tenant_id, key, command)

    def _adjust(self, tenant_id: UUID, key: str) -> Request:
        (debited, credited), names_loan = self.chance.choice(
            [(("2100", "1000"), True), (("1100", "3000"), True), (("5000", "3000"), False)]
        )
        loan_id = self._loan(tenant_id) if names_loan else None
        lines = tuple(
            AdjustmentLine(
                account_code=code, direction=side, amount_minor=5, currency="USD", layer="SETTLED"
            )
            for code, side in ((debited, "DR"), (credited, "CR"))
        )
        command = ManualAdjustment(
            **self._envelope(tenant_id, key),
            lines=lines,
            reason_code="other",
            effective_on=date(2026, 2, 25),
            loan_id=loan_id,
            borrower_id=BORROWER if loan_id else None,
        )
        return self._one(tenant_id, key, command)

    def _close(self, tenant_id: UUID, key: str) -> Request:
        command = PeriodClose(
            **self._envelope(tenant_id, key), closed_through=self.chance.choice(CLOSES)
        )
        return self._one(tenant_id, key, command)
