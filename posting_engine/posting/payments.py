"""Payments: cash in by the waterfall, suspense allocated later, cash that the bank takes back."""

from collections.abc import Mapping
from typing import Any

from posting_engine.posting import rules, waterfall
from posting_engine.posting.entries import post_by_rule
from posting_engine.posting.loan import RECEIVABLES, Loan
from posting_engine.posting.page import Decision, Page, Place
from posting_engine.posting.refusals import (
    EVENT_NOT_FOUND,
    LOAN_NOT_FOUND,
    Refusal,
    already_reversed,
    borrower_mismatch,
    currency_mismatch,
    too_early,
)
from posting_engine.posting.returns import take_back
from posting_engine.posting.waterfall import Split
from schemas.commands import Payment, PaymentAllocation, PaymentReturn


def receive(command: Payment, place: Place, page: Page) -> Decision:
    """Cash from the borrower."""
    loan = page.living_loan(command.tenant_id, command.loan_id)
    if loan is None:
        return LOAN_NOT_FOUND
    if command.borrower_id != loan.borrower_id:
        return borrower_mismatch()
    if command.currency != loan.currency:
        return currency_mismatch(loan.currency)
    if loan.status == "charged_off":
        return Refusal("loan_charged_off", "The loan is charged off: post a recovery instead.")
    if command.allocation == "hold" or loan.status == "refinanced":
        split = waterfall.hold(command.amount_minor)
    else:
        split = waterfall.allocate(command.amount_minor, loan, command.waterfall_version)
    amounts = {"amount": command.amount_minor, **split.parts, "suspense": split.suspense_minor}
    return post_by_rule(
        command,
        place,
        page,
        loan,
        rules.PAYMENT_RECEIVED,
        amounts,
        changes={
            "standing_payments": loan.standing_payments + 1,
            **_collected(loan, split.parts),
        },
        more={"allocation": split.explained(loan)},
    )


def allocate(command: PaymentAllocation, place: Place, page: Page) -> Decision:
    """Suspense meets what is owed. Only what is owed moves; the rest stays in suspense."""
    loan = page.loan_in_currency(command)
    if isinstance(loan, Refusal):
        return loan
    if command.amount_minor > loan.suspense_minor:
        return Refusal("amount_exceeds_suspense", f"Suspense holds {loan.suspense_minor}.")
    split = _split_of(command, loan)
    if any(split.parts[name] > loan.owed_minor(name) for name in RECEIVABLES):
        return Refusal("split_exceeds_receivable", "A part is more than what is owed there.")
    applied_minor = sum(split.parts.values())
    if not applied_minor:
        return Refusal("nothing_to_allocate", "Nothing is receivable from the loan.")
    amounts = {"applied": applied_minor, **split.parts}
    return post_by_rule(
        command,
        place,
        page,
        loan,
        rules.PAYMENT_ALLOCATED,
        amounts,
        changes=_collected(loan, split.parts),
        more={"allocation": split.explained(loan)},
    )


def _split_of(command: PaymentAllocation, loan: Loan) -> Split:
    if command.split is not None:
        return waterfall.given(command.split)
    return waterfall.allocate(command.amount_minor, loan, command.waterfall_version)


def _collected(loan: Loan, parts: Mapping[str, int]) -> dict[str, Any]:
    return {f"collected_{name}_minor": loan.collected_minor(name) + parts[name] for name in parts}


def take_return(command: PaymentReturn, place: Place, page: Page) -> Decision:
    """The bank has taken a payment back: never refused for what came after."""
    found = page.events.get((command.tenant_id, command.payment_event_id))
    if found is None or found.entry.event_type != rules.PAYMENT_RECEIVED:
        return EVENT_NOT_FOUND
    original = found.entry
    loan_id = original.lines[0].loan_id
    loan = page.loan_in_reach(command.tenant_id, loan_id, found.entry_seq)
    if loan is None or command.loan_id not in (None, loan_id):
        return EVENT_NOT_FOUND
    if (reversed_by := page.reversed_by.get((original.journal_entry_id, 0))) is not None:
        return already_reversed(reversed_by)
    if command.effective_on < original.effective_on:
        return too_early(original.effective_on)
    return take_back(command, place, page, found, loan, event_type=rules.PAYMENT_RETURNED)
