"""The rules again, written from the specification and not from the code: what must come out.

`Model` keeps for each loan what stands (openings, payments, accruals) and derives everything
else from that. While nothing is waived, refunded or written off, these hold (accounting section
3): principal + collected = openings; interest + collected = accruals; all collected + suspense =
payments; unsettled = openings.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

from posting_engine.posting.journal import Entry
from posting_engine.posting.loan import Loan
from schemas.commands import AccrualChunk, Disbursement, Payment, Reversal
from schemas.money import MAX_AMOUNT_MINOR

Key = tuple[UUID, UUID]
"""tenant, loan."""


def signed(entry: Entry) -> Counter[tuple[UUID | None, str]]:
    """Debits less credits of SETTLED lines, by loan and account."""
    sums: Counter[tuple[UUID | None, str]] = Counter()
    for line in entry.lines:
        sums[line.loan_id, line.account_code] += (
            line.amount_minor if line.direction == "DR" else -line.amount_minor
        )
    return sums


def clamp(amount: int, capacity: int) -> int:
    return max(0, min(amount, capacity))


def waterfall(amount: int, principal: int, interest: int, fees: int) -> dict[str, int]:
    """What a payment pays: whatever is above the fees is left for interest, and so on."""
    return {
        "fees": clamp(amount, fees),
        "interest": clamp(amount - fees, interest),
        "principal": clamp(amount - fees - interest, principal),
        "suspense": max(0, amount - fees - interest - principal),
    }


def taken_back(
    amount: int, credited: Mapping[str, int], collected: Mapping[str, int], suspense: int
) -> tuple[dict[str, int], dict[str, int]]:
    """What a reversed payment debits, by name, and by how much each `collected` falls.

    The sources in the order in which the specification names them, each with what it can give;
    each gives what the sources before it could not.
    """
    names = ("principal", "interest", "fees")
    own = {name: min(credited[name], collected[name]) for name in names}
    sources = [(name, own[name]) for name in names]
    sources += [("suspense", suspense)]
    sources += [(name, collected[name] - own[name]) for name in names]
    debits = dict.fromkeys((*names, "suspense"), 0)
    before = 0
    for name, capacity in sources:
        debits[name] += clamp(amount - before, capacity)
        before += capacity
    falls = {name: debits[name] for name in names}
    debits["principal"] += max(0, amount - before)
    return debits, falls


@dataclass
class Life:
    """A loan since its latest opening: what has been posted for it and still stands."""

    borrower_id: UUID
    currency: str
    opened_on: date
    openings: dict[UUID, int] = field(default_factory=dict)
    payments: dict[UUID, int] = field(default_factory=dict)
    accruals: dict[tuple[UUID, int], tuple[date, int]] = field(default_factory=dict)
    accrued_through: date | None = None
    largest_sum: int = 0

    @property
    def is_cancelled(self) -> bool:
        return not (self.openings or self.payments or self.accruals)

    @property
    def accrued(self) -> int:
        return sum(amount for _, amount in self.accruals.values())

    def status(self, loan: Loan) -> str:
        if self.is_cancelled:
            return "cancelled"
        return "active" if loan.principal_minor + loan.interest_minor else "paid_off"

    def disagreements(self, loan: Loan) -> list[str]:
        """Which of the identities do not hold; nothing when all do."""
        opened, paid = sum(self.openings.values()), sum(self.payments.values())
        collected = loan.collected_principal_minor + loan.collected_interest_minor
        truths = {
            "principal": loan.principal_minor + loan.collected_principal_minor == opened,
            "interest": loan.interest_minor + loan.collected_interest_minor == self.accrued,
            "fees": loan.fees_minor == loan.collected_fees_minor == 0,
            "cash": collected + loan.suspense_minor == paid,
            "unsettled": loan.unsettled_minor == opened,
            "status": loan.status == self.status(loan),
            "accrued through": loan.accrued_through == self.accrued_through,
            "counts": (loan.standing_openings, loan.standing_payments)
            == (len(self.openings), len(self.payments)),
        }
        return [name for name, holds in truths.items() if not holds]


class Model:
    """What stands, by loan; and of which loan and kind every entry was."""

    def __init__(self) -> None:
        self.lives: dict[Key, Life] = {}
        self.kinds: dict[tuple[UUID, UUID], tuple[str, Life, date]] = {}

    def disburse(self, command: Disbursement, entry_id: UUID) -> None:
        key = (command.tenant_id, command.loan_id)
        life = self.lives.get(key)
        if life is None or life.is_cancelled:
            life = Life(command.borrower_id, command.currency, command.effective_on)
            life.largest_sum = command.amount_minor
            self.lives[key] = life
        life.openings[entry_id] = command.amount_minor
        self.kinds[command.tenant_id, entry_id] = ("opening", life, command.effective_on)

    def pay(self, command: Payment, entry_id: UUID) -> None:
        life = self.lives[command.tenant_id, command.loan_id]
        life.payments[entry_id] = command.amount_minor
        self.kinds[command.tenant_id, entry_id] = ("payment", life, command.effective_on)

    def accrue(self, chunk: AccrualChunk, loan_id: UUID, amount: int, entry: Entry | None) -> None:
        life = self.lives[chunk.tenant_id, loan_id]
        through = life.accrued_through
        life.accrued_through = max(through or chunk.accrued_on, chunk.accrued_on)
        if amount and entry is not None:
            life.accruals[entry.journal_entry_id, entry.part] = (chunk.accrued_on, amount)

    def unaccrue(self, command: Reversal, loan_id: UUID, part: int, mirror_id: UUID) -> None:
        life = self.lives[command.tenant_id, loan_id]
        day, _ = life.accruals.pop((command.reverses_entry_id, part))
        if life.accrued_through == day:
            standing = [other for other, _ in life.accruals.values()]
            life.accrued_through = max(standing, default=None)
        self.kinds[command.tenant_id, mirror_id] = ("reversal", life, command.effective_on)

    def reverse(self, command: Reversal, mirror_id: UUID) -> None:
        kind, life, _ = self.kinds[command.tenant_id, command.reverses_entry_id]
        standing = life.openings if kind == "opening" else life.payments
        del standing[command.reverses_entry_id]
        self.kinds[command.tenant_id, mirror_id] = ("reversal", life, command.effective_on)

    def code_of(self, command: Disbursement | Payment) -> str | None:
        """The refusal of a disbursement or payment; None: it posts, unless out of range."""
        life = self.lives.get((command.tenant_id, command.loan_id))
        if life is None or life.is_cancelled:
            return None if isinstance(command, Disbursement) else "loan_not_found"
        life.largest_sum += command.amount_minor
        if command.borrower_id != life.borrower_id:
            return "borrower_mismatch"
        return None if command.currency == life.currency else "currency_mismatch"

    def code_of_share(
        self, chunk: AccrualChunk, loan_id: UUID, amount: int, matches: bool
    ) -> str | None:
        """The refusal of one loan of a chunk; None: it posts, unless out of range."""
        life = self.lives.get((chunk.tenant_id, loan_id))
        if life is None:
            return "loan_not_found"
        life.largest_sum += amount
        if life.is_cancelled or chunk.accrued_on < life.opened_on:
            return "loan_not_accruing"
        if chunk.currency != life.currency:
            return "currency_mismatch"
        standing = {day for day, _ in life.accruals.values()}
        through = life.accrued_through
        passed = through is not None and chunk.accrued_on <= through
        if chunk.accrued_on in standing if chunk.backfill else passed:
            return "already_accrued"
        return "principal_mismatch" if chunk.require_principal_match and not matches else None

    def code_of_reversal(self, command: Reversal) -> str | None:
        """The refusal of a whole entry's reversal; None: it posts, unless out of range."""
        kind, life, day = self.kinds.get(
            (command.tenant_id, command.reverses_entry_id), ("", None, date.min)
        )
        current = any(life is one for one in self.lives.values())
        if life is None or life.is_cancelled or not current:
            return "entry_not_found"
        if kind == "reversal":
            return "reversal_of_reversal"
        if command.reverses_entry_id not in {**life.openings, **life.payments}:
            return "already_reversed"
        return "effective_before_original" if command.effective_on < day else None

    def may_be_out_of_range(self, tenant_id: UUID) -> bool:
        """Whether the amounts ever sent for some loan of the tenant pass the largest balance."""
        lives = (life for (owner, _), life in self.lives.items() if owner == tenant_id)
        return any(life.largest_sum > MAX_AMOUNT_MINOR for life in lives)
