"""What a reversal does when a receivable no longer holds the amount."""

from dataclasses import dataclass

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
        return reduced_without_cash(receivable)
    account = RECEIVABLE_ACCOUNTS[receivable]
    lines = (debit(account, short_minor, subject), credit(SUSPENSE, short_minor, subject))
    return Moved(short_minor, lines)


def reduced_without_cash(receivable: str) -> Refusal:
    """The refusal to take back what was not paid in cash."""
    return Refusal(
        "reduced_without_cash",
        f"The {receivable} was waived, capitalised, charged off or refinanced since: "
        "reverse that first.",
    )
