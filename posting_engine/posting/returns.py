"""Cash taken back: the reversal of a payment, and its return by the bank, post alike.

Where it comes from (accounting section 3): first what the payment had credited, up to what is
still `collected`; the rest from suspense; then principal, interest, fees up to what is left of
their `collected`; what then remains had been refunded and is owed again as principal.
"""

from collections.abc import Mapping

from posting_engine.posting.entries import entry_of, post
from posting_engine.posting.journal import Subject, credit, debit
from posting_engine.posting.loan import RECEIVABLE_ACCOUNTS, RECEIVABLES, Loan
from posting_engine.posting.page import (
    WHOLE_PART,
    Page,
    Place,
    PostedEntry,
    Posting,
    ReversalTarget,
)
from posting_engine.posting.refusals import Refusal
from schemas.chart_of_accounts import CASH, SUSPENSE
from schemas.commands import PaymentReturn, Reversal
from schemas.money import format_minor


def take_back(
    command: Reversal | PaymentReturn,
    place: Place,
    page: Page,
    found: PostedEntry,
    loan: Loan,
    *,
    event_type: str,
) -> Posting | Refusal:
    """Post the mirror of a payment: credit cash, debit where `take_back_cash` says."""
    original = found.entry
    first = original.lines[0]
    external_ref = command.external_ref or first.external_ref
    subject = Subject(first.currency, first.loan_id, first.borrower_id, external_ref)
    amount_minor = sum(x.amount_minor for x in original.lines if x.direction == "DR")
    taken = take_back_cash(loan, _credited(found), amount_minor)
    lines = [credit(CASH, amount_minor, subject)]
    lines += [
        debit(account, taken.restored[name], subject)
        for name, account in RECEIVABLE_ACCOUNTS.items()
        if taken.restored[name]
    ]
    if taken.suspense_minor:
        lines.append(debit(SUSPENSE, taken.suspense_minor, subject))
    reverses = (original.journal_entry_id, original.part)
    entry = entry_of(
        command,
        place,
        page,
        event_type=event_type,
        effective_on=command.effective_on,
        lines=lines,
        reverses=reverses,
    )
    changes = {
        f"collected_{name}_minor": loan.collected_minor(name) - taken.uncollected[name]
        for name in RECEIVABLES
    }
    changes["standing_payments"] = loan.standing_payments - 1
    more = {"reverses_entry_id": str(original.journal_entry_id), "debited": taken.told()}
    target = ReversalTarget(*reverses, WHOLE_PART, entry.journal_entry_id)
    return post(entry, loan, changes=changes, more=more, targets=(target,))


def _credited(found: PostedEntry) -> dict[str, int]:
    by_account = {line.account_code: line.amount_minor for line in found.entry.lines}
    return {name: by_account.get(account.code, 0) for name, account in RECEIVABLE_ACCOUNTS.items()}


class TakenBack:
    """What a returned payment takes back, by receivable, and from suspense (minor units).

    `restored` is owed again; `uncollected` is how much `collected` falls.
    """

    def __init__(self) -> None:
        self.restored = dict.fromkeys(RECEIVABLES, 0)
        self.uncollected = dict.fromkeys(RECEIVABLES, 0)
        self.suspense_minor = 0

    def told(self) -> dict[str, object]:
        """The result's `debited`."""
        told = {
            f"{name}_minor": format_minor(self.restored[name]) for name in reversed(RECEIVABLES)
        }
        return {**told, "suspense_minor": format_minor(self.suspense_minor)}


def take_back_cash(loan: Loan, credited: Mapping[str, int], amount_minor: int) -> TakenBack:
    """Where the cash of a payment comes from; the parts sum to `amount_minor`."""
    taken = TakenBack()
    left_minor = amount_minor
    for limits_minor in (credited, None, dict.fromkeys(RECEIVABLES, amount_minor)):
        if limits_minor is None:
            taken.suspense_minor = min(left_minor, loan.suspense_minor)
            left_minor -= taken.suspense_minor
            continue
        for name in RECEIVABLES:
            collected_minor = loan.collected_minor(name) - taken.uncollected[name]
            part_minor = min(left_minor, limits_minor[name], collected_minor)
            taken.restored[name] += part_minor
            taken.uncollected[name] += part_minor
            left_minor -= part_minor
    taken.restored["principal"] += left_minor
    return taken
