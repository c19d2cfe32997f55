"""Settlements: the money of a disbursement has left for good, in one part or in several."""

from datetime import date
from uuid import UUID

from schemas.chart_of_accounts import CASH, DISBURSEMENT_CLEARING, PRINCIPAL_RECEIVABLE
from tests.journal import (
    CR,
    DR,
    LARGEST,
    NO_SUCH_ENTRY,
    OTHER_TENANT,
    SECOND_LOAN,
    Balances,
    disbursement,
    entry_of,
    journal_of,
    payment,
    reversal,
    settlement,
)
from tests.posting.books import Books


def test_a_disbursement_is_settled_whole_unless_an_amount_is_given() -> None:
    books = Books()
    lent = books.post(disbursement(1_000_00, on="2026-01-05"))

    posting = books.post(settlement(lent, on="2026-01-06"))

    assert journal_of(posting) == [DR(DISBURSEMENT_CLEARING, 1_000_00), CR(CASH, 1_000_00)]
    assert books.balances() == Balances(principal=1_000_00)
    assert books.loan().status == "active"
    entry = entry_of(posting)
    assert (entry.event_type, entry.effective_on) == ("disbursement_settled", date(2026, 1, 6))
    assert posting.result["settlement_event_id"] == str(entry.event_id)


def test_it_is_settled_in_parts_until_nothing_is_unsettled() -> None:
    books = Books()
    lent = books.post(disbursement(1_000_00))
    books.post(settlement(lent, 400_00))
    assert books.balances() == Balances(principal=1_000_00, unsettled=600_00)

    rest = books.post(settlement(lent))

    assert journal_of(rest) == [DR(DISBURSEMENT_CLEARING, 600_00), CR(CASH, 600_00)]
    assert books.balances() == Balances(principal=1_000_00)
    assert books.refuse(settlement(lent)).code == "amount_exceeds_unsettled"


def test_more_than_what_of_that_disbursement_is_unsettled_is_refused() -> None:
    """The other draw's 500.00 are not this one's."""
    books = Books()
    lent = books.post(disbursement(100_00))
    books.post(disbursement(500_00))
    assert books.refuse(settlement(lent, 100_01)).code == "amount_exceeds_unsettled"
    books.post(settlement(lent, 100_00))
    assert books.balances() == Balances(principal=600_00, unsettled=500_00)


def test_an_unknown_event_is_not_found() -> None:
    assert Books().refuse(settlement(NO_SUCH_ENTRY)).code == "event_not_found"


def test_another_type_of_event_is_not_found() -> None:
    books = Books()
    books.post(disbursement(1_00))
    paid = entry_of(books.post(payment(1_00)))
    assert books.refuse(settlement(paid.event_id)).code == "event_not_found"


def test_another_tenants_event_is_not_found() -> None:
    books = Books()
    lent = books.post(disbursement(1_00))
    assert books.refuse(settlement(lent, tenant_id=OTHER_TENANT)).code == "event_not_found"


def test_a_loan_that_does_not_match_the_event_is_not_found() -> None:
    books = Books()
    lent = books.post(disbursement(1_00))
    assert books.refuse(settlement(lent, loan_id=SECOND_LOAN)).code == "event_not_found"


def test_an_event_of_an_earlier_life_is_not_found() -> None:
    books = Books()
    lent = books.post(disbursement(1_00))
    books.post(reversal(lent))
    assert books.loan().status == "cancelled"
    assert books.refuse(settlement(lent)).code == "event_not_found"

    books.post(disbursement(5_00))

    assert books.refuse(settlement(lent)).code == "event_not_found"


def test_a_reversed_disbursement_of_a_living_loan_is_already_reversed() -> None:
    books = Books()
    lent = books.post(disbursement(1_00))
    books.post(disbursement(5_00))
    undone = books.post(reversal(lent))
    refusal = books.refuse(settlement(lent))
    assert refusal.code == "already_reversed"
    reversed_by = str(entry_of(undone).journal_entry_id)
    assert refusal.members == {"reversed_by_entry_id": reversed_by}
    assert reversed_by in refusal.detail


def test_another_currency_is_refused() -> None:
    books = Books()
    lent = books.post(disbursement(1_00))
    assert books.refuse(settlement(lent, 1_00, currency="EUR")).code == "currency_mismatch"


def test_it_may_have_the_date_of_the_disbursement_and_none_before() -> None:
    books = Books()
    lent = books.post(disbursement(1_00, on="2026-01-05"))
    refusal = books.refuse(settlement(lent, on="2026-01-04"))
    assert refusal.code == "effective_before_original"
    books.post(settlement(lent, on="2026-01-05"))


def test_reversing_a_settlement_takes_the_cash_back_and_it_can_be_settled_again() -> None:
    books = Books()
    lent = books.post(disbursement(1_000_00))
    first = books.post(settlement(lent, 300_00))
    books.post(settlement(lent, 200_00))

    posting = books.post(reversal(first, on="2026-01-08"))

    assert journal_of(posting) == [CR(DISBURSEMENT_CLEARING, 300_00), DR(CASH, 300_00)]
    assert books.balances() == Balances(principal=1_000_00, unsettled=800_00)
    assert books.refuse(settlement(lent, 800_01)).code == "amount_exceeds_unsettled"
    books.post(settlement(lent, 800_00))
    assert books.balances() == Balances(principal=1_000_00)


def test_a_disbursement_is_reversed_once_all_its_settlements_are() -> None:
    books = Books()
    lent = books.post(disbursement(10_00))
    parts = [books.post(settlement(lent, 4_00)), books.post(settlement(lent, 6_00))]
    for part in parts:
        assert books.refuse(reversal(lent)).code == "disbursement_settled"
        books.post(reversal(part))

    posting = books.post(reversal(lent))

    assert journal_of(posting) == [
        CR(PRINCIPAL_RECEIVABLE, 10_00),
        DR(DISBURSEMENT_CLEARING, 10_00),
    ]
    assert books.loan().status == "cancelled"


def test_unsettled_may_not_pass_the_largest_balance_by_reversing_a_settlement() -> None:
    books = Books()
    lent = books.post(disbursement(1_00))
    settled = books.post(settlement(lent))
    books.left(principal_minor=0)
    books.post(disbursement(LARGEST))
    assert books.refuse(reversal(settled)).code == "balance_out_of_range"


def test_a_settlement_names_the_loan_and_borrower_of_its_disbursement() -> None:
    books = Books()
    lent = books.post(disbursement(1_00))
    entry = entry_of(books.post(settlement(lent, external_ref="wire-1")))
    named = {(line.loan_id, line.borrower_id, line.external_ref) for line in entry.lines}
    opening = entry_of(lent).lines[0]
    assert named == {(opening.loan_id, opening.borrower_id, "wire-1")}
    assert isinstance(opening.loan_id, UUID)
