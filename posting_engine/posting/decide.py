"""What a command does to the books: `decide(command, place, page) -> Posting | Refusal`.

Each event is one function: its refusals in order of precedence, then its amounts; the accounts
come from `rules`. Everything a decision needs is in its arguments, so the same log always gives
the same books.
"""

from collections.abc import Callable
from typing import Any, Final

from posting_engine.posting import (
    accrual_columns,
    adjustments,
    disbursements,
    payments,
    periods,
    receivables,
    refinancing,
    reversal,
    rules,
)
from posting_engine.posting.journal import BrokenInvariant
from posting_engine.posting.page import Decision, Page, Place
from posting_engine.posting.refusals import Refusal
from schemas import commands
from schemas.commands import AnyCommand

DECIDERS: Final[dict[type, Callable[[Any, Place, Page], Decision]]] = {
    commands.Disbursement: disbursements.disburse,
    commands.DisbursementSettlement: disbursements.settle,
    commands.AccrualChunk: accrual_columns.decide_chunk,
    commands.Payment: payments.receive,
    commands.PaymentAllocation: payments.allocate,
    commands.PaymentReturn: payments.take_return,
    commands.FeeAssessment: receivables.assess_fee,
    commands.FeeWaiver: receivables.waive_fee,
    commands.ChargeOff: receivables.charge_off,
    commands.Recovery: receivables.recover,
    commands.Restructure: receivables.restructure,
    commands.Refinance: refinancing.reserve,
    commands.RefinancePayoff: refinancing.pay_off,
    commands.RefinanceOpening: refinancing.open_new,
    commands.RefinanceRelease: refinancing.release,
    commands.RefinanceReversal: refinancing.reverse_opening,
    commands.PayoffReversal: refinancing.reverse_payoff,
    commands.Reversal: reversal.decide_reversal,
    commands.ManualAdjustment: adjustments.adjust,
    commands.PeriodClose: periods.close,
    commands.PeriodClosed: periods.closed,
}
"""Command -> the function that decides it."""


def decide(command: AnyCommand, place: Place, page: Page) -> Decision:
    """Decide one command. Raises `BrokenInvariant` only where a bug or a damaged log shows."""
    if command.rules_version not in rules.SUPPORTED_VERSIONS:
        raise BrokenInvariant(f"rules version {command.rules_version} is unknown")
    return DECIDERS[type(command)](command, place, page)


def reject(command: AnyCommand, explanation: str) -> Refusal:
    """What an operator's rejection makes of a quarantined command that can be refused."""
    refusal = Refusal("rejected_by_operator", explanation)
    if isinstance(command, commands.RefinancePayoff):
        return refinancing.refuse_payoff(command, refusal)
    return refusal
