"""A loan at a pair of dates in another way than the read edge's: from what the engine had.

The lives are those of the engine's own loans, the entries those that it made, and the status is
the core's, of a loan put together of what counts.
"""

from bisect import bisect
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg

from posting_engine.posting.journal import Entry, Line
from posting_engine.posting.loan import Loan
from schemas.partitioning import partition_of_loan
from tests.books.ledger import PARTITIONS
from tests.books.mixed_books import MixedBooks

LoanKey = tuple[UUID, UUID]


@dataclass(frozen=True)
class Life:
    """One life of a loan id: how the engine opened it, and when."""

    loan: Loan
    began_at: datetime


@dataclass(frozen=True)
class Share:
    """What of an entry concerns one loan."""

    entry_seq: int
    entry: Entry
    lines: tuple[Line, ...]


class SecondWay:
    """Everything that a filled ledger's generator has seen, by loan."""

    def __init__(self, mixed: MixedBooks) -> None:
        self._shares: dict[LoanKey, list[Share]] = defaultdict(list)
        for (_, entry_seq), entry in sorted(mixed.placed.items()):
            lines: dict[UUID, list[Line]] = defaultdict(list)
            for line in entry.lines:
                if line.loan_id is not None:
                    lines[line.loan_id].append(line)
            for loan_id, own in lines.items():
                share = Share(entry_seq, entry, tuple(own))
                self._shares[entry.tenant_id, loan_id].append(share)
        self.lives: dict[LoanKey, list[Life]] = defaultdict(list)
        for loan in (one.loan for one in mixed.told if one.loan.life):
            lives = self.lives[loan.tenant_id, loan.loan_id]
            if loan.life > len(lives):
                partition_id = partition_of_loan(loan.tenant_id, loan.loan_id, PARTITIONS)
                opening = mixed.placed[partition_id, loan.life_began_seq]
                lives.append(Life(loan, opening.posted_at))
                assert loan.life == len(lives), "a life began and ended within a batch"

    def life_at(self, key: LoanKey, known_at: datetime) -> Life | None:
        """The life that the loan was in at an instant; None before the first."""
        lives = self.lives[key]
        number = bisect([life.began_at for life in lives], known_at)
        return lives[number - 1] if number else None

    def status_at(self, key: LoanKey, as_of: date, known_at: datetime) -> str | None:
        """The core's status of a loan to which only what counts has happened."""
        life = self.life_at(key, known_at)
        if life is None:
            return None
        counting = [
            share
            for share in self._shares[key]
            if share.entry_seq >= life.loan.life_began_seq
            and share.entry.posted_at <= known_at
            and share.entry.effective_on <= as_of
        ]
        return put_together(life.loan, counting).status if counting else "active"


def put_together(loan: Loan, shares: Iterable[Share]) -> Loan:
    """A loan with the balances of some entries and the counts of those that stand."""
    shares = list(shares)
    nothing = Loan(
        tenant_id=loan.tenant_id,
        loan_id=loan.loan_id,
        borrower_id=loan.borrower_id,
        currency=loan.currency,
        opened_on=loan.opened_on,
        last_activity_at=loan.last_activity_at,
    )
    balances = nothing.balances_after(line for share in shares for line in share.lines)
    # The core knows no balance below zero: here it is something that is left, like one above.
    amounts = {name: abs(amount_minor) for name, amount_minor in balances.items()}
    reversed_ids = {share.entry.reverses_entry_id for share in shares}
    counts: dict[str, Any] = defaultdict(int)
    for share in shares:
        if share.entry.journal_entry_id not in reversed_ids:
            counts[_counted_as(share, loan.life_began_seq)] += 1
    counts.pop("", None)
    return replace(nothing, **amounts, **counts)


def _counted_as(share: Share, life_began_seq: int) -> str:
    if share.entry_seq == life_began_seq:
        return "standing_openings"
    match share.entry.event_type, share.entry.part:
        case ("disbursement", _) | ("refinance", 1):
            return "standing_openings"
        case ("refinance", _):
            return "standing_refinances"
        case ("payment_received", _):
            return "standing_payments"
        case ("chargeoff", _):
            return "standing_charge_offs"
    return ""


def put_samples(
    admin: psycopg.Connection[Any], asked: list[tuple[Any, ...]], lives: list[Life | None]
) -> None:
    """Have what is asked of loans that were there (tenant, loan, as_of, known_at) and the life that
    it is asked of in the session's table `samples`, by number.
    """
    admin.execute(
        "CREATE TEMPORARY TABLE samples (number int, tenant_id uuid, loan_id uuid, as_of date,"
        " known_at timestamptz, life_began_seq bigint)"
    )
    with admin.cursor() as cursor, cursor.copy("COPY samples FROM STDIN") as copy:
        for number, (ask, life) in enumerate(zip(asked, lives, strict=True)):
            if life is not None:
                copy.write_row((number, *ask, life.loan.life_began_seq))
    admin.execute("ANALYZE samples")
