"""The reversal of a refinance: the new loan's part first, where it may be refused; then the old
loan's, which cannot be, whatever has come between.
"""

from dataclasses import replace

import pytest

from posting_engine.posting.journal import BrokenInvariant
from posting_engine.posting.page import Posting
from schemas.chart_of_accounts import (
    CHARGE_OFF_EXPENSE,
    DISBURSEMENT_CLEARING,
    FEES_RECEIVABLE,
    INTEREST_RECEIVABLE,
    PRINCIPAL_RECEIVABLE,
    REFINANCE_CLEARING,
    SUSPENSE,
)
from schemas.commands import PayoffReversal
from tests.journal import (
    CR,
    DR,
    FOURTH_LOAN,
    LARGEST,
    LOAN,
    NO_SUCH_ENTRY,
    SECOND_LOAN,
    THIRD_LOAN,
    Balances,
    Collected,
    adjustment,
    charge_off,
    disbursement,
    entry_of,
    journal_of,
    payment,
    payment_return,
    refinance,
    refinance_reversal,
    reversal,
    settlement,
)
from tests.posting.books import Ledger, posted
from tests.posting.test_refinance import lent, owing, refinanced


def test_both_loans_are_as_before() -> None:
    ledger = owing()
    _, opening = refinanced(ledger, additional=100_00)

    new = ledger.post(refinance_reversal(opening))
    (old,) = ledger.run()

    assert journal_of(new) == [
        CR(PRINCIPAL_RECEIVABLE, 1_013_22),
        DR(REFINANCE_CLEARING, 913_22),
        DR(DISBURSEMENT_CLEARING, 100_00),
    ]
    assert journal_of(posted(old)) == [
        CR(REFINANCE_CLEARING, 913_22),
        DR(PRINCIPAL_RECEIVABLE, 900_00),
        DR(INTEREST_RECEIVABLE, 8_22),
        DR(FEES_RECEIVABLE, 5_00),
    ]
    assert ledger.balances(LOAN) == Balances(900_00, 8_22, 5_00)
    assert ledger.balances(SECOND_LOAN) == Balances()
    assert (ledger.loan(LOAN).status, ledger.loan(SECOND_LOAN).status) == ("active", "cancelled")


def test_it_is_one_entry_of_two_parts() -> None:
    ledger = owing()
    _, opening = refinanced(ledger)
    new = entry_of(ledger.post(refinance_reversal(opening)))
    old = entry_of(posted(ledger.step()))
    assert (new.part, old.part) == (1, 0)
    assert (new.reverses_part, old.reverses_part) == (1, 0)
    assert new.journal_entry_id == old.journal_entry_id
    assert new.reverses_entry_id == old.reverses_entry_id == entry_of(opening).journal_entry_id


def test_what_the_borrower_has_paid_since_moves_to_suspense_of_the_new_loan() -> None:
    ledger = lent()
    _, opening = refinanced(ledger)
    ledger.post(payment(100_00, loan_id=SECOND_LOAN))

    new = ledger.post(refinance_reversal(opening))
    ledger.run()

    assert journal_of(new)[2:] == [DR(PRINCIPAL_RECEIVABLE, 100_00), CR(SUSPENSE, 100_00)]
    assert ledger.balances(SECOND_LOAN) == Balances(suspense=100_00)
    assert ledger.loan(SECOND_LOAN).status == "paid_off"
    assert ledger.balances(LOAN) == Balances(principal=900_00)


def test_additional_principal_that_was_reversed_names_its_reversal() -> None:
    ledger = owing()
    _, opening = refinanced(ledger, additional=100_00)
    ledger.post(disbursement(5_00, loan_id=SECOND_LOAN, on="2026-04-02"))
    undone = ledger.post(refinance_reversal(opening))
    for _ in ("between the steps", "when all is done"):
        refusal = ledger.refuse(settlement(opening, on="2026-04-30"))
        assert refusal.code == "already_reversed"
        reversed_by = str(entry_of(undone).journal_entry_id)
        assert refusal.members == {"reversed_by_entry_id": reversed_by}
        ledger.run()


def test_the_additional_principal_must_not_be_settled() -> None:
    ledger = owing()
    _, opening = refinanced(ledger, additional=100_00)
    settled = ledger.post(settlement(opening, 1, on="2026-04-02"))
    refusal = ledger.refuse(refinance_reversal(opening))
    assert refusal.code == "disbursement_settled"
    assert not ledger.queue

    ledger.post(reversal(settled, on="2026-04-03"))
    ledger.post(refinance_reversal(opening))
    ledger.run()

    assert ledger.refuse(settlement(opening, on="2026-04-30")).code == "event_not_found"


def test_what_the_new_loan_no_longer_owes_must_have_been_paid() -> None:
    ledger = lent()
    _, opening = refinanced(ledger)
    ledger.post(charge_off(loan_id=SECOND_LOAN))
    assert (
        ledger.refuse(refinance_reversal(opening, on="2026-07-01")).code == "reduced_without_cash"
    )


def test_a_chain_is_undone_from_its_end() -> None:
    ledger = owing()
    _, first = refinanced(ledger)
    following = {"loan_id": SECOND_LOAN, "new_loan_id": THIRD_LOAN}
    _, second = refinanced(ledger, **following, on="2026-05-01")
    assert ledger.refuse(refinance_reversal(first, on="2026-06-01")).code == "reduced_without_cash"

    ledger.post(refinance_reversal(second, on="2026-06-01", **following))
    ledger.run()
    ledger.post(refinance_reversal(first, on="2026-06-01"))
    ledger.run()

    assert ledger.balances(LOAN) == Balances(900_00, 8_22, 5_00)


def test_an_unknown_refinance_is_not_found() -> None:
    assert lent().refuse(refinance_reversal(NO_SUCH_ENTRY)).code == "entry_not_found"


def test_a_refinance_whose_new_loan_has_not_opened_yet_is_not_found() -> None:
    ledger = lent()
    ledger.post(refinance())
    payoff = posted(ledger.step())
    assert ledger.refuse(refinance_reversal(payoff)).code == "entry_not_found"


def test_another_type_of_entry_is_not_found() -> None:
    ledger = lent()
    opened = ledger.post(disbursement(1, loan_id=SECOND_LOAN))
    assert ledger.refuse(refinance_reversal(opened)).code == "entry_not_found"


def test_a_refinance_is_reversed_once_also_when_its_new_loan_lives_again() -> None:
    ledger = lent()
    _, opening = refinanced(ledger)
    undone = ledger.post(refinance_reversal(opening))
    ledger.run()
    assert ledger.loan(SECOND_LOAN).status == "cancelled"
    refusal = ledger.refuse(refinance_reversal(opening))
    assert refusal.code == "already_reversed"
    assert refusal.members["reversed_by_entry_id"] == str(entry_of(undone).journal_entry_id)

    ledger.post(disbursement(1, loan_id=SECOND_LOAN))

    assert ledger.refuse(refinance_reversal(opening)).code == "already_reversed"


def test_it_is_not_effective_before_the_refinance() -> None:
    ledger = lent()
    _, opening = refinanced(ledger, on="2026-04-01")
    early = refinance_reversal(opening, on="2026-03-31")
    assert ledger.refuse(early).code == "effective_before_original"
    ledger.post(refinance_reversal(opening, on="2026-04-01"))


def test_a_plain_reversal_does_not_reach_one_of_two_parts() -> None:
    ledger = lent()
    payoff, _ = refinanced(ledger)
    assert ledger.refuse(reversal(payoff, on="2026-05-01")).code == "entry_not_found"


def test_the_reversal_is_not_reversed() -> None:
    ledger = lent()
    _, opening = refinanced(ledger)
    ledger.post(refinance_reversal(opening))
    (old,) = ledger.run()
    assert ledger.refuse(reversal(posted(old))).code == "reversal_of_reversal"


def test_the_same_loan_is_refinanced_again_after_it() -> None:
    ledger = lent()
    _, opening = refinanced(ledger)
    ledger.post(refinance_reversal(opening))
    ledger.run()

    refinanced(ledger, on="2026-05-01")

    assert ledger.loan(SECOND_LOAN).life == 2
    assert ledger.balances(SECOND_LOAN) == Balances(principal=900_00)


def test_both_loans_on_one_partition() -> None:
    ledger = lent()
    to_third = {"new_loan_id": THIRD_LOAN}
    _, opening = refinanced(ledger, additional=5_00, **to_third)
    ledger.post(refinance_reversal(opening, **to_third))
    ledger.run()
    assert ledger.balances(LOAN) == Balances(principal=900_00)
    assert ledger.loan(THIRD_LOAN).status == "cancelled"


def reversing(ledger: Ledger, opening: Posting) -> PayoffReversal:
    """The first step of the reversal taken; the last one, which waits."""
    ledger.post(refinance_reversal(opening))
    (last,) = ledger.queue
    assert isinstance(last, PayoffReversal)
    return last


def test_the_last_step_is_not_refused_for_a_return_that_comes_between() -> None:
    """100.00 paid before the refinance is taken back between the steps of its reversal."""
    ledger = lent()
    paid = ledger.post(payment(100_00))
    _, opening = refinanced(ledger)
    reversing(ledger, opening)
    ledger.post(payment_return(paid, on="2026-04-30"))
    assert ledger.balances(LOAN) == Balances(principal=100_00)

    ledger.run()

    assert ledger.balances(LOAN) == Balances(principal=900_00)
    assert ledger.loan(LOAN).status == "active"


def test_the_last_step_is_not_refused_for_a_charge_off_that_comes_between() -> None:
    ledger = lent()
    paid = ledger.post(payment(100_00))
    _, opening = refinanced(ledger)
    ledger.post(payment_return(paid, on="2026-04-20"))
    reversing(ledger, opening)
    ledger.post(charge_off(on="2026-04-29"))

    ledger.run()

    assert ledger.loan(LOAN).status == "charged_off"
    assert ledger.balances(LOAN) == Balances(principal=800_00)


def test_the_last_step_never_touches_another_loan_than_the_one_paid_off() -> None:
    """The first step cannot know the old loan; a command that names another breaks an invariant."""
    ledger = lent()
    ledger.post(settlement(ledger.post(disbursement(5_00, loan_id=THIRD_LOAN))))
    refinanced(ledger, loan_id=THIRD_LOAN, new_loan_id=FOURTH_LOAN)
    _, opening = refinanced(ledger)
    last = reversing(ledger, opening)

    with pytest.raises(BrokenInvariant, match="no payoff that stands"):
        ledger.take(replace(last, loan_id=THIRD_LOAN))

    assert ledger.loan(THIRD_LOAN).status == "refinanced"
    ledger.run()
    assert ledger.balances(LOAN) == Balances(principal=900_00)


def test_room_is_kept_for_what_the_last_step_restores() -> None:
    """What a refinanced loan owes again may not fill the room that its reversal will need."""
    ledger = lent(LARGEST - 1_00)
    _, opening = refinanced(ledger)
    owed_again = adjustment(DR(PRINCIPAL_RECEIVABLE, 1_01), CR(CHARGE_OFF_EXPENSE, 1_01))
    assert ledger.refuse(owed_again).code == "balance_out_of_range"
    ledger.post(adjustment(DR(PRINCIPAL_RECEIVABLE, 1_00), CR(CHARGE_OFF_EXPENSE, 1_00)))

    ledger.post(refinance_reversal(opening))
    ledger.run()

    assert ledger.balances(LOAN) == Balances(principal=LARGEST)
    assert ledger.loan(LOAN).paid_off_principal_minor == 0


def test_no_return_fills_that_room_either() -> None:
    ledger = lent(LARGEST)
    paid = ledger.post(payment(5_00))
    ledger.post(settlement(ledger.post(disbursement(5_00))))
    refinanced(ledger)
    assert ledger.refuse(payment_return(paid)).code == "balance_out_of_range"


def test_room_is_given_back_when_the_refinance_is_reversed() -> None:
    ledger = lent(LARGEST)
    paid = ledger.post(payment(5_00))
    _, opening = refinanced(ledger)
    ledger.post(refinance_reversal(opening))
    ledger.run()
    ledger.post(payment_return(paid))
    assert ledger.balances(LOAN) == Balances(principal=LARGEST)
    collected = ledger.books_of(LOAN).collected(LOAN)
    assert collected == Collected()


def test_both_parts_of_the_reversal_carry_its_reference() -> None:
    ledger = owing()
    _, opening = refinanced(ledger, external_ref="deal-7")
    new = ledger.post(refinance_reversal(opening, external_ref="case-7"))
    (old,) = ledger.run()
    for posting in (new, posted(old)):
        assert {line.external_ref for line in entry_of(posting).lines} == {"case-7"}
