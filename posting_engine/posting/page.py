"""The page: what one partition's batch needs of the books, its own effects included.

The shell fills it before deciding and records its changes afterwards; `decide` reads it and
never waits. No decision reads another partition, so a page is one partition's.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from posting_engine.posting.journal import BrokenInvariant, Entry
from posting_engine.posting.loan import Loan
from posting_engine.posting.refusals import LOAN_NOT_FOUND, Refusal, currency_mismatch
from schemas import ids
from schemas.commands import AnyCommand, MoneyEvent

if TYPE_CHECKING:
    from posting_engine.posting.accrual_columns import Accrued, LoanColumns

WHOLE_PART: Final = UUID(int=0)
"""Stands for the loan in a reversal target that is a whole entry."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command stands in the log. `posted_at`: its append time, never going back."""

    partition_id: int
    command_offset: int
    posted_at: datetime


@dataclass(frozen=True, slots=True)
class PostedEntry:
    """An entry with its place in the partition's journal."""

    entry_seq: int
    entry: Entry


@dataclass(frozen=True, slots=True)
class DisbursedAmount:
    """How much of one disbursement has been settled, and whether it was reversed."""

    event_id: UUID
    loan_id: UUID
    journal_entry_id: UUID
    amount_minor: int
    entry_seq: int
    effective_on: date
    settled_minor: int = 0
    reversed: bool = False

    @property
    def part(self) -> int:
        """Which part of its entry lends it: a refinance's additional principal is in part 1."""
        return int(ids.partition_in(self.journal_entry_id) == ids.IN_PARTS)

    @property
    def unsettled_minor(self) -> int:
        """What is still on its way."""
        return self.amount_minor - self.settled_minor


@dataclass(frozen=True, slots=True)
class AccruedLine:
    """One loan's share of an accrual, as its reversal needs it.

    `previous_accrued_on` is the loan's latest standing accrual before this one;
    `reversed_by` the entry that reversed this share already. `is_reversal`: the part named is
    itself a reversal.
    """

    loan_id: UUID
    part: int
    entry_seq: int
    accrual_event_id: UUID
    amount_minor: int
    currency: str
    accrued_on: date
    previous_accrued_on: date | None
    reversed_by: UUID | None
    is_reversal: bool = False


@dataclass(frozen=True, slots=True)
class ReversalTarget:
    """What an entry reverses: a whole entry, or one loan's share of an accrual."""

    reverses_entry_id: UUID
    part: int
    loan_id: UUID
    reversed_by_entry_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """A decision to post: the entry (none for zero interest) and what changes with it.

    `result` is the response body, JSON-ready; `loans` are states after. `about_disbursement` is
    the disbursement event that an entry of another event settles or brings along; `follow_ups`
    are the next steps, for whichever partition owns them; `closed_through` closes months;
    `at_fault` are loans of a chunk that broke a rule, with the reason: the others post. `accrued`
    is what a chunk decided by arrays changes, instead of `loans`.
    """

    result: dict[str, object]
    entry: Entry | None = None
    loans: tuple[Loan, ...] = ()
    disbursed: tuple[DisbursedAmount, ...] = ()
    targets: tuple[ReversalTarget, ...] = ()
    about_disbursement: UUID | None = None
    follow_ups: tuple[AnyCommand, ...] = ()
    closed_through: date | None = None
    at_fault: tuple[tuple[UUID, str], ...] = ()
    accrued: "Accrued | None" = None


Decision = Posting | Refusal


EntryKey = tuple[UUID, UUID, int]
"""tenant, journal entry, part."""


@dataclass(slots=True)
class Page:
    """One partition's working set. Keys carry no partition: all of them are of this one.

    `events` are payments by event; `reversed_by` has the reversals of what is in `entries` and
    `disbursed`, by entry and part; `disbursement_of` finds the disbursement of a settlement's or a
    refinance's entry; `standing_accruals` has the latest entry_seq for (tenant, loan, day).
    `quarantined` are the (tenant, loan) that stand still; `at_fault` the loans of the chunk being
    decided whose share cannot be kept, with the reason. `loan_columns`: the loans of chunks to be
    decided by arrays, by tenant and key; no other command of the page may concern them.
    """

    partition_id: int
    next_entry_seq: int
    partition_count: int
    loans: dict[tuple[UUID, UUID], Loan] = field(default_factory=dict)
    entries: dict[EntryKey, PostedEntry] = field(default_factory=dict)
    events: dict[tuple[UUID, UUID], PostedEntry] = field(default_factory=dict)
    reversed_by: dict[tuple[UUID, int], UUID] = field(default_factory=dict)
    disbursed: dict[tuple[UUID, UUID], DisbursedAmount] = field(default_factory=dict)
    disbursement_of: dict[UUID, UUID] = field(default_factory=dict)
    accrued: dict[tuple[UUID, int | None, UUID | None], tuple[AccruedLine, ...]] = field(
        default_factory=dict
    )
    standing_accruals: dict[tuple[UUID, UUID, date], int] = field(default_factory=dict)
    closed_through: dict[UUID, date] = field(default_factory=dict)
    quarantined: set[tuple[UUID, UUID]] = field(default_factory=set)
    at_fault: dict[UUID, str] = field(default_factory=dict)
    loan_columns: "dict[tuple[UUID, str], LoanColumns]" = field(default_factory=dict)

    def loan_of(self, tenant_id: UUID, loan_id: UUID | None) -> Loan | None:
        """The loan as it stands now, cancelled and reserved ones included."""
        return None if loan_id is None else self.loans.get((tenant_id, loan_id))

    def living_loan(self, tenant_id: UUID, loan_id: UUID | None) -> Loan | None:
        """The loan, unless it is cancelled: for every event but an opening that is no loan."""
        loan = self.loan_of(tenant_id, loan_id)
        return None if loan is None or loan.is_cancelled else loan

    def loan_in_reach(self, tenant_id: UUID, loan_id: UUID | None, entry_seq: int) -> Loan | None:
        """The living loan, if what was posted at `entry_seq` belongs to its present life."""
        loan = self.living_loan(tenant_id, loan_id)
        return None if loan is None or entry_seq < loan.life_began_seq else loan

    def loan_in_currency(self, event: MoneyEvent) -> Loan | Refusal:
        """The living loan of an event, in the event's currency; or why there is none."""
        loan = self.living_loan(event.tenant_id, event.loan_id)
        if loan is None:
            return LOAN_NOT_FOUND
        return loan if loan.currency == event.currency else currency_mismatch(loan.currency)

    def booked_on(self, tenant_id: UUID, effective_on: date) -> date:
        """The day for the general ledger: the first open one that is not before `effective_on`."""
        closed_through = self.closed_through.get(tenant_id)
        if closed_through is None or effective_on > closed_through:
            return effective_on
        return closed_through + timedelta(days=1)

    def check_kept(self, loan_id: UUID) -> None:
        """Raise for a loan of a chunk whose share cannot be kept."""
        if (reason := self.at_fault.get(loan_id)) is not None:
            raise BrokenInvariant(reason)

    def apply(self, posting: Posting, tenant_id: UUID) -> None:
        """Take a decision's effects into the page, so that the next command sees them.

        All or nothing: where it raises, the page is as it was.
        """
        for loan in posting.loans:
            before = self.loans.get((tenant_id, loan.loan_id))
            if loan.version != (0 if before is None else before.version) + 1:
                raise BrokenInvariant(f"loan {loan.loan_id} skips a version")
        if posting.entry is not None:
            self._enter(posting.entry, posting.about_disbursement)
        for loan in posting.loans:
            self.loans[tenant_id, loan.loan_id] = loan
        for amount in posting.disbursed:
            self.disbursed[tenant_id, amount.event_id] = amount
        for target in posting.targets:
            if target.loan_id == WHOLE_PART:
                reverses = (target.reverses_entry_id, target.part)
                self.reversed_by[reverses] = target.reversed_by_entry_id
        if posting.closed_through is not None:
            self.closed_through[tenant_id] = posting.closed_through

    def _enter(self, entry: Entry, about_disbursement: UUID | None) -> None:
        posted = PostedEntry(self.next_entry_seq, entry)
        self.entries[entry.tenant_id, entry.journal_entry_id, entry.part] = posted
        self.events[entry.tenant_id, entry.event_id] = posted
        if about_disbursement is not None:
            self.disbursement_of[entry.journal_entry_id] = about_disbursement
        self.next_entry_seq += 1
