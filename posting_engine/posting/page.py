"""The page: what one partition's batch needs of the books, its own effects included.

The shell fills it before deciding and records its changes afterwards; `decide` reads it and
never waits. No decision reads another partition, so a page is one partition's.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from posting_engine.posting.journal import BrokenInvariant, Entry
from posting_engine.posting.loan import Loan
from posting_engine.posting.refusals import Refusal

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
    settled_minor: int = 0
    reversed: bool = False


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

    `result` is the response body, JSON-ready; `loans` are states after.
    """

    result: dict[str, object]
    entry: Entry | None = None
    loans: tuple[Loan, ...] = ()
    disbursed: tuple[DisbursedAmount, ...] = ()
    targets: tuple[ReversalTarget, ...] = ()


Decision = Posting | Refusal


@dataclass(slots=True)
class Page:
    """One partition's working set. Keys carry no partition: all of them are of this one."""

    partition_id: int
    next_entry_seq: int
    loans: dict[tuple[UUID, UUID], Loan] = field(default_factory=dict)
    entries: dict[tuple[UUID, UUID], PostedEntry] = field(default_factory=dict)
    reversed_by: dict[UUID, UUID] = field(default_factory=dict)
    disbursed: dict[tuple[UUID, UUID], DisbursedAmount] = field(default_factory=dict)
    accrued: dict[tuple[UUID, int | None, UUID | None], tuple[AccruedLine, ...]] = field(
        default_factory=dict
    )
    standing_accruals: set[tuple[UUID, UUID, date]] = field(default_factory=set)
    closed_through: dict[UUID, date] = field(default_factory=dict)

    def loan_of(self, tenant_id: UUID, loan_id: UUID) -> Loan | None:
        """The loan as it stands now, cancelled ones included."""
        return self.loans.get((tenant_id, loan_id))

    def booked_on(self, tenant_id: UUID, effective_on: date) -> date:
        """The day for the general ledger: the first open one that is not before `effective_on`."""
        closed_through = self.closed_through.get(tenant_id)
        if closed_through is None or effective_on > closed_through:
            return effective_on
        return closed_through + timedelta(days=1)

    def apply(self, posting: Posting) -> None:
        """Take a decision's effects into the page, so that the next command sees them."""
        entry = posting.entry
        if entry is not None:
            self.entries[entry.tenant_id, entry.journal_entry_id] = PostedEntry(
                self.next_entry_seq, entry
            )
            self.next_entry_seq += 1
        for loan in posting.loans:
            before = self.loans.get((loan.tenant_id, loan.loan_id))
            if loan.version != (0 if before is None else before.version) + 1:
                raise BrokenInvariant(f"loan {loan.loan_id} skips a version")
            self.loans[loan.tenant_id, loan.loan_id] = loan
        for amount in posting.disbursed:
            if entry is not None:
                self.disbursed[entry.tenant_id, amount.event_id] = amount
        for target in posting.targets:
            if target.loan_id == WHOLE_PART:
                self.reversed_by[target.reverses_entry_id] = target.reversed_by_entry_id
