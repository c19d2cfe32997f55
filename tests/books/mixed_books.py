"""Books of two tenants in which everything happens: every event, backdated, with closes between.

Commands are chosen by chance (the same for the same seed), decided by the engine's core and
recorded by it in a real Postgres; the steps that follow from one come in a later batch, as they do
through Kafka. What the engine had of a loan after each batch is kept, to hold reads against.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from random import Random
from struct import pack
from typing import Any
from uuid import UUID, uuid5

from posting_engine.batch import Item, decide_batch, runs
from posting_engine.books import Books
from posting_engine.posting.journal import Entry
from posting_engine.posting.loan import Loan
from posting_engine.records import Record
from schemas import codec, commands
from schemas.commands import AnyCommand
from schemas.partitioning import partition_of_loan
from schemas.placement import place_of
from tests.books.ledger import PARTITIONS

TENANTS = (
    UUID("7d3ffb8e-6d2b-4f37-8fd2-6d33b6b2a0c1"),
    UUID("7d3ffb8e-6d2b-4f37-8fd2-6d33b6b2a0c2"),
)
BORROWERS = tuple(UUID(f"b0440000-0000-4000-8000-00000000000{n}") for n in range(4))
FIRST_INSTANT = datetime(2026, 1, 1, 6, tzinfo=UTC)
LOANS_OF_A_TENANT = 60
BATCH = 24
REFERENCES = (None, None, None, "ref-a", "ref-b", "=1+1")


@dataclass(frozen=True)
class Told:
    """A loan as the engine had it once everything up to an instant was applied."""

    known_at: datetime
    loan: Loan


@dataclass
class MixedBooks:
    """The generator, and what it has seen."""

    books: Books
    chance: Random
    now: datetime = FIRST_INSTANT
    loans: dict[tuple[UUID, UUID], Loan] = field(default_factory=dict)
    told: list[Told] = field(default_factory=list)
    entries: dict[UUID, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    placed: dict[tuple[int, int], Entry] = field(default_factory=dict)
    taken: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._held = self.books.take_leases(range(PARTITIONS), "a test")
        self._offsets = [0] * PARTITIONS
        self._pending: list[AnyCommand] = []
        self._keys = 0

    def post(self, batches: int) -> None:
        """Some batches, about a day apart; the steps that follow from one are in the next."""
        for _ in range(batches):
            self.now += timedelta(minutes=self.chance.randrange(0, 3_000))
            steps, self._pending = self._pending, []
            chosen = [self._any_command(self.chance.choice(TENANTS)) for _ in range(BATCH)]
            self._apply(steps + [command for command in chosen if command is not None])

    def close(self, tenant_id: UUID, closed_through: date) -> None:
        """Close a month that has ended, in every partition."""
        envelope = self._envelope(tenant_id)
        self._apply([commands.PeriodClose(**envelope, closed_through=closed_through)])
        self.settle()

    def settle(self) -> None:
        """Apply the steps that follow until none does."""
        while self._pending:
            steps, self._pending = self._pending, []
            self._apply(steps)

    def _apply(self, batch: list[AnyCommand]) -> None:
        self.now += timedelta(microseconds=1)  # what was told before is told for good
        touched: dict[tuple[UUID, UUID], Loan] = {}
        for run in runs([self._item(command) for command in batch]):
            before = {p: self._held[p] for p in {item.record.partition_id for item in run}}
            pages = self.books.open_pages(run, before, PARTITIONS)
            verdict = decide_batch(run, pages.by_partition, pages.earlier, before)
            assert verdict.halts == {}
            self.books.record(verdict, pages)
            self._held.update(verdict.after)
            for partition_id, tenant_id, loan_id in verdict.touched_loans:
                loan = pages.by_partition[partition_id].loans[tenant_id, loan_id]
                touched[tenant_id, loan_id] = loan
            for link in verdict.links:
                self.entries[link.entry.tenant_id].append(link.entry)
                self.placed[link.partition_id, link.entry_seq] = link.entry
                self.taken[link.entry.event_type] += 1
            self._pending += [_command_of(row.record_value) for row in verdict.follow_ups]
            self.taken.update(row.status for row in verdict.outcomes)
        self.loans.update(touched)
        self.told += [Told(self.now, loan) for loan in touched.values()]

    def _item(self, command: AnyCommand) -> Item:
        """The command's record, appended a moment after the one before or in the same instant."""
        self.now += timedelta(microseconds=self.chance.choice((0, 0, 1, 2_500_000)))
        partition_id, key = place_of(command, PARTITIONS)
        offset = self._offsets[partition_id]
        self._offsets[partition_id] += 1
        return Item(Record(partition_id, offset, self.now, key, codec.encode(command), ()), command)

    def _envelope(self, tenant_id: UUID, step: str = "") -> dict[str, Any]:
        self._keys += 1
        return {
            "tenant_id": tenant_id,
            "idempotency_key": f"command:{self._keys}{step}",
            "fingerprint": bytes(32),
            "accepted_at": self.now,
            "actor": "a test",
        }

    def _day(self) -> date:
        """An effective date: mostly of the last days, sometimes long ago, sometimes ahead."""
        back = self.chance.choice((-3, 0, 0, 1, 2, 5, 20, 45, 70))
        return self.now.date() - timedelta(days=back)

    def _amount(self) -> int:
        return self.chance.choice(
            (1, 5_00, 10_00, 80_00, 300_00, self.chance.randrange(1, 1_000_00))
        )

    def _loan(self, tenant_id: UUID) -> UUID:
        return uuid5(tenant_id, f"loan {self.chance.randrange(LOANS_OF_A_TENANT)}")

    def _any_command(self, tenant_id: UUID) -> AnyCommand | None:
        makers = (self._open, self._pay, self._change, self._accrue, self._refinance)
        makers += (self._adjust, self._undo, self._undo, self._of_event)
        weights = (3, 4, 5, 1, 3, 2, 1, 1, 5)
        maker: Callable[[UUID], AnyCommand | None]
        [maker] = self.chance.choices(makers, weights)
        return maker(tenant_id)

    def _event(self, tenant_id: UUID, loan_id: UUID) -> dict[str, Any]:
        loan = self.loans.get((tenant_id, loan_id))
        return {
            **self._envelope(tenant_id),
            "loan_id": loan_id,
            "effective_on": self._day(),
            "amount_minor": self._amount(),
            "currency": "USD" if loan is None or not loan.life else loan.currency,
            "external_ref": self.chance.choice(REFERENCES),
        }

    def _open(self, tenant_id: UUID) -> AnyCommand:
        loan_id = self._loan(tenant_id)
        loan = self.loans.get((tenant_id, loan_id))
        event = self._event(tenant_id, loan_id)
        if loan is None or loan.is_cancelled:
            event["currency"] = self.chance.choice(("USD", "USD", "EUR"))
            borrower_id = self.chance.choice(BORROWERS)
        else:
            borrower_id = loan.borrower_id
        return commands.Disbursement(**event, borrower_id=borrower_id, method="ach")

    def _pay(self, tenant_id: UUID) -> AnyCommand:
        loan_id = self._loan(tenant_id)
        loan = self.loans.get((tenant_id, loan_id))
        event = self._event(tenant_id, loan_id)
        if loan is not None and self.chance.random() < 0.4:
            event["amount_minor"] = max(1, loan.exposure_minor)
        borrower_id = BORROWERS[0] if loan is None else loan.borrower_id
        how: Any = self.chance.choice(("auto", "auto", "auto", "hold"))
        return commands.Payment(
            **event, borrower_id=borrower_id, source_method="ach", allocation=how
        )

    def _change(self, tenant_id: UUID) -> AnyCommand:
        """What concerns one loan and needs nothing but its state."""
        event = self._event(tenant_id, self._loan(tenant_id))
        loan = self.loans.get((tenant_id, event["loan_id"]))
        remarks = {k: v for k, v in event.items() if k not in ("amount_minor", "currency")}
        interest_minor, fees_minor = (loan.interest_minor, loan.fees_minor) if loan else (0, 0)
        match self.chance.randrange(8):
            case 0 | 1:
                return commands.FeeAssessment(**event, fee_type="late")
            case 2:
                event["amount_minor"] = max(1, fees_minor // 2)
                return commands.FeeWaiver(**event, reason_code="goodwill")
            case 3 | 4:
                event["amount_minor"] = max(1, 0 if loan is None else loan.suspense_minor)
                return commands.PaymentAllocation(**event)
            case 5:
                return commands.ChargeOff(**remarks, reason_code="fraud")
            case 6:
                return commands.Recovery(**event, source_method="ach")
        return commands.Restructure(
            **remarks,
            capitalize_interest_minor=interest_minor,
            capitalize_fees_minor=fees_minor,
        )

    def _accrue(self, tenant_id: UUID) -> AnyCommand | None:
        partition_id = self.chance.randrange(PARTITIONS)
        mine = sorted(
            loan_id
            for (owner, loan_id), loan in self.loans.items()
            if owner == tenant_id
            and loan.currency == "USD"
            and partition_of_loan(owner, loan_id, PARTITIONS) == partition_id
        )
        if not mine:
            return None
        interests = [self.chance.choice((0, 1_00, 8_22)) for _ in mine]
        return commands.AccrualChunk(
            **self._envelope(tenant_id, f"/{partition_id}/0"),
            program_id=tenant_id,
            accrued_on=self._day(),
            day_count_convention="ACT_365",
            currency="USD",
            require_principal_match=False,
            backfill=self.chance.random() < 0.3,
            chunks_total=1,
            loans_total=len(mine),
            interest_total_minor=sum(interests),
            loan_ids=b"".join(one.bytes for one in mine),
            principals=pack(f">{len(mine)}q", *([0] * len(mine))),
            interests=pack(f">{len(mine)}q", *interests),
        )

    def _refinance(self, tenant_id: UUID) -> AnyCommand:
        loan_id = self._loan(tenant_id)
        loan = self.loans.get((tenant_id, loan_id))
        more_minor = self.chance.choice((0, 0, 50_00))
        currency = "USD" if loan is None or not loan.life else loan.currency
        return commands.Refinance(
            **self._envelope(tenant_id),
            loan_id=loan_id,
            effective_on=self._day(),
            new_loan_id=self._loan(tenant_id),
            additional_principal_minor=more_minor,
            currency=currency if more_minor else None,
        )

    def _adjust(self, tenant_id: UUID) -> AnyCommand:
        loan_id: UUID | None = self._loan(tenant_id)
        loan = self.loans.get((tenant_id, loan_id or BORROWERS[0]))
        codes = self.chance.choice(
            (
                ("1100", "3000"),
                ("1100", "3000"),
                ("3000", "1100"),
                ("2100", "1000"),
                ("1000", "4200"),
            )
        )
        if codes == ("1000", "4200"):
            loan_id = None
        currency = "USD" if loan is None or not loan.life else loan.currency
        layer = self.chance.choice(("SETTLED", "SETTLED", "PENDING", "ENCUMBRANCE"))
        amount_minor = self._amount()
        if codes == ("3000", "1100") and loan is not None:
            amount_minor = max(1, loan.principal_minor)
        return commands.ManualAdjustment(
            **self._envelope(tenant_id),
            lines=tuple(
                commands.AdjustmentLine(
                    account_code=code,
                    direction=side,
                    amount_minor=amount_minor,
                    currency=currency,
                    layer=layer,
                )
                for code, side in zip(codes, ("DR", "CR"), strict=True)
            ),
            reason_code="other",
            effective_on=self._day(),
            loan_id=loan_id,
            borrower_id=self._borrower_to_name(loan) if loan_id else None,
            description="a test",
        )

    def _borrower_to_name(self, loan: Loan | None) -> UUID:
        if loan is None or loan.is_cancelled:
            return self.chance.choice(BORROWERS)
        return loan.borrower_id

    def _undo(self, tenant_id: UUID) -> AnyCommand | None:
        entry = self._entry(tenant_id)
        if entry is None:
            return None
        why = {"reason_code": "other", "reason_description": "a test"}
        effective_on = max(entry.effective_on, self._day())
        named = {"reverses_entry_id": entry.journal_entry_id, "effective_on": effective_on, **why}
        if entry.event_type == "refinance":
            return self._undo_refinance(tenant_id, entry, named)
        if entry.event_type != "accrual":
            return commands.Reversal(**self._envelope(tenant_id), **named)
        loan_id = entry.lines[0].loan_id
        if self.chance.random() < 0.5 or loan_id is None:
            partition_id = partition_of_loan(tenant_id, loan_id or BORROWERS[0], PARTITIONS)
            step = f"/{partition_id}/{entry.part}"
            envelope = self._envelope(tenant_id, step)
            return commands.Reversal(**envelope, **named, part=entry.part, chunks_total=1)
        return commands.Reversal(**self._envelope(tenant_id), **named, loan_id=loan_id)

    def _undo_refinance(
        self, tenant_id: UUID, entry: Entry, named: dict[str, Any]
    ) -> AnyCommand | None:
        parts = {
            one.part: one.lines[0].loan_id
            for one in self.entries[tenant_id]
            if one.journal_entry_id == entry.journal_entry_id
        }
        if len(parts) < 2:
            return None
        envelope = self._envelope(tenant_id)
        return commands.RefinanceReversal(
            **envelope, **named, loan_id=parts[0], new_loan_id=parts[1]
        )

    def _of_event(self, tenant_id: UUID) -> AnyCommand | None:
        """What names an earlier event: a settlement, or a payment's return."""
        entry = self._entry(tenant_id, "disbursement", "payment_received")
        if entry is None:
            return None
        named = {**self._envelope(tenant_id), "effective_on": max(entry.effective_on, self._day())}
        if entry.event_type == "disbursement":
            return commands.DisbursementSettlement(**named, disbursement_event_id=entry.event_id)
        if self.chance.random() < 0.7:
            return None
        return commands.PaymentReturn(**named, payment_event_id=entry.event_id, return_code="R01")

    def _entry(self, tenant_id: UUID, *types: str) -> Entry | None:
        known = [e for e in self.entries[tenant_id] if not types or e.event_type in types]
        recent = known[-60:] if self.chance.random() < 0.7 else known
        return self.chance.choice(recent) if recent else None


def _command_of(value: bytes) -> AnyCommand:
    command = codec.decode(value)
    assert not isinstance(command, codec.Outcome)
    return command
