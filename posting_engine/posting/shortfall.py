"""What a reversal does when a receivable no longer holds the amount, and its plain refusals."""

from dataclasses import dataclass
from datetime import date
from uuid import UUID

from posting_engine.posting.journal import Line, Subject, credit, debit
from posting_engine.posting.loan import RECEIVABLE_ACCOUNTS, Loan
from posting_engine.posting.refusals import Refusal
from schemas.chart_of_accounts import SUSPENSE


@dataclass(frozen=True, slots=True)
class Moved:
    """What moves to suspense in the same entry; `collected` falls by `amount_minor`."""

    amount_minor: int
    lines: tuple[Line, ...] = ()


def cover(loan: Loan, receivable: str, amount_minor: int, subject: Subject) -> Moved | Refusal:
    """Keep a receivable from falling below zero when `amount_minor` is taken out of it.

    What is short had been collected in cash, and then is the borrower's money again: it moves
    to suspense. What not even `collected` covers was reduced without cash.
    """
    short_minor = amount_minor - loan.owed_minor(receivable)
    if short_minor <= 0:
        return Moved(0)
    if short_minor > loan.collected_minor(receivable):
        return Refusal(
            "reduced_without_cash",
            f"The {receivable} was waived, capitalised, charged off or refinanced since: "
            "reverse that first.",
        )
    account = RECEIVABLE_ACCOUNTS[receivable]
    lines = (debit(account, short_minor, subject), credit(SUSPENSE, short_minor, subject))
    return Moved(short_minor, lines)


def already_reversed(reversed_by: UUID) -> Refusal:
    """The refusal that names the reversal which stands."""
    return Refusal(
        "already_reversed",
        f"The entry was reversed by {reversed_by}.",
        {"reversed_by_entry_id": str(reversed_by)},
    )


def itself_a_reversal() -> Refusal:
    """The refusal to reverse a reversal."""
    return Refusal("reversal_of_reversal", "The entry is itself a reversal: post it again.")


def too_early(effective_on: date) -> Refusal:
    """The refusal of a reversal that would count before its original."""
    return Refusal(
        "effective_before_original", f"The original is effective on {effective_on.isoformat()}."
    )


def out_of_range() -> Refusal:
    """The refusal that comes last for every event."""
    return Refusal("balance_out_of_range", "A balance of the loan would pass 999999999999999.")
