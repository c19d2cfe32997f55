"""Manual adjustments: the client's own lines, in any layer, of at most one loan.

Only `SETTLED` lines touch a loan's sub-balances. An adjustment that debits principal and names
loan and borrower opens the loan: that is how a portfolio is migrated.
"""

from collections import Counter
from dataclasses import replace
from uuid import UUID

from posting_engine.posting import rules
from posting_engine.posting.disbursements import opened, refusal_while_reserved
from posting_engine.posting.entries import entry_of, post, result_of
from posting_engine.posting.journal import SETTLED, Line
from posting_engine.posting.loan import SUB_BALANCES, Loan
from posting_engine.posting.page import Decision, Page, Place, Posting
from posting_engine.posting.refusals import (
    LOAN_NOT_FOUND,
    OPENED_IN_ONE_CURRENCY,
    Refusal,
    borrower_mismatch,
    currency_mismatch,
)
from schemas.chart_of_accounts import CHART, PRINCIPAL_RECEIVABLE
from schemas.commands import ManualAdjustment


def adjust(command: ManualAdjustment, place: Place, page: Page) -> Decision:
    """Post the lines as given."""
    loan = page.living_loan(command.tenant_id, command.loan_id)
    opens = loan is None and _can_open(command)
    if opens:
        earlier = page.loan_of(command.tenant_id, command.loan_id)
        if (reserved := refusal_while_reserved(earlier)) is not None:
            return reserved
        loan = _opened_by(command, place, page)
    lines = _lines_of(command, loan)
    refusal = _refusal_of_lines(command, lines) or _refusal_of_loan(
        command, loan, lines, opens=opens
    )
    if refusal is not None:
        return refusal
    closed_through = page.closed_through.get(command.tenant_id)
    if closed_through is not None and command.effective_on <= closed_through:
        return Refusal("period_closed", f"The books are closed through {closed_through}.")
    entry = entry_of(
        command,
        place,
        page,
        event_type=rules.MANUAL_ADJUSTMENT,
        effective_on=command.effective_on,
        lines=lines,
    )
    if loan is None:
        return Posting(result=result_of(entry, None), entry=entry)
    return post(entry, loan, changes={"standing_openings": loan.standing_openings + opens})


def _can_open(command: ManualAdjustment) -> bool:
    """Whether it names a loan with its borrower and debits principal."""
    names_both = command.loan_id is not None and command.borrower_id is not None
    return names_both and any(
        (line.account_code, line.direction, line.layer)
        == (PRINCIPAL_RECEIVABLE.code, "DR", SETTLED)
        for line in command.lines
    )


def _opened_by(command: ManualAdjustment, place: Place, page: Page) -> Loan:
    loan = opened(
        command,
        place,
        page,
        loan_id=command.loan_id or UUID(int=0),
        borrower_id=command.borrower_id or UUID(int=0),
        currency=command.lines[0].currency,
        opened_on=command.effective_on,
    )
    through = command.accrued_through
    return replace(loan, accrued_through=through, accrued_through_floor=through)


def _lines_of(command: ManualAdjustment, loan: Loan | None) -> tuple[Line, ...]:
    loan_id, borrower_id = (None, None) if loan is None else (loan.loan_id, loan.borrower_id)
    return tuple(
        Line(
            line.account_code,
            "DR" if line.direction == "DR" else "CR",
            line.amount_minor,
            line.currency,
            loan_id,
            borrower_id,
            command.external_ref,
            line.layer,
        )
        for line in command.lines
    )


def _refusal_of_lines(command: ManualAdjustment, lines: tuple[Line, ...]) -> Refusal | None:
    """What is wrong with the lines by themselves."""
    difference_minor: Counter[tuple[str, str]] = Counter()
    for line in lines:
        difference_minor[line.currency, line.layer] += line.signed_minor
    if any(difference_minor.values()):
        return Refusal("unbalanced", "Debits and credits differ in a currency and layer.")
    codes = [line.account_code for line in lines]
    if (unknown := next((code for code in codes if code not in CHART), None)) is not None:
        return Refusal("account_not_found", f"The chart has no account {unknown}.")
    if (kept := next((code for code in codes if code in rules.NOT_ADJUSTABLE), None)) is not None:
        return Refusal("account_not_adjustable", f"Account {kept} takes no adjustment.")
    if command.loan_id is None and any(code in SUB_BALANCES for code in codes):
        return Refusal("loan_required", "A line is on an account that is kept for each loan.")
    return None


def _refusal_of_loan(
    command: ManualAdjustment, loan: Loan | None, lines: tuple[Line, ...], *, opens: bool
) -> Refusal | None:
    """What the loan, which it may open, has against it; nothing where none is named."""
    if command.loan_id is None:
        return None
    if loan is None:
        return LOAN_NOT_FOUND
    if command.borrower_id not in (None, loan.borrower_id):
        return borrower_mismatch()
    if any(line.currency != loan.currency for line in lines):
        return OPENED_IN_ONE_CURRENCY if opens else currency_mismatch(loan.currency)
    if min(loan.balances_after(lines).values()) < 0:
        return Refusal("balance_would_be_negative", "A balance of the loan would be negative.")
    return None
