"""Refinance: what one loan owes is taken over by a new one, perhaps on another partition.

    reserve the new loan's id ──> pay the old loan off ──> open the new loan
        └── refuse                    └── refuse ────────> release the id

Each step is a command of its own, queued by the step before it in the same transaction. Only the
first two can refuse: a reserved id takes no other opening, and the new loan's balance was checked
when the old one was paid off. One entry, two parts: 0 the old loan's, 1 the new loan's. The
reversal goes the other way round: the new loan's part may refuse, the old loan's cannot.
"""

from dataclasses import fields, replace
from typing import Any
from uuid import UUID

from posting_engine.posting import rules
from posting_engine.posting.disbursements import opened
from posting_engine.posting.entries import derived, post_by_rule
from posting_engine.posting.journal import BrokenInvariant
from posting_engine.posting.loan import RECEIVABLES, Loan
from posting_engine.posting.page import (
    Decision,
    DisbursedAmount,
    Page,
    Place,
    PostedEntry,
    Posting,
)
from posting_engine.posting.receivables import not_ready_to_leave
from posting_engine.posting.refusals import (
    ENTRY_NOT_FOUND,
    LOAN_NOT_FOUND,
    OUT_OF_RANGE,
    Refusal,
    already_reversed,
    currency_mismatch,
    loan_closed,
    too_early,
)
from posting_engine.posting.reversal import mirror
from schemas import ids
from schemas.commands import (
    AnyCommand,
    PayoffReversal,
    Refinance,
    RefinanceOpening,
    RefinancePayoff,
    RefinanceRelease,
    RefinanceReversal,
)
from schemas.money import MAX_AMOUNT_MINOR

NO_CURRENCY = "XXX"
"""ISO 4217's code for no currency: of a loan id that is only reserved."""


def reserve(command: Refinance, place: Place, page: Page) -> Decision:
    """First step: keep the new loan's id free for this refinance."""
    loan = page.loan_of(command.tenant_id, command.new_loan_id)
    is_taken = loan is not None and (not loan.is_cancelled or loan.reserved_by is not None)
    if is_taken or command.new_loan_id == command.loan_id:
        return Refusal("new_loan_exists", "The new loan's id is taken.")
    refinance_id = derived(ids.REFINANCE_EVENT, command, place, in_parts=True)
    loan = loan or Loan(
        tenant_id=command.tenant_id,
        loan_id=command.new_loan_id,
        borrower_id=UUID(int=0),
        currency=NO_CURRENCY,
        opened_on=command.effective_on,
        last_activity_at=place.posted_at,
        life=0,
    )
    reserved = replace(loan, reserved_by=refinance_id, version=loan.version + 1)
    payoff = RefinancePayoff(**_members(command) | {"idempotency_key": _key(command, "payoff")})
    return Posting(
        result={"refinance_event_id": str(refinance_id)}, loans=(reserved,), follow_ups=(payoff,)
    )


def pay_off(command: RefinancePayoff, place: Place, page: Page) -> Decision:
    """Second step: everything the old loan owes is carried over, or the id is released."""
    loan = page.living_loan(command.tenant_id, command.loan_id)
    refusal = _refusal_to_pay_off(command, loan)
    if loan is None or refusal is not None:
        return refuse_payoff(command, refusal or LOAN_NOT_FOUND)
    owed = {name: loan.owed_minor(name) for name in RECEIVABLES}
    opening = RefinanceOpening(
        **_members(command)
        | {
            "idempotency_key": _key(command, "opening"),
            "borrower_id": loan.borrower_id,
            "carried_minor": loan.exposure_minor,
            "currency": loan.currency,
        }
    )
    changes = {f"paid_off_{name}_minor": amount_minor for name, amount_minor in owed.items()}
    changes["standing_refinances"] = loan.standing_refinances + 1
    amounts = owed | {"carried": loan.exposure_minor}
    return post_by_rule(
        command,
        place,
        page,
        loan,
        rules.REFINANCE,
        amounts,
        changes=changes,
        follow_ups=(opening,),
    )


def refuse_payoff(command: RefinancePayoff, refusal: Refusal) -> Refusal:
    """A refusal that lets the new loan's id go, too."""
    release = RefinanceRelease(
        **_envelope(command),
        idempotency_key=_key(command, "release"),
        loan_id=command.loan_id,
        new_loan_id=command.new_loan_id,
    )
    return replace(refusal, follow_ups=(release,))


def _refusal_to_pay_off(command: RefinancePayoff, loan: Loan | None) -> Refusal | None:
    if loan is None:
        return LOAN_NOT_FOUND
    if command.currency not in (None, loan.currency):
        return currency_mismatch(loan.currency)
    if loan.is_closed:
        return loan_closed(loan.status)
    if (unready := not_ready_to_leave(loan)) is not None:
        return unready
    if not loan.exposure_minor:
        return Refusal("nothing_to_refinance", "Nothing is receivable from the old loan.")
    if loan.exposure_minor + command.additional_principal_minor > MAX_AMOUNT_MINOR:
        return OUT_OF_RANGE
    return None


def open_new(command: RefinanceOpening, place: Place, page: Page) -> Decision:
    """Last step: the new loan opens, owing what was carried over and the additional principal."""
    _check_reserved(command, place, page)
    loan = opened(
        command,
        place,
        page,
        loan_id=command.new_loan_id,
        borrower_id=command.borrower_id,
        currency=command.currency,
        opened_on=command.effective_on,
    )
    additional_minor = command.additional_principal_minor
    amounts = {
        "principal": command.carried_minor + additional_minor,
        "carried": command.carried_minor,
        "additional": additional_minor,
    }
    how: dict[str, Any] = {"changes": {"standing_openings": 1}, "rule": rules.REFINANCE_OPENING}
    if additional_minor:
        disbursed = _disbursed(command, place, page)
        how |= {
            "disbursed": (disbursed,),
            "about_disbursement": disbursed.event_id,
            "more": {"disbursement_event_id": str(disbursed.event_id)},
        }
    return post_by_rule(command, place, page, loan, rules.REFINANCE, amounts, **how)


def _disbursed(command: RefinanceOpening, place: Place, page: Page) -> DisbursedAmount:
    """The additional principal, to be settled by an event id of this partition."""
    event_id = ids.derive(
        ids.DISBURSEMENT_EVENT,
        tenant_id=command.tenant_id,
        key=ids.root_key(command.idempotency_key),
        accepted_at=command.accepted_at,
        partition_id=place.partition_id,
    )
    return DisbursedAmount(
        event_id=event_id,
        loan_id=command.new_loan_id,
        journal_entry_id=derived(ids.JOURNAL_ENTRY, command, place, in_parts=True),
        amount_minor=command.additional_principal_minor,
        entry_seq=page.next_entry_seq,
        effective_on=command.effective_on,
    )


def release(command: RefinanceRelease, place: Place, page: Page) -> Decision:
    """Last step after a refusal: the id is free again, if it is still this refinance's."""
    loan = page.loan_of(command.tenant_id, command.new_loan_id)
    refinance_id = derived(ids.REFINANCE_EVENT, command, place, in_parts=True)
    result: dict[str, object] = {"refinance_event_id": str(refinance_id)}
    if loan is None or loan.reserved_by != refinance_id:
        return Posting(result=result)
    return Posting(
        result=result, loans=(replace(loan, reserved_by=None, version=loan.version + 1),)
    )


def reverse_opening(command: RefinanceReversal, place: Place, page: Page) -> Decision:
    """First step of the reversal, and the only one that can refuse."""
    found = _part(command, page, 1)
    if found is None or found.entry.lines[0].loan_id != command.new_loan_id:
        return ENTRY_NOT_FOUND
    # Before the loan: a cancelled new loan means that the refinance was reversed.
    if (reversed_by := page.reversed_by.get((command.reverses_entry_id, 1))) is not None:
        return already_reversed(reversed_by)
    loan = page.loan_in_reach(command.tenant_id, command.new_loan_id, found.entry_seq)
    if loan is None:
        return ENTRY_NOT_FOUND
    if command.effective_on < found.entry.effective_on:
        return too_early(found.entry.effective_on)
    decision = mirror(command, place, page, found, loan)
    if isinstance(decision, Refusal):
        return decision
    payoff = PayoffReversal(**_members(command) | {"idempotency_key": _key(command, "payoff")})
    return replace(decision, follow_ups=(payoff,))


def reverse_payoff(command: PayoffReversal, place: Place, page: Page) -> Decision:
    """Last step of the reversal: the old loan owes again what was carried over."""
    found = _part(command, page, 0)
    loan = page.living_loan(command.tenant_id, command.loan_id)
    stands = found is not None and (command.reverses_entry_id, 0) not in page.reversed_by
    if found is None or loan is None or not stands or not _is_about(found, loan):
        raise BrokenInvariant(f"{command.reverses_entry_id} has no payoff that stands")
    decision = mirror(command, place, page, found, loan)
    if isinstance(decision, Refusal):
        raise BrokenInvariant(f"a step that cannot be refused is: {decision.code}")
    return decision


def _is_about(found: PostedEntry, loan: Loan) -> bool:
    return found.entry.lines[0].loan_id == loan.loan_id


def _part(command: RefinanceReversal | PayoffReversal, page: Page, part: int) -> PostedEntry | None:
    found = page.entries.get((command.tenant_id, command.reverses_entry_id, part))
    return None if found is None or found.entry.event_type != rules.REFINANCE else found


def _check_reserved(command: RefinanceOpening, place: Place, page: Page) -> None:
    loan = page.loan_of(command.tenant_id, command.new_loan_id)
    refinance_id = derived(ids.REFINANCE_EVENT, command, place, in_parts=True)
    if loan is None or not loan.is_cancelled or loan.reserved_by != refinance_id:
        raise BrokenInvariant(f"loan {command.new_loan_id} is not reserved by {refinance_id}")


def _key(command: AnyCommand, step: str) -> str:
    return f"{ids.root_key(command.idempotency_key)}/{step}"


def _members(command: AnyCommand) -> dict[str, Any]:
    return {member.name: getattr(command, member.name) for member in fields(command)}


def _envelope(command: AnyCommand) -> dict[str, Any]:
    names = ("tenant_id", "fingerprint", "accepted_at", "actor", "rules_version")
    return {name: getattr(command, name) for name in names}
