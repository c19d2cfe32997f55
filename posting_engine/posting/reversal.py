"""Reversals: an entry mirrored with its own effective date; the original is never touched.

What must be known: a receivable never falls below zero. What a reversal lacks had either been
collected in cash, and then moves to suspense, or was reduced without cash (waived, capitalised,
charged off), and then the reversal is refused. Reversing a payment is never refused for what
came after: the bank has taken the cash back (`returns`). Accounting section 3.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from posting_engine.posting import accrual_reversal, rules
from posting_engine.posting.entries import entry_of, post, result_of, subject_of
from posting_engine.posting.journal import SETTLED, BrokenInvariant, Entry, Line
from posting_engine.posting.loan import RECEIVABLE_ACCOUNTS, RECEIVABLES, Loan
from posting_engine.posting.page import (
    WHOLE_PART,
    Decision,
    DisbursedAmount,
    Page,
    Place,
    PostedEntry,
    Posting,
    ReversalTarget,
)
from posting_engine.posting.refusals import (
    ENTRY_NOT_FOUND,
    Refusal,
    already_reversed,
    itself_a_reversal,
    too_early,
)
from posting_engine.posting.returns import take_back
from posting_engine.posting.shortfall import Moved, cover, reduced_without_cash
from schemas.chart_of_accounts import SUSPENSE
from schemas.commands import PayoffReversal, RefinanceReversal, Reversal
from schemas.money import format_minor

IN_PARTS: Final = frozenset({rules.ACCRUAL, rules.REFINANCE})
"""Reversed by part, by loan or in steps, never as one entry."""
MIRRORS: Final = frozenset({rules.REVERSAL, rules.PAYMENT_RETURNED})
"""Themselves reversals: post the event again instead."""

_NOTHING_ELSE_UNDONE: Final = frozenset(
    {
        rules.DISBURSEMENT_SETTLED,
        rules.FEE_ASSESSED,
        rules.FEE_WAIVED,
        rules.RESTRUCTURE,
        rules.MANUAL_ADJUSTMENT,
    }
)
"""Whose reversal changes a loan by its lines alone."""

Mirroring = Reversal | RefinanceReversal | PayoffReversal


def decide_reversal(command: Reversal, place: Place, page: Page) -> Decision:
    """Reverse an entry, one part of a batch (`part`), or one loan of an accrual (`loan_id`)."""
    if command.part is not None:
        return accrual_reversal.reverse_part(command, place, page)
    if command.loan_id is not None:
        return accrual_reversal.reverse_share(command, place, page)
    found = page.entries.get((command.tenant_id, command.reverses_entry_id, 0))
    if found is None or found.entry.event_type in IN_PARTS:
        return ENTRY_NOT_FOUND
    original = found.entry
    loan_id = _loan_id_of(original)
    loan = page.loan_in_reach(command.tenant_id, loan_id, found.entry_seq)
    if loan is None and loan_id is not None:
        return ENTRY_NOT_FOUND
    if (reversed_by := page.reversed_by.get((original.journal_entry_id, 0))) is not None:
        return already_reversed(reversed_by)
    if original.event_type in MIRRORS:
        return itself_a_reversal()
    if command.effective_on < original.effective_on:
        return too_early(original.effective_on)
    if loan is None:
        return _mirror_without_loan(command, place, page, found)
    if original.event_type == rules.PAYMENT_RECEIVED:
        return take_back(command, place, page, found, loan, event_type=rules.REVERSAL)
    return mirror(command, place, page, found, loan)


def _loan_id_of(entry: Entry) -> UUID | None:
    return next((line.loan_id for line in entry.lines if line.loan_id is not None), None)


def _mirror_without_loan(
    command: Reversal, place: Place, page: Page, found: PostedEntry
) -> Posting:
    entry = _mirrored(command, place, page, found, ())
    result = result_of(entry, None) | {"reverses_entry_id": str(entry.reverses_entry_id)}
    return Posting(result=result, entry=entry, targets=(_target(entry),))


def mirror(
    command: Mirroring, place: Place, page: Page, found: PostedEntry, loan: Loan
) -> Decision:
    """Post an entry of one loan with its sides swapped, keeping every sub-balance above zero."""
    disbursed = _disbursement_of(found, page)
    if (standing := _standing_in_the_way(found.entry, loan, disbursed)) is not None:
        return standing
    net_minor = _net_debits(found.entry)
    external_ref = command.external_ref or found.entry.lines[0].external_ref
    moved = _cover_all(loan, net_minor, external_ref)
    if isinstance(moved, Refusal):
        return moved
    moved_minor = sum(one.amount_minor for one in moved.values())
    if loan.suspense_minor + net_minor[SUSPENSE.code] + moved_minor < 0:
        return Refusal("balance_would_be_negative", f"Suspense holds {loan.suspense_minor}.")
    changes = {
        f"collected_{name}_minor": loan.collected_minor(name) - one.amount_minor
        for name, one in moved.items()
    }
    entry = _mirrored(
        command, place, page, found, tuple(line for one in moved.values() for line in one.lines)
    )
    more = {
        "reverses_entry_id": str(found.entry.journal_entry_id),
        "moved_to_suspense_minor": format_minor(moved_minor),
    }
    return post(
        entry,
        loan,
        changes=changes | _undone(found, loan),
        more=more,
        targets=(_target(entry),),
        disbursed=() if disbursed is None else (_undisbursed(found.entry, disbursed),),
    )


def _mirrored(
    command: Mirroring, place: Place, page: Page, found: PostedEntry, moved: tuple[Line, ...]
) -> Entry:
    original = found.entry
    return entry_of(
        command,
        place,
        page,
        event_type=rules.REVERSAL,
        effective_on=command.effective_on,
        lines=(*(line.mirrored(command.external_ref) for line in original.lines), *moved),
        reverses=(original.journal_entry_id, original.part),
    )


def _target(entry: Entry) -> ReversalTarget:
    if entry.reverses_entry_id is None or entry.reverses_part is None:
        raise ValueError("the entry is no reversal")
    return ReversalTarget(
        entry.reverses_entry_id, entry.reverses_part, WHOLE_PART, entry.journal_entry_id
    )


def _standing_in_the_way(
    original: Entry, loan: Loan, disbursed: DisbursedAmount | None
) -> Refusal | None:
    """What must be reversed before this entry can be."""
    match original.event_type:
        case rules.DISBURSEMENT | rules.REFINANCE if disbursed and disbursed.settled_minor:
            return Refusal("disbursement_settled", "Reverse its settlement first.")
        case rules.CHARGE_OFF if loan.recovered_minor:
            return Refusal("recovered_since", "Reverse the loan's recoveries first.")
        case rules.PAYMENT_ALLOCATED:
            applied = _net_debits(original)
            for name, account in RECEIVABLE_ACCOUNTS.items():
                if -applied[account.code] > loan.collected_minor(name):
                    return reduced_without_cash(name)
    return None


def _net_debits(entry: Entry) -> dict[str, int]:
    """Debits less credits that count for the loan, by account that is kept for it."""
    net_minor = dict.fromkeys([a.code for a in (*RECEIVABLE_ACCOUNTS.values(), SUSPENSE)], 0)
    for line in entry.lines:
        if line.layer == SETTLED and line.account_code in net_minor:
            net_minor[line.account_code] += line.signed_minor
    return net_minor


def _cover_all(
    loan: Loan, net_minor: Mapping[str, int], external_ref: str | None
) -> dict[str, Moved] | Refusal:
    subject = subject_of(loan, external_ref)
    moved = {}
    for name, account in RECEIVABLE_ACCOUNTS.items():
        covered = cover(loan, name, max(0, net_minor[account.code]), subject)
        if isinstance(covered, Refusal):
            return covered
        moved[name] = covered
    return moved


def _undone(found: PostedEntry, loan: Loan) -> dict[str, Any]:
    """What no longer stands of the loan once the entry is reversed."""
    original = found.entry
    match original.event_type:
        case rules.DISBURSEMENT:
            return {"standing_openings": loan.standing_openings - 1}
        case rules.REFINANCE if original.part == 1:
            return {"standing_openings": loan.standing_openings - 1}
        case rules.REFINANCE:
            nothing = {f"paid_off_{name}_minor": 0 for name in RECEIVABLES}
            return {"standing_refinances": loan.standing_refinances - 1, **nothing}
        case rules.MANUAL_ADJUSTMENT if found.entry_seq == loan.life_began_seq:
            return {"standing_openings": loan.standing_openings - 1}
        case rules.CHARGE_OFF:
            return {"standing_charge_offs": loan.standing_charge_offs - 1}
        case rules.RECOVERY:
            return {"recovered_minor": loan.recovered_minor - original.lines[0].amount_minor}
        case rules.PAYMENT_ALLOCATED:
            applied = _net_debits(original)
            return {
                f"collected_{name}_minor": loan.collected_minor(name) + applied[account.code]
                for name, account in RECEIVABLE_ACCOUNTS.items()
            }
        case event_type if event_type in _NOTHING_ELSE_UNDONE:
            return {}
    raise BrokenInvariant(f"no rule reverses {original.event_type}")


def _disbursement_of(found: PostedEntry, page: Page) -> DisbursedAmount | None:
    entry = found.entry
    event_id = page.disbursement_of.get(entry.journal_entry_id, entry.event_id)
    return page.disbursed.get((entry.tenant_id, event_id))


def _undisbursed(original: Entry, disbursed: DisbursedAmount) -> DisbursedAmount:
    if original.event_type == rules.DISBURSEMENT_SETTLED:
        settled_minor = disbursed.settled_minor - original.lines[0].amount_minor
        return replace(disbursed, settled_minor=settled_minor)
    return replace(disbursed, reversed=True)
