"""Refinances: a new loan takes over what an old one owes, in steps on two partitions.

`LOAN` (the old one) and `SECOND_LOAN` (the new one) live on different partitions, `THIRD_LOAN` on
the old one's. Between any two steps other events may come; 2200 is zero when all are done.
"""

from typing import Any
from uuid import UUID

from posting_engine.posting.page import Posting
from posting_engine.posting.refusals import Refusal
from schemas.chart_of_accounts import (
    DISBURSEMENT_CLEARING,
    FEES_RECEIVABLE,
    INTEREST_RECEIVABLE,
    OPENING_BALANCES,
    PRINCIPAL_RECEIVABLE,
    REFINANCE_CLEARING,
    SUSPENSE,
)
from schemas.commands import Refinance, RefinanceOpening, RefinancePayoff, RefinanceRelease
from tests.journal import (
    BORROWER,
    CR,
    DR,
    LARGEST,
    LOAN,
    OTHER_BORROWER,
    SECOND_LOAN,
    THIRD_LOAN,
    Balances,
    accrual,
    adjustment,
    charge_off,
    disbursement,
    entry_of,
    fee,
    journal_of,
    payment,
    refinance,
    reversal,
    settlement,
)
from tests.posting.books import Ledger, posted, refused, rejections


def lent(amount: int = 900_00, **changes: Any) -> Ledger:
    """A ledger in which `LOAN` owes principal, all of it settled."""
    ledger = Ledger()
    ledger.post(settlement(ledger.post(disbursement(amount, **changes))))
    return ledger


def owing() -> Ledger:
    """`LOAN` owes 900.00 of principal, 8.22 of interest and 5.00 of fees."""
    ledger = lent()
    ledger.post(accrual(8_22))
    ledger.post(fee(5_00))
    return ledger


def refinanced(ledger: Ledger, **changes: Any) -> tuple[Posting, Posting]:
    """All steps of a refinance that posts: the old loan's part and the new loan's."""
    ledger.post(refinance(**changes))
    payoff, opening = ledger.run()
    return posted(payoff), posted(opening)


def not_refinanced(ledger: Ledger, **changes: Any) -> Refusal:
    """A refinance that the old loan refuses; the new loan's id is free again after it."""
    ledger.post(refinance(**changes))
    payoff, release = ledger.run()
    assert posted(release).entry is None
    assert ledger.loan(SECOND_LOAN).reserved_by is None
    return refused(payoff)


def test_the_new_loan_takes_over_what_the_old_one_owes() -> None:
    ledger = owing()

    payoff, opening = refinanced(ledger, additional=100_00)

    assert journal_of(payoff) == [
        DR(REFINANCE_CLEARING, 913_22),
        CR(PRINCIPAL_RECEIVABLE, 900_00),
        CR(INTEREST_RECEIVABLE, 8_22),
        CR(FEES_RECEIVABLE, 5_00),
    ]
    assert journal_of(opening) == [
        DR(PRINCIPAL_RECEIVABLE, 1_013_22),
        CR(REFINANCE_CLEARING, 913_22),
        CR(DISBURSEMENT_CLEARING, 100_00),
    ]
    assert ledger.balances(LOAN) == Balances()
    assert ledger.balances(SECOND_LOAN) == Balances(principal=1_013_22, unsettled=100_00)
    assert (ledger.loan(LOAN).status, ledger.loan(SECOND_LOAN).status) == ("refinanced", "active")
    assert ledger.loan(SECOND_LOAN).borrower_id == BORROWER


def test_it_is_one_entry_of_two_parts() -> None:
    payoff, opening = refinanced(owing())
    old, new = entry_of(payoff), entry_of(opening)
    assert (old.part, new.part) == (0, 1)
    assert old.journal_entry_id == new.journal_entry_id
    assert old.event_id == new.event_id
    assert old.correlation_id == new.correlation_id
    assert payoff.result["refinance_event_id"] == opening.result["refinance_event_id"]
    assert "disbursement_event_id" not in opening.result


def test_the_first_step_only_reserves_the_id() -> None:
    ledger = owing()
    reserved = ledger.post(refinance())
    assert reserved.entry is None
    assert isinstance(ledger.queue[0], RefinancePayoff)
    assert ledger.loan(SECOND_LOAN).life == 0
    assert ledger.balances(LOAN) == Balances(900_00, 8_22, 5_00)


def test_an_id_that_is_only_reserved_is_no_loan() -> None:
    ledger = owing()
    ledger.post(refinance())
    named = {"loan_id": SECOND_LOAN}
    assert ledger.refuse(payment(1, **named)).code == "loan_not_found"
    assert ledger.refuse(fee(1, **named)).code == "loan_not_found"
    assert ledger.refuse(charge_off(**named)).code == "loan_not_found"
    assert rejections(ledger.take(accrual({SECOND_LOAN: 1}))) == {SECOND_LOAN: "loan_not_found"}


def test_an_id_that_was_released_is_no_loan_either() -> None:
    ledger = Ledger()
    not_refinanced(ledger)
    assert rejections(ledger.take(accrual({SECOND_LOAN: 1}))) == {SECOND_LOAN: "loan_not_found"}


def test_a_reserved_id_takes_no_other_opening() -> None:
    ledger = owing()
    ledger.post(disbursement(5_00, loan_id=THIRD_LOAN))
    ledger.post(refinance())

    assert ledger.refuse(disbursement(1, loan_id=SECOND_LOAN)).code == "loan_reserved"
    migrated = adjustment(
        DR(PRINCIPAL_RECEIVABLE, 1),
        CR(OPENING_BALANCES, 2),
        loan_id=SECOND_LOAN,
        borrower_id=BORROWER,
    )
    assert ledger.refuse(migrated).code == "loan_reserved"  # before `unbalanced`
    assert ledger.refuse(refinance(loan_id=THIRD_LOAN)).code == "new_loan_exists"

    ledger.run()
    assert ledger.loan(SECOND_LOAN).status == "active"
    ledger.post(disbursement(1, loan_id=SECOND_LOAN))


def test_an_id_that_exists_is_taken() -> None:
    ledger = owing()
    ledger.post(disbursement(5_00, loan_id=SECOND_LOAN, borrower_id=OTHER_BORROWER))
    assert ledger.refuse(refinance()).code == "new_loan_exists"
    assert not ledger.queue


def test_a_loan_does_not_take_over_itself() -> None:
    """Whether it exists or not."""
    for ledger in (owing(), Ledger()):
        assert ledger.refuse(refinance(new_loan_id=LOAN)).code == "new_loan_exists"
        assert not ledger.queue


def test_a_cancelled_loan_may_be_opened_anew_by_a_refinance() -> None:
    ledger = owing()
    once = {"loan_id": SECOND_LOAN, "borrower_id": OTHER_BORROWER, "currency": "EUR"}
    opened = ledger.post(disbursement(7_00, **once))
    ledger.post(reversal(opened))
    assert ledger.loan(SECOND_LOAN).status == "cancelled"

    refinanced(ledger)

    anew = ledger.loan(SECOND_LOAN)
    assert (anew.life, anew.borrower_id, anew.currency) == (2, BORROWER, "USD")
    assert ledger.balances(SECOND_LOAN) == Balances(principal=913_22)
    assert ledger.refuse(reversal(opened)).code == "entry_not_found"


def test_a_cancelled_loan_is_kept_from_other_openings_while_reserved() -> None:
    ledger = owing()
    ledger.post(reversal(ledger.post(disbursement(7_00, loan_id=SECOND_LOAN))))
    ledger.post(refinance())
    assert ledger.refuse(disbursement(1, loan_id=SECOND_LOAN)).code == "loan_reserved"
    share = ledger.take(accrual({SECOND_LOAN: 1}))
    assert rejections(share) == {SECOND_LOAN: "loan_not_accruing"}


def test_an_unknown_old_loan_is_not_found_and_the_id_is_released() -> None:
    ledger = Ledger()
    assert not_refinanced(ledger).code == "loan_not_found"
    ledger.post(disbursement(1_00, loan_id=SECOND_LOAN, borrower_id=OTHER_BORROWER))
    assert ledger.loan(SECOND_LOAN).life == 1


def test_additional_principal_is_in_the_old_loans_currency() -> None:
    ledger = lent()
    assert not_refinanced(ledger, additional=1, currency="EUR").code == "currency_mismatch"
    assert ledger.balances() == Balances(principal=900_00)


def test_a_closed_loan_is_not_refinanced() -> None:
    ledger = lent()
    ledger.post(charge_off())
    assert not_refinanced(ledger).code == "loan_closed"


def test_a_loan_is_not_refinanced_twice() -> None:
    ledger = lent()
    refinanced(ledger)
    ledger.post(refinance(new_loan_id=THIRD_LOAN))
    payoff, _ = ledger.run()
    assert refused(payoff).code == "loan_closed"


def test_of_two_refinances_at_once_the_second_is_refused_and_releases_its_id() -> None:
    """Both reserved; the old loan's partition decides which comes first."""
    ledger = lent()
    ledger.post(refinance())
    ledger.post(refinance(new_loan_id=THIRD_LOAN))
    assert [type(x) for x in ledger.queue] == [RefinancePayoff, RefinancePayoff]

    second, first = ledger.step(1), ledger.step(0)

    assert posted(second).entry is not None
    assert refused(first).code == "loan_closed"
    assert [type(x) for x in ledger.queue] == [RefinanceOpening, RefinanceRelease]
    ledger.run()
    assert ledger.loan(THIRD_LOAN).status == "active"
    assert ledger.loan(SECOND_LOAN).reserved_by is None


def test_money_on_its_way_is_settled_first() -> None:
    ledger = Ledger()
    ledger.post(disbursement(1_00))
    assert not_refinanced(ledger).code == "disbursement_unsettled"


def test_suspense_is_allocated_or_refunded_first() -> None:
    ledger = lent()
    ledger.post(payment(1_00, allocation="hold"))
    assert not_refinanced(ledger).code == "suspense_outstanding"


def test_a_paid_off_loan_has_nothing_to_refinance() -> None:
    ledger = lent(1_00)
    ledger.post(payment(1_00))
    assert not_refinanced(ledger).code == "nothing_to_refinance"


def test_the_new_loans_balance_is_checked_before_the_old_one_is_paid_off() -> None:
    ledger = lent(LARGEST - 1_00)
    assert not_refinanced(ledger, additional=1_01).code == "balance_out_of_range"

    refinanced(ledger, additional=1_00)

    assert ledger.balances(SECOND_LOAN) == Balances(principal=LARGEST, unsettled=1_00)


def test_what_happens_to_the_old_loan_before_its_step_counts() -> None:
    ledger = lent()
    ledger.post(refinance())
    ledger.post(payment(100_00))
    ledger.run()
    assert ledger.balances(SECOND_LOAN) == Balances(principal=800_00)


def test_a_release_of_an_id_that_is_no_longer_its_own_changes_nothing() -> None:
    """The same release again, after another refinance has reserved the id."""
    ledger = Ledger()
    ledger.post(refinance())
    ledger.step()
    release = ledger.queue[0]
    ledger.run()
    other = posted(ledger.take(refinance(loan_id=THIRD_LOAN)))

    assert ledger.post(release).loans == ()

    reserved_by = ledger.loan(SECOND_LOAN).reserved_by
    assert reserved_by == UUID(str(other.result["refinance_event_id"]))


def test_a_payment_on_the_refinanced_loan_is_held_in_suspense() -> None:
    ledger = lent()
    refinanced(ledger)
    posting = ledger.post(payment(5_00))
    assert journal_of(posting)[1] == CR(SUSPENSE, 5_00)
    assert ledger.loan().status == "refinanced"


def test_the_steps_carry_what_the_client_said_once() -> None:
    ledger = owing()
    said = {"description": "better terms", "external_ref": "deal-7", "metadata": {"by": "phone"}}
    for posting in refinanced(ledger, additional=1_00, **said):
        entry = entry_of(posting)
        assert (entry.description, entry.metadata) == ("better terms", {"by": "phone"})
        assert {line.external_ref for line in entry.lines} == {"deal-7"}


def test_the_additional_principal_is_settled_by_its_own_event() -> None:
    ledger = owing()
    _, opening = refinanced(ledger, additional=100_00)
    posting = ledger.post(settlement(opening, on="2026-04-02"))
    assert journal_of(posting)[0] == DR(DISBURSEMENT_CLEARING, 100_00)
    assert ledger.balances(SECOND_LOAN) == Balances(principal=1_013_22)
    assert ledger.refuse(settlement(opening, 1)).code == "amount_exceeds_unsettled"


def test_a_chain_of_refinances_ends_in_the_last_loan() -> None:
    ledger = owing()
    refinanced(ledger)
    refinanced(ledger, loan_id=SECOND_LOAN, new_loan_id=THIRD_LOAN, on="2026-05-01")
    assert ledger.balances(THIRD_LOAN) == Balances(principal=913_22)
    assert [ledger.loan(x).status for x in (LOAN, SECOND_LOAN)] == ["refinanced", "refinanced"]


def test_a_first_step_says_what_follows() -> None:
    command = refinance(additional=3_00)
    assert isinstance(command, Refinance)
    ledger = owing()
    ledger.post(command)
    (payoff,) = ledger.queue
    assert payoff.idempotency_key.endswith("/payoff")
    assert payoff.accepted_at == command.accepted_at
    assert payoff.actor == command.actor
