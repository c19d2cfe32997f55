"""Reversals: an entry mirrored with its own effective date; the original is never touched.

What must be known: a receivable never falls below zero. What a reversal lacks had either been
collected in cash, and then moves to suspense, or was reduced without cash (waived, capitalised,
charged off), and then the reversal is refused. Reversing a payment is never refused for what
came after: the bank has taken the cash back (accounting section 3).
"""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from posting_engine.posting import accrual, rules
from posting_engine.posting.entries import entry_of, result_of
from posting_engine.posting.journal import BrokenInvariant, Line, Subject, credit, debit
from posting_engine.posting.loan import RECEIVABLE_ACCOUNTS, RECEIVABLES, Loan
from posting_engine.posting.page import (
    WHOLE_PART,
    Decision,
    Page,
    Place,
    PostedEntry,
    Posting,
    ReversalTarget,
)
from posting_engine.posting.refusals import Refusal
from posting_engine.posting.shortfall import (
    already_reversed,
    cover,
    itself_a_reversal,
    out_of_range,
    too_early,
)
from schemas import ids
from schemas.chart_of_accounts import CASH, SUSPENSE
from schemas.commands import Reversal
from schemas.money import format_minor

NOT_FOUND = Refusal("entry_not_found", "No such journal entry.")
IRREVERSIBLE = frozenset({rules.REVERSAL})
"""Event types that are themselves reversals: post the event again instead."""


def decide_reversal(command: Reversal, place: Place, page: Page) -> Decision:
    """Reverse an entry, one part of a batch (`part`), or one loan of an accrual (`loan_id`)."""
    if command.part is not None:
        return accrual.reverse_part(command, place, page)
    if command.loan_id is not None:
        return accrual.reverse_share(command, place, page)
    found = page.entries.get((command.tenant_id, command.reverses_entry_id))
    if found is None or (loan := _loan_in_reach(found, command.tenant_id, page)) is None:
        return NOT_FOUND
    original = found.entry
    if (reversed_by := page.reversed_by.get(original.journal_entry_id)) is not None:
        return already_reversed(reversed_by)
    if original.event_type in IRREVERSIBLE:
        return itself_a_reversal()
    if command.effective_on < original.effective_on:
        return too_early(original.effective_on)
    match original.event_type:
        case rules.DISBURSEMENT:
            return _reverse_disbursement(command, place, page, found, loan)
        case rules.PAYMENT_RECEIVED:
            return _reverse_payment(command, place, page, found, loan)
    raise BrokenInvariant(f"no rule reverses {original.event_type}")


def _loan_in_reach(found: PostedEntry, tenant_id: UUID, page: Page) -> Loan | None:
    """The loan of an entry; None when the entry belongs to an earlier, cancelled life of it."""
    if found.entry.event_type == rules.ACCRUAL:
        return None  # an accrual is reversed by part or by loan, never as one entry
    loan_ids = {line.loan_id for line in found.entry.lines if line.loan_id is not None}
    if len(loan_ids) != 1:
        return None
    loan = page.loan_of(tenant_id, loan_ids.pop())
    if loan is None or loan.is_cancelled or found.entry_seq < loan.life_began_seq:
        return None
    return loan


def _reverse_disbursement(
    command: Reversal, place: Place, page: Page, found: PostedEntry, loan: Loan
) -> Decision:
    disbursed = page.disbursed.get((command.tenant_id, found.entry.event_id))
    if disbursed is None:
        raise BrokenInvariant(f"disbursement {found.entry.event_id} has no row")
    if disbursed.settled_minor:
        return Refusal("disbursement_settled", "Reverse its settlement first.")
    subject = _subject(found)
    moved = cover(loan, "principal", disbursed.amount_minor, subject)
    if isinstance(moved, Refusal):
        return moved
    mirrored = tuple(line.mirrored() for line in found.entry.lines)
    posting = _reverse(
        command,
        place,
        page,
        found,
        loan,
        lines=(*mirrored, *moved.lines),
        changes={
            "standing_openings": loan.standing_openings - 1,
            "collected_principal_minor": loan.collected_principal_minor - moved.amount_minor,
        },
    )
    if isinstance(posting, Refusal):
        return posting
    result = posting.result | {"moved_to_suspense_minor": format_minor(moved.amount_minor)}
    gone = replace(disbursed, reversed=True)
    return replace(posting, result=result, disbursed=(gone,))


def _reverse_payment(
    command: Reversal, place: Place, page: Page, found: PostedEntry, loan: Loan
) -> Decision:
    subject = _subject(found)
    amount_minor = sum(x.amount_minor for x in found.entry.lines if x.direction == "DR")
    taken = take_back_cash(loan, _credited(found), amount_minor)
    lines = [credit(CASH, amount_minor, subject)]
    lines += [
        debit(account, taken.restored[name], subject)
        for name, account in RECEIVABLE_ACCOUNTS.items()
        if taken.restored[name]
    ]
    if taken.suspense_minor:
        lines.append(debit(SUSPENSE, taken.suspense_minor, subject))
    changes: dict[str, object] = {
        f"collected_{name}_minor": loan.collected_minor(name) - taken.uncollected[name]
        for name in RECEIVABLES
    }
    changes["standing_payments"] = loan.standing_payments - 1
    return _reverse(command, place, page, found, loan, lines=tuple(lines), changes=changes)


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


def take_back_cash(loan: Loan, credited: Mapping[str, int], amount_minor: int) -> TakenBack:
    """Where the cash of a returned payment comes from (accounting section 3).

    First what it had credited, up to what is still `collected`; the rest from suspense; then
    principal, interest, fees up to what is left of their `collected`; what then remains had
    been refunded and is owed again as principal. The parts sum to `amount_minor`.
    """
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


def _subject(found: PostedEntry) -> Subject:
    line = found.entry.lines[0]
    return Subject(line.currency, line.loan_id, line.borrower_id, line.external_ref)


def _reverse(
    command: Reversal,
    place: Place,
    page: Page,
    found: PostedEntry,
    loan: Loan,
    *,
    lines: tuple[Line, ...],
    changes: dict[str, object],
) -> Posting | Refusal:
    original = found.entry
    entry = entry_of(
        command,
        place,
        page,
        event=(rules.REVERSAL, ids.REVERSAL_EVENT),
        effective_on=command.effective_on,
        lines=lines,
        reverses=(original.journal_entry_id, original.part),
    )
    after = loan.with_lines(lines, place.posted_at, **changes)
    if after.is_out_of_range():
        return out_of_range()
    target = ReversalTarget(
        original.journal_entry_id, original.part, WHOLE_PART, entry.journal_entry_id
    )
    result = result_of(None, entry, after)
    result["reverses_entry_id"] = str(original.journal_entry_id)
    return Posting(result=result, entry=entry, loans=(after,), targets=(target,))
