"""The rules again, written from the specification and not from the code: what must come out.

Each event is a generator that yields its refusals in the specification's order, a code where one
holds, and returns the fact that posts. It runs only as far as the first that holds.
"""

from collections import Counter
from collections.abc import Generator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from posting_engine.posting.accrual import Share
from schemas import commands as c
from schemas.money import MAX_AMOUNT_MINOR
from tests.posting.standing import (
    CASH,
    FEES,
    INTEREST,
    MIRRORS,
    NAMES,
    OPENINGS,
    OWED,
    PRINCIPAL,
    REFINANCED,
    SUSPENSE,
    UNSETTLED,
    Fact,
    Life,
    net,
    swapped,
    taken_back,
    told_apart,
    totals,
    waterfall,
)

if TYPE_CHECKING:
    from tests.posting.model import Model

NOBODY = UUID(int=0)
Rule = Generator[object, None, Fact]
CHART = {
    *("1000", "1100", "1200", "1300", "2000", "2100", "2200", "3000", "4000", "4100", "4200"),
    *("5000", "5100", "5200", "5300"),
}


def disbursement(m: "Model", it: c.Disbursement, _: int) -> Rule:
    key = (it.tenant_id, it.loan_id)
    yield key in m.reserved and "loan_reserved"
    life = m.alive(*key) or Life(key, it.borrower_id, it.currency, it.effective_on)
    yield life.is_closed and "loan_closed"
    yield it.borrower_id != life.borrower_id and "borrower_mismatch"
    yield it.currency != life.currency and "currency_mismatch"
    n = it.amount_minor
    return Fact("disbursement", life, it.effective_on, totals({PRINCIPAL: n}, {UNSETTLED: n}), n)


def disbursement_settled(m: "Model", it: c.DisbursementSettlement, _: int) -> Rule:
    of = m.events.get((it.tenant_id, it.disbursement_event_id))
    yield (of is None or of.kind not in OPENINGS) and "event_not_found"
    life = of.life
    yield not m.in_reach(life) and "event_not_found"
    yield it.loan_id not in (None, life.key[1]) and "event_not_found"
    yield not of.stands and "already_reversed"
    yield it.currency not in (None, life.currency) and "currency_mismatch"
    n = it.amount_minor or of.amount - of.settled
    yield (not n or n > of.amount - of.settled) and "amount_exceeds_unsettled"
    yield it.effective_on < of.day and "effective_before_original"
    both = totals({UNSETTLED: n}, {CASH: n})
    return Fact("settlement", life, it.effective_on, both, n, settles=of)


def payment_received(m: "Model", it: c.Payment, _: int) -> Rule:
    life = m.alive(it.tenant_id, it.loan_id)
    yield life is None and "loan_not_found"
    yield it.borrower_id != life.borrower_id and "borrower_mismatch"
    yield it.currency != life.currency and "currency_mismatch"
    yield life.status == "charged_off" and "loan_charged_off"
    held = it.allocation == "hold" or life.status == "refinanced"
    owed = [0, 0, 0] if held else [life.net[code] for code in OWED]
    split = waterfall(it.amount_minor, *owed)
    applied = {code: split[NAMES[code]] for code in OWED}
    both = totals({CASH: it.amount_minor}, applied | {SUSPENSE: split["suspense"]})
    return Fact("payment", life, it.effective_on, both, it.amount_minor, applied)


def payment_allocated(m: "Model", it: c.PaymentAllocation, _: int) -> Rule:
    life = m.alive(it.tenant_id, it.loan_id)
    yield life is None and "loan_not_found"
    yield it.currency != life.currency and "currency_mismatch"
    yield it.amount_minor > life.suspense and "amount_exceeds_suspense"
    split = it.split or waterfall(it.amount_minor, *(life.net[code] for code in OWED))
    applied = {code: split.get(NAMES[code], 0) for code in OWED}
    yield any(applied[code] > life.net[code] for code in OWED) and "split_exceeds_receivable"
    yield not any(applied.values()) and "nothing_to_allocate"
    n = sum(applied.values())
    return Fact("allocation", life, it.effective_on, totals({SUSPENSE: n}, applied), n, applied)


def take_back(life: Life, of: Fact, kind: str, day: date) -> Fact:
    """The mirror of a payment: cash out, and where it comes from."""
    credited = {NAMES[code]: of.totals["CR", code] for code in OWED}
    cash = {NAMES[code]: life.collected[code] for code in OWED}
    debits, falls = taken_back(of.amount, credited, cash, life.suspense)
    owed = {code: debits[NAMES[code]] for code in OWED}
    both = totals(owed | {SUSPENSE: debits["suspense"]}, {CASH: of.amount})
    fall = {code: -falls[NAMES[code]] for code in OWED}
    owed_again = sum(owed.values()) - sum(falls.values())
    return Fact(kind, life, day, both, collected=fall, undoes=of, owed_again=owed_again)


def payment_returned(m: "Model", it: c.PaymentReturn, _: int) -> Rule:
    of = m.events.get((it.tenant_id, it.payment_event_id))
    yield (of is None or of.kind != "payment" or not m.in_reach(of.life)) and "event_not_found"
    yield it.loan_id not in (None, of.life.key[1]) and "event_not_found"
    yield not of.stands and "already_reversed"
    yield it.effective_on < of.day and "effective_before_original"
    return take_back(of.life, of, "payment returned", it.effective_on)


def fee_assessed(m: "Model", it: c.FeeAssessment, _: int) -> Rule:
    life = m.alive(it.tenant_id, it.loan_id)
    yield life is None and "loan_not_found"
    yield it.currency != life.currency and "currency_mismatch"
    yield life.is_closed and "loan_closed"
    n = it.amount_minor
    return Fact("fee", life, it.effective_on, totals({FEES: n}, {"4100": n}), n)


def fee_waived(m: "Model", it: c.FeeWaiver, _: int) -> Rule:
    life = m.alive(it.tenant_id, it.loan_id)
    yield life is None and "loan_not_found"
    yield it.currency != life.currency and "currency_mismatch"
    yield it.amount_minor > life.net[FEES] and "amount_exceeds_receivable"
    n = it.amount_minor
    return Fact("waiver", life, it.effective_on, totals({"5300": n}, {FEES: n}), n)


def chargeoff(m: "Model", it: c.ChargeOff, _: int) -> Rule:
    life = m.alive(it.tenant_id, it.loan_id)
    yield life is None and "loan_not_found"
    yield life.unsettled and "disbursement_unsettled"
    yield life.suspense and "suspense_outstanding"
    yield not life.exposure and "nothing_to_charge_off"
    owed = {code: life.net[code] for code in OWED}
    expense = {"5000": owed[PRINCIPAL], "5100": owed[INTEREST], "5200": owed[FEES]}
    return Fact("chargeoff", life, it.effective_on, totals(expense, owed))


def recovery(m: "Model", it: c.Recovery, _: int) -> Rule:
    life = m.alive(it.tenant_id, it.loan_id)
    yield life is None and "loan_not_found"
    yield it.currency != life.currency and "currency_mismatch"
    yield life.status != "charged_off" and "loan_not_charged_off"
    n = it.amount_minor
    return Fact("recovery", life, it.effective_on, totals({CASH: n}, {"4200": n}), n)


def restructure(m: "Model", it: c.Restructure, _: int) -> Rule:
    life = m.alive(it.tenant_id, it.loan_id)
    yield life is None and "loan_not_found"
    yield life.is_closed and "loan_closed"
    i, f = it.capitalize_interest_minor, it.capitalize_fees_minor
    yield (i > life.net[INTEREST] or f > life.net[FEES]) and "amount_exceeds_receivable"
    yield not i + f and "nothing_to_capitalize"
    both = totals({PRINCIPAL: i + f}, {INTEREST: i, FEES: f})
    return Fact("restructure", life, it.effective_on, both, i + f)


def refinance(m: "Model", it: c.Refinance, _: int) -> Rule:
    key = (it.tenant_id, it.new_loan_id)
    taken = key in m.reserved or m.alive(*key) is not None or it.loan_id == it.new_loan_id
    yield taken and "new_loan_exists"
    return Fact("reserved", None, it.effective_on, totals({}, {}))


def payoff(m: "Model", it: c.RefinancePayoff, _: int) -> Rule:
    life = m.alive(it.tenant_id, it.loan_id)
    yield life is None and "loan_not_found"
    yield it.currency not in (None, life.currency) and "currency_mismatch"
    yield life.is_closed and "loan_closed"
    yield life.unsettled and "disbursement_unsettled"
    yield life.suspense and "suspense_outstanding"
    yield not life.exposure and "nothing_to_refinance"
    new_principal = life.exposure + it.additional_principal_minor
    yield new_principal > MAX_AMOUNT_MINOR and "balance_out_of_range"
    owed = {code: life.net[code] for code in OWED}
    both = totals({REFINANCED: life.exposure}, owed)
    return Fact("payoff", life, it.effective_on, both, life.exposure)


def opening(m: "Model", it: c.RefinanceOpening, _: int) -> Rule:
    key = (it.tenant_id, it.new_loan_id)
    life = Life(key, it.borrower_id, it.currency, it.effective_on)
    carried, extra = it.carried_minor, it.additional_principal_minor
    both = totals({PRINCIPAL: carried + extra}, {REFINANCED: carried, UNSETTLED: extra})
    yield None
    return Fact("refinance", life, it.effective_on, both, extra)


def mirror(life: Life, of: Fact, day: date) -> Rule:
    """An entry of one loan with its sides swapped, and what moves to suspense (section 3)."""
    yield of.kind in ("disbursement", "refinance") and of.settled and "disbursement_settled"
    yield of.kind == "chargeoff" and life.recovered and "recovered_since"
    if of.kind == "allocation":
        kept = [life.collected[code] >= of.collected[code] for code in OWED]
        yield not all(kept) and "reduced_without_cash"
    both = swapped(of.totals)
    fall = {code: -amount for code, amount in of.collected.items() if of.kind == "allocation"}
    given = net(of.totals)
    for code in OWED:
        short = given[code] - life.net[code]
        if given[code] > 0 and short > 0:
            yield short > life.collected[code] and "reduced_without_cash"
            both["DR", code] += short
            both["CR", SUSPENSE] += short
            fall[code] = -short
    yield net(both)[SUSPENSE] > life.suspense and "balance_would_be_negative"
    beside = of.beside_swapped
    return Fact("reversal", life, day, both, collected=fall, undoes=of, beside=beside)


def refinance_reversal(m: "Model", it: c.RefinanceReversal, _: int) -> Rule:
    of = next(iter(m.facts.get((it.tenant_id, it.reverses_entry_id, 1), [])), None)
    yield (of is None or of.kind != "refinance") and "entry_not_found"
    yield not of.stands and "already_reversed"
    yield not m.in_reach(of.life) and "entry_not_found"
    yield it.effective_on < of.day and "effective_before_original"
    return (yield from mirror(of.life, of, it.effective_on))


def payoff_reversal(m: "Model", it: c.PayoffReversal, _: int) -> Rule:
    (of,) = m.facts[it.tenant_id, it.reverses_entry_id, 0]
    return (yield from mirror(of.life, of, it.effective_on))


def reversal(m: "Model", it: c.Reversal, partition: int) -> Rule:
    of = next(iter(m.facts.get((it.tenant_id, it.reverses_entry_id, 0), [])), None)
    yield (of is None or of.partition != partition) and "entry_not_found"
    yield of.kind in ("accrual", "payoff", "refinance") and "entry_not_found"
    yield of.life is not None and not m.in_reach(of.life) and "entry_not_found"
    yield not of.stands and "already_reversed"
    yield of.kind in MIRRORS and "reversal_of_reversal"
    yield it.effective_on < of.day and "effective_before_original"
    if of.kind == "payment":
        return take_back(of.life, of, "reversal", it.effective_on)
    if of.life is None:
        beside = of.beside_swapped
        return Fact("reversal", None, it.effective_on, Counter(), undoes=of, beside=beside)
    return (yield from mirror(of.life, of, it.effective_on))


def manual_adjustment(m: "Model", it: c.ManualAdjustment, partition: int) -> Rule:
    key = (it.tenant_id, it.loan_id or NOBODY)
    life = m.alive(*key)
    lends = told_apart(it.lines, of_loan=True)[0]["DR", PRINCIPAL]
    opens = lends > 0 and life is None and None not in (it.loan_id, it.borrower_id)
    yield opens and key in m.reserved and "loan_reserved"
    sums: Counter[tuple[str, str]] = Counter()
    for x in it.lines:
        sums[x.currency, x.layer] += x.amount_minor if x.direction == "DR" else -x.amount_minor
    yield any(sums.values()) and "unbalanced"
    codes = {x.account_code for x in it.lines}
    yield not codes <= CHART and "account_not_found"
    yield codes & {UNSETTLED, REFINANCED} and "account_not_adjustable"
    yield it.loan_id is None and codes & {*OWED, SUSPENSE} and "loan_required"
    if opens:
        first, floor = it.lines[0].currency, it.accrued_through
        life = Life(key, it.borrower_id or NOBODY, first, it.effective_on, floor, floor)
    yield it.loan_id is not None and life is None and "loan_not_found"
    both, beside = told_apart(it.lines, of_loan=life is not None)
    if life is not None:
        yield it.borrower_id not in (None, life.borrower_id) and "borrower_mismatch"
        yield any(x.currency != life.currency for x in it.lines) and "currency_mismatch"
        after = Counter({code: life.net[code] + net(both)[code] for code in (*OWED, SUSPENSE)})
        negative = any(after[code] < 0 for code in OWED) or after[SUSPENSE] > 0
        yield negative and "balance_would_be_negative"
    closed = m.closed.get((partition, it.tenant_id), date.min)
    yield it.effective_on <= closed and "period_closed"
    kind = "opening adjustment" if opens else "adjustment"
    return Fact(kind, life, it.effective_on, both, beside=beside)


def period_close(m: "Model", it: c.PeriodClose, partition: int) -> Rule:
    yield m.today <= it.closed_through and "period_not_ended"
    already = m.closed.get((partition, it.tenant_id))
    if already is not None:
        yield it.closed_through <= already and "period_already_closed"
        first = it.closed_through.replace(day=1)
        yield first != already + timedelta(days=1) and "earlier_period_open"
    return Fact("closed", None, it.closed_through, Counter())


def never_refused(m: "Model", it: c.PeriodClosed | c.RefinanceRelease, _: int) -> Rule:
    yield None
    return Fact("told", None, date.min, Counter())


def accrual_of(m: "Model", it: c.AccrualChunk, share: Share) -> Rule:
    """One loan of a chunk."""
    life = m.lives.get((it.tenant_id, share.loan_id))
    yield life is None and "loan_not_found"
    ended = life.is_closed or life.status == "cancelled" or it.accrued_on < life.opened_on
    yield ended and "loan_not_accruing"
    yield it.currency != life.currency and "currency_mismatch"
    standing = any(fact.day == it.accrued_on for fact in life.standing("accrual"))
    passed = life.accrued_through is not None and it.accrued_on <= life.accrued_through
    yield (standing if it.backfill else passed) and "already_accrued"
    differs = share.principal_minor != life.net[PRINCIPAL]
    yield it.require_principal_match and differs and "principal_mismatch"
    n = share.interest_minor
    return Fact("accrual", life, it.accrued_on, totals({INTEREST: n}, {"4000": n}), n)


def accrual_undone(m: "Model", of: Fact, day: date) -> Rule:
    """One loan of an accrual reversed."""
    yield not m.in_reach(of.life) and "entry_not_found"
    yield not of.stands and "already_reversed"
    yield day < of.day and "effective_before_original"
    return (yield from mirror(of.life, of, day))


RULES: dict[type, Any] = {
    c.Disbursement: disbursement,
    c.DisbursementSettlement: disbursement_settled,
    c.Payment: payment_received,
    c.PaymentAllocation: payment_allocated,
    c.PaymentReturn: payment_returned,
    c.FeeAssessment: fee_assessed,
    c.FeeWaiver: fee_waived,
    c.ChargeOff: chargeoff,
    c.Recovery: recovery,
    c.Restructure: restructure,
    c.Refinance: refinance,
    c.RefinancePayoff: payoff,
    c.RefinanceOpening: opening,
    c.RefinanceRelease: never_refused,
    c.RefinanceReversal: refinance_reversal,
    c.PayoffReversal: payoff_reversal,
    c.Reversal: reversal,
    c.ManualAdjustment: manual_adjustment,
    c.PeriodClose: period_close,
    c.PeriodClosed: never_refused,
}
