"""What changes what a loan owes beside lending, interest and payments: fees and their waivers,
charge-offs and recoveries, restructures.
"""

from posting_engine.posting import rules
from posting_engine.posting.entries import post_by_rule
from posting_engine.posting.loan import RECEIVABLES, Loan
from posting_engine.posting.page import Decision, Page, Place
from posting_engine.posting.refusals import (
    LOAN_NOT_FOUND,
    Refusal,
    loan_closed,
)
from schemas.commands import ChargeOff, FeeAssessment, FeeWaiver, Recovery, Restructure


def assess_fee(command: FeeAssessment, place: Place, page: Page) -> Decision:
    """A fee is owed."""
    loan = page.loan_in_currency(command)
    if isinstance(loan, Refusal):
        return loan
    if loan.is_closed:
        return loan_closed(loan.status)
    return post_by_rule(
        command, place, page, loan, rules.FEE_ASSESSED, {"amount": command.amount_minor}
    )


def waive_fee(command: FeeWaiver, place: Place, page: Page) -> Decision:
    """Part of the fees is let go."""
    loan = page.loan_in_currency(command)
    if isinstance(loan, Refusal):
        return loan
    if command.amount_minor > loan.fees_minor:
        return Refusal("amount_exceeds_receivable", f"{loan.fees_minor} of fees is owed.")
    return post_by_rule(
        command, place, page, loan, rules.FEE_WAIVED, {"amount": command.amount_minor}
    )


def charge_off(command: ChargeOff, place: Place, page: Page) -> Decision:
    """The whole exposure is written off; on a closed loan, what has come since."""
    loan = page.living_loan(command.tenant_id, command.loan_id)
    if loan is None:
        return LOAN_NOT_FOUND
    if (unready := not_ready_to_leave(loan)) is not None:
        return unready
    if not loan.exposure_minor:
        return Refusal("nothing_to_charge_off", "Nothing is receivable from the loan.")
    owed = {name: loan.owed_minor(name) for name in RECEIVABLES}
    standing = {"standing_charge_offs": loan.standing_charge_offs + 1}
    return post_by_rule(command, place, page, loan, rules.CHARGE_OFF, owed, changes=standing)


def recover(command: Recovery, place: Place, page: Page) -> Decision:
    """Cash came in after a charge-off."""
    loan = page.loan_in_currency(command)
    if isinstance(loan, Refusal):
        return loan
    if loan.status != "charged_off":
        return Refusal("loan_not_charged_off", f"The loan is {loan.status}: post a payment.")
    recovered = {"recovered_minor": loan.recovered_minor + command.amount_minor}
    amount = {"amount": command.amount_minor}
    return post_by_rule(command, place, page, loan, rules.RECOVERY, amount, changes=recovered)


def restructure(command: Restructure, place: Place, page: Page) -> Decision:
    """Interest and fees owed become principal."""
    loan = page.living_loan(command.tenant_id, command.loan_id)
    if loan is None:
        return LOAN_NOT_FOUND
    if loan.is_closed:
        return loan_closed(loan.status)
    interest_minor, fees_minor = command.capitalize_interest_minor, command.capitalize_fees_minor
    if interest_minor > loan.interest_minor or fees_minor > loan.fees_minor:
        return Refusal(
            "amount_exceeds_receivable",
            f"{loan.interest_minor} of interest and {loan.fees_minor} of fees is owed.",
        )
    if not interest_minor + fees_minor:
        return Refusal("nothing_to_capitalize", "Both amounts are zero.")
    amounts = {"interest": interest_minor, "fees": fees_minor}
    amounts["capitalized"] = interest_minor + fees_minor
    return post_by_rule(command, place, page, loan, rules.RESTRUCTURE, amounts)


def not_ready_to_leave(loan: Loan) -> Refusal | None:
    """Why a loan may not be written off or taken over yet: money of it is still on its way."""
    if loan.unsettled_minor:
        return Refusal("disbursement_unsettled", f"{loan.unsettled_minor} is not settled yet.")
    if loan.suspense_minor:
        return Refusal("suspense_outstanding", f"{loan.suspense_minor} is in suspense.")
    return None
