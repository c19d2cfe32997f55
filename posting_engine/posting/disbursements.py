"""Disbursements: lending opens a loan or draws more of it; settling says that the money arrived."""

from dataclasses import replace
from datetime import date
from uuid import UUID

from posting_engine.posting import rules
from posting_engine.posting.entries import derived, post_by_rule
from posting_engine.posting.loan import Loan
from posting_engine.posting.page import Decision, DisbursedAmount, Page, Place
from posting_engine.posting.refusals import (
    EVENT_NOT_FOUND,
    Refusal,
    already_reversed,
    borrower_mismatch,
    currency_mismatch,
    loan_closed,
    too_early,
)
from schemas import ids
from schemas.commands import AnyCommand, Disbursement, DisbursementSettlement


def disburse(command: Disbursement, place: Place, page: Page) -> Decision:
    """Lend. The first disbursement opens the loan with its borrower and currency."""
    loan = page.loan_of(command.tenant_id, command.loan_id)
    if (reserved := refusal_while_reserved(loan)) is not None:
        return reserved
    if loan is None or loan.is_cancelled:
        loan = opened(
            command,
            place,
            page,
            loan_id=command.loan_id,
            borrower_id=command.borrower_id,
            currency=command.currency,
            opened_on=command.effective_on,
        )
    elif loan.is_closed:
        return loan_closed(loan.status)
    elif command.borrower_id != loan.borrower_id:
        return borrower_mismatch()
    elif command.currency != loan.currency:
        return currency_mismatch(loan.currency)
    disbursed = DisbursedAmount(
        event_id=derived(ids.DISBURSEMENT_EVENT, command, place),
        loan_id=loan.loan_id,
        journal_entry_id=derived(ids.JOURNAL_ENTRY, command, place),
        amount_minor=command.amount_minor,
        entry_seq=page.next_entry_seq,
        effective_on=command.effective_on,
    )
    return post_by_rule(
        command,
        place,
        page,
        loan,
        rules.DISBURSEMENT,
        {"amount": command.amount_minor},
        # It is known outside by where it went, unless the client names it otherwise.
        external_ref=command.external_ref or command.destination_ref,
        changes={"standing_openings": loan.standing_openings + 1},
        disbursed=(disbursed,),
    )


def settle(command: DisbursementSettlement, place: Place, page: Page) -> Decision:
    """The money of a disbursement, or part of it, has left for good."""
    disbursed = page.disbursed.get((command.tenant_id, command.disbursement_event_id))
    if disbursed is None or command.loan_id not in (None, disbursed.loan_id):
        return EVENT_NOT_FOUND
    loan = page.loan_in_reach(command.tenant_id, disbursed.loan_id, disbursed.entry_seq)
    if loan is None:
        return EVENT_NOT_FOUND
    if disbursed.reversed:
        return already_reversed(page.reversed_by[disbursed.journal_entry_id, disbursed.part])
    if command.currency not in (None, loan.currency):
        return currency_mismatch(loan.currency)
    amount_minor = command.amount_minor or disbursed.unsettled_minor
    if not 0 < amount_minor <= disbursed.unsettled_minor:
        return Refusal(
            "amount_exceeds_unsettled",
            f"{disbursed.unsettled_minor} of the disbursement is unsettled.",
        )
    if command.effective_on < disbursed.effective_on:
        return too_early(disbursed.effective_on)
    settled = replace(disbursed, settled_minor=disbursed.settled_minor + amount_minor)
    return post_by_rule(
        command,
        place,
        page,
        loan,
        rules.DISBURSEMENT_SETTLED,
        {"amount": amount_minor},
        disbursed=(settled,),
        about_disbursement=disbursed.event_id,
    )


def refusal_while_reserved(loan: Loan | None) -> Refusal | None:
    """The refusal, before every other, to open a loan that a refinance is about to open."""
    if loan is None or loan.reserved_by is None:
        return None
    return Refusal("loan_reserved", "A refinance has reserved this loan id.")


def opened(
    command: AnyCommand,
    place: Place,
    page: Page,
    *,
    loan_id: UUID,
    borrower_id: UUID,
    currency: str,
    opened_on: date,
) -> Loan:
    """A new loan, or a cancelled one opened anew: it starts from zero."""
    earlier = page.loan_of(command.tenant_id, loan_id)
    return Loan(
        tenant_id=command.tenant_id,
        loan_id=loan_id,
        borrower_id=borrower_id,
        currency=currency,
        opened_on=opened_on,
        last_activity_at=place.posted_at,
        life=1 if earlier is None else earlier.life + 1,
        life_began_seq=page.next_entry_seq,
        version=0 if earlier is None else earlier.version,
    )
