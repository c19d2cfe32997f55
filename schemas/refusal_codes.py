"""Every business refusal (accounting.md): code, title, and what to tell a person. Data only.

They are remembered and repeated for the same idempotency key.
"""

from typing import Final

CONFLICTS: Final = (
    "already_reversed",
    "not_quarantined",
    "period_already_closed",
    "step_cannot_be_rejected",
)
"""Answered with 409; the others with 422."""

REFUSALS: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "account_not_adjustable",
        "Account not adjustable",
        "A line is on account 2000 or 2200, which follow from other events alone. Post or "
        "reverse the disbursement, settlement or refinance instead.",
    ),
    (
        "account_not_found",
        "Account not found",
        "A line names an account that the chart does not have. Choose one that /accounts lists.",
    ),
    (
        "accrual_rejected",
        "Accrual rejected",
        "No loan of the batch could accrue. The batch's rejections name each loan's code: "
        "correct those and send a new batch.",
    ),
    (
        "already_accrued",
        "Already accrued",
        "The loan has accrued through this date already. Give a later accrual_date, or ask "
        "for backfill if the date itself has no accrual.",
    ),
    (
        "already_reversed",
        "Already reversed",
        "It was reversed before, by the entry named here. Nothing is left "
        "to reverse, return or settle.",
    ),
    (
        "amount_exceeds_receivable",
        "Amount exceeds receivable",
        "More was asked for than the loan owes there. Read its balance and ask for at most that.",
    ),
    (
        "amount_exceeds_suspense",
        "Amount exceeds suspense",
        "The loan's suspense holds less than the amount. Read its balance and allocate at "
        "most that.",
    ),
    (
        "amount_exceeds_unsettled",
        "Amount exceeds unsettled",
        "Less than the amount is unsettled of that disbursement. Settle at most that, or "
        "leave the amount out to settle the rest.",
    ),
    (
        "balance_out_of_range",
        "Balance out of range",
        "A balance of the loan would pass 999999999999999, the most that the ledger keeps. "
        "Post a smaller amount.",
    ),
    (
        "balance_would_be_negative",
        "Balance would be negative",
        "A sub-balance of the loan would fall below zero. Read its balance and take at most "
        "what is there.",
    ),
    (
        "borrower_mismatch",
        "Borrower mismatch",
        "The loan belongs to another borrower than the one given. Check both ids.",
    ),
    (
        "currency_mismatch",
        "Currency mismatch",
        "The loan is kept in another currency, and nothing is converted here. Give amounts in "
        "the loan's own.",
    ),
    (
        "disbursement_settled",
        "Disbursement settled",
        "The disbursement has been settled, at least in part. Reverse its settlements first.",
    ),
    (
        "disbursement_unsettled",
        "Disbursement unsettled",
        "A disbursement of the loan is not settled yet. Settle or reverse it first.",
    ),
    (
        "earlier_period_open",
        "Earlier period open",
        "A month before this one is still open, and months are closed in order. Close that "
        "one first.",
    ),
    (
        "effective_before_original",
        "Effective before original",
        "It would count before the event that it refers to. Give a later effective_at.",
    ),
    (
        "entry_not_found",
        "Entry not found",
        "There is no such journal entry that can be reversed in this way. Check its id, and "
        "the loan_id if one was given.",
    ),
    (
        "event_not_found",
        "Event not found",
        "There is no such event, or it is not of the loan given. Check both ids.",
    ),
    (
        "loan_charged_off",
        "Loan charged off",
        "The loan was charged off, so its cash is no payment any more. Post a recovery instead.",
    ),
    (
        "loan_closed",
        "Loan closed",
        "The loan was charged off or refinanced and takes this event no more. Reverse that "
        "first if it was an error.",
    ),
    (
        "loan_not_accruing",
        "Loan not accruing",
        "The loan was charged off, refinanced or cancelled, or opened after the accrual date. "
        "Leave it out of the batch, or give a later date.",
    ),
    (
        "loan_not_charged_off",
        "Loan not charged off",
        "Only what comes after a charge-off is a recovery, and the loan has none. Post a "
        "payment instead.",
    ),
    (
        "loan_not_found",
        "Loan not found",
        "There is no such loan, or it was cancelled. Check its id; a disbursement or an "
        "opening adjustment opens it.",
    ),
    (
        "loan_quarantined",
        "Loan quarantined",
        "An earlier command of the loan could not be applied. An operator must resume or "
        "reject it; post again then.",
    ),
    (
        "loan_required",
        "Loan required",
        "A line is on an account that is kept for each loan, but no loan is named. Give its "
        "loan_id.",
    ),
    (
        "loan_reserved",
        "Loan reserved",
        "A refinance is about to open this loan. Use another id, or wait until it is done.",
    ),
    (
        "new_loan_exists",
        "New loan exists",
        "The new loan's id is taken, by a loan or by another refinance. Use another id.",
    ),
    (
        "not_quarantined",
        "Not quarantined",
        "The command does not wait for an operator any more. Read what became of it at "
        "/commands/{command_id}.",
    ),
    (
        "nothing_to_allocate",
        "Nothing to allocate",
        "The loan owes nothing that its suspense could meet. Leave it there, or refund it by "
        "an adjustment.",
    ),
    (
        "nothing_to_capitalize",
        "Nothing to capitalize",
        "Both amounts are zero. Say how much interest or fees is to become principal.",
    ),
    (
        "nothing_to_charge_off",
        "Nothing to charge off",
        "The loan owes nothing, so there is nothing to write off. Read its balance.",
    ),
    (
        "nothing_to_refinance",
        "Nothing to refinance",
        "The old loan owes nothing, so there is nothing to take over. Disburse the new loan "
        "instead.",
    ),
    (
        "period_already_closed",
        "Period already closed",
        "The month was closed before, or lies before the first close. Nothing is left to do; "
        "see /periods.",
    ),
    (
        "period_closed",
        "Period closed",
        "The effective date lies in a closed month, which adjustments may not. Give a day in "
        "an open month; see /periods.",
    ),
    (
        "period_not_ended",
        "Period not ended",
        "The month has not ended yet. Close it from the first day of the next one on (UTC).",
    ),
    (
        "principal_mismatch",
        "Principal mismatch",
        "The ledger holds another principal than the batch gives for the loan. Read its "
        "balance and correct the batch, or do not require the match.",
    ),
    (
        "recovered_since",
        "Recovered since",
        "A recovery of the loan stands. Reverse it before the charge-off.",
    ),
    (
        "reduced_without_cash",
        "Reduced without cash",
        "What would be taken back was waived, capitalised, charged off or refinanced since. "
        "Reverse that first.",
    ),
    (
        "rejected_by_operator",
        "Rejected by an operator",
        "The command could not be applied, and an operator has refused it; nothing was posted. "
        "The detail says why; post again what is still wanted.",
    ),
    (
        "reversal_of_reversal",
        "Reversal of a reversal",
        "The entry is itself a reversal or a return, and those are not reversed. Post the "
        "event again instead.",
    ),
    (
        "step_cannot_be_rejected",
        "Step cannot be rejected",
        "What came before this step of a request has posted, so the step cannot be refused. "
        "Mend what broke, then resume it.",
    ),
    (
        "split_exceeds_receivable",
        "Split exceeds receivable",
        "A part of the split is more than the loan owes there. Read its balance and split at "
        "most that.",
    ),
    (
        "suspense_outstanding",
        "Suspense outstanding",
        "The loan has cash that is not applied. Allocate it, or refund it by an adjustment, first.",
    ),
    (
        "unbalanced",
        "Unbalanced",
        "Debits and credits differ in a currency and layer. Make them equal in each.",
    ),
)
