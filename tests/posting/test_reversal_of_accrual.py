"""Reversing an accrual: one loan's share, or what still stands of a part."""

from datetime import date
from uuid import UUID

from posting_engine.posting.page import Posting
from schemas.chart_of_accounts import INTEREST_INCOME, INTEREST_RECEIVABLE, SUSPENSE
from schemas.commands import Reversal
from tests.journal import (
    CR,
    DR,
    LARGEST,
    LOAN,
    NO_SUCH_ENTRY,
    OTHER_TENANT,
    SECOND_LOAN,
    THIRD_LOAN,
    Balances,
    Collected,
    accrual,
    disbursement,
    entry_of,
    journal_of,
    loan,
    payment,
    reversal,
)
from tests.posting.books import Books

FIRST = loan(Balances(principal=1_000_00))
SECOND = loan(Balances(principal=500_00), loan_id=SECOND_LOAN)


def test_accrue_pay_and_reverse_the_accrual_as_the_specification_works_it() -> None:
    books = Books(loan())
    accrued = books.post(accrual(10_00))
    books.post(payment(10_00))

    posting = books.post(reversal(accrued, loan_id=LOAN))

    assert journal_of(posting) == [
        DR(INTEREST_INCOME, 10_00),
        CR(INTEREST_RECEIVABLE, 10_00),
        DR(INTEREST_RECEIVABLE, 10_00),
        CR(SUSPENSE, 10_00),
    ]
    assert posting.result["moved_to_suspense_minor"] == "1000"


def test_one_loans_share_is_reversed_and_the_others_stand() -> None:
    books = Books(FIRST, SECOND)
    accrued = books.post(accrual({LOAN: 8_22, SECOND_LOAN: 4_11}))

    posting = books.post(reversal(accrued, loan_id=SECOND_LOAN))

    assert journal_of(posting) == [DR(INTEREST_INCOME, 4_11), CR(INTEREST_RECEIVABLE, 4_11)]
    assert {line.loan_id for line in entry_of(posting).lines} == {SECOND_LOAN}
    assert books.balances() == Balances(principal=1_000_00, interest=8_22)
    assert books.balances(SECOND_LOAN) == Balances(principal=500_00)
    assert posting.result["balance"]["loan_id"] == str(SECOND_LOAN)  # type: ignore[index]
    assert posting.result["moved_to_suspense_minor"] == "0"


def test_each_loan_of_an_accrual_is_reversed_once() -> None:
    books = Books(FIRST)
    accrued = books.post(accrual(8_22))
    first = books.post(reversal(accrued, loan_id=LOAN))

    refusal = books.refuse(reversal(accrued, loan_id=LOAN))

    assert refusal.code == "already_reversed"
    assert refusal.members["reversed_by_entry_id"] == str(entry_of(first).journal_entry_id)


def test_a_loan_that_is_not_in_the_batch_has_no_entry_there() -> None:
    books = Books(FIRST, SECOND)
    accrued = books.post(accrual({LOAN: 8_22, SECOND_LOAN: 0}))
    for absent in (SECOND_LOAN, THIRD_LOAN):  # a zero leaves nothing to reverse
        assert books.refuse(reversal(accrued, loan_id=absent)).code == "entry_not_found"


def test_another_type_of_entry_has_no_share() -> None:
    books = Books(FIRST)
    paid = books.post(payment(1_00))
    assert books.refuse(reversal(paid, loan_id=LOAN)).code == "entry_not_found"
    assert books.refuse(reversal(paid, part=0, chunks_total=1)).code == "entry_not_found"


def test_another_tenants_accrual_is_not_found() -> None:
    books = Books(FIRST)
    accrued = books.post(accrual(8_22))
    stranger = reversal(accrued, loan_id=LOAN, tenant_id=OTHER_TENANT)
    assert books.refuse(stranger).code == "entry_not_found"


def test_an_accrual_is_not_reversed_before_its_date() -> None:
    books = Books(FIRST)
    accrued = books.post(accrual(8_22, on="2026-01-31"))
    early = reversal(accrued, on="2026-01-30", loan_id=LOAN)
    assert books.refuse(early).code == "effective_before_original"
    books.post(reversal(accrued, on="2026-01-31", loan_id=LOAN))


def test_interest_reduced_without_cash_is_not_taken_twice() -> None:
    """Accrue 10.00, pay 4.00, capitalise 6.00: only 4.00 could move to suspense."""
    books = Books(FIRST)
    accrued = books.post(accrual(10_00))
    books.post(payment(4_00))
    books.left(interest_minor=0)
    assert books.refuse(reversal(accrued, loan_id=LOAN)).code == "reduced_without_cash"


def test_suspense_may_not_pass_the_largest_balance() -> None:
    books = Books(FIRST)
    accrued = books.post(accrual(1))
    books.post(payment(1))
    books.left(suspense_minor=LARGEST)
    assert books.refuse(reversal(accrued, loan_id=LOAN)).code == "balance_out_of_range"


def test_a_part_is_reversed_with_one_line_of_income() -> None:
    books = Books(FIRST, SECOND)
    accrued = books.post(accrual({LOAN: 8_22, SECOND_LOAN: 4_11}))
    books.post(payment(5_00))

    posting = books.post(whole_part(accrued))

    assert journal_of(posting) == [
        DR(INTEREST_INCOME, 12_33),
        CR(INTEREST_RECEIVABLE, 8_22),
        DR(INTEREST_RECEIVABLE, 5_00),
        CR(SUSPENSE, 5_00),
        CR(INTEREST_RECEIVABLE, 4_11),
    ]
    assert books.balances() == Balances(principal=1_000_00, suspense=5_00)
    assert books.collected() == Collected()
    assert books.balances(SECOND_LOAN) == Balances(principal=500_00)
    assert posting.result["loan_count"] == 2
    assert posting.result["total_reversed_minor"] == "1233"
    assert posting.result["rejected_count"] == 0


def test_loans_already_reversed_are_skipped() -> None:
    books = Books(FIRST, SECOND)
    accrued = books.post(accrual({LOAN: 8_22, SECOND_LOAN: 4_11}))
    books.post(reversal(accrued, loan_id=LOAN))

    posting = books.post(whole_part(accrued))

    assert journal_of(posting) == [DR(INTEREST_INCOME, 4_11), CR(INTEREST_RECEIVABLE, 4_11)]
    assert posting.result["loan_count"] == 1
    assert posting.result["rejections"] == []


def test_loans_that_refuse_are_listed_and_the_others_post() -> None:
    books = Books(FIRST, SECOND)
    accrued = books.post(accrual({LOAN: 8_22, SECOND_LOAN: 4_11}))
    books.left(interest_minor=0)

    posting = books.post(whole_part(accrued))

    assert journal_of(posting) == [DR(INTEREST_INCOME, 4_11), CR(INTEREST_RECEIVABLE, 4_11)]
    assert posting.result["rejected_count"] == 1
    assert posting.result["rejections"] == [{"loan_id": str(LOAN), "code": "reduced_without_cash"}]

    books.left(interest_minor=8_22)  # its waiver reversed: the same part again takes the rest
    rest = books.post(whole_part(accrued))
    assert journal_of(rest) == [DR(INTEREST_INCOME, 8_22), CR(INTEREST_RECEIVABLE, 8_22)]


def test_when_every_loan_refuses_the_first_ones_code_is_the_answer() -> None:
    books = Books(FIRST, SECOND)
    accrued = books.post(accrual({LOAN: 8_22, SECOND_LOAN: 4_11}))
    books.left(LOAN, interest_minor=0)
    books.left(SECOND_LOAN, interest_minor=0, collected_interest_minor=4_11, suspense_minor=LARGEST)

    refusal = books.refuse(whole_part(accrued))

    assert refusal.code == "reduced_without_cash"
    assert refusal.members["rejections"] == [
        {"loan_id": str(LOAN), "code": "reduced_without_cash"},
        {"loan_id": str(SECOND_LOAN), "code": "balance_out_of_range"},
    ]
    assert refusal.members["rejected_count"] == 2


def test_a_part_of_which_every_loan_is_reversed_is_already_reversed() -> None:
    books = Books(FIRST)
    accrued = books.post(accrual(8_22))
    books.post(whole_part(accrued))
    assert books.refuse(whole_part(accrued)).code == "already_reversed"
    assert books.refuse(reversal(accrued, loan_id=LOAN)).code == "already_reversed"


def test_an_unknown_part_is_not_found() -> None:
    books = Books(FIRST)
    accrued = books.post(accrual(8_22))
    assert books.refuse(whole_part(accrued, 1)).code == "entry_not_found"
    assert books.refuse(whole_part(NO_SUCH_ENTRY)).code == "entry_not_found"


def test_accrued_through_falls_back_to_the_latest_accrual_still_standing() -> None:
    books = Books(FIRST)
    for day in ("2026-01-10", "2026-01-20"):
        books.post(accrual(1_00, on=day))
    latest = books.post(accrual(1_00, on="2026-01-31"))

    books.post(reversal(latest, loan_id=LOAN))

    assert books.loan().accrued_through == date(2026, 1, 20)
    books.post(accrual(1_00, on="2026-01-25"))


def test_an_earlier_accrual_reversed_leaves_accrued_through_where_it_is() -> None:
    books = Books(FIRST)
    earlier = books.post(accrual(1_00, on="2026-01-10"))
    latest = books.post(accrual(1_00, on="2026-01-31"))

    books.post(reversal(earlier, loan_id=LOAN))
    assert books.loan().accrued_through == date(2026, 1, 31)

    books.post(whole_part(latest))
    assert books.loan().accrued_through is None


def test_accrued_through_falls_back_no_further_than_the_floor() -> None:
    """A loan that was migrated with interest up to 2026-01-15."""
    floor = date(2026, 1, 15)
    books = Books(loan(accrued_through=floor, accrued_through_floor=floor))
    books.post(accrual(1_00, on="2026-01-12", backfill=True))
    latest = books.post(accrual(1_00, on="2026-01-31"))

    books.post(reversal(latest, loan_id=LOAN))

    assert books.loan().accrued_through == floor


def test_a_zero_accrual_leaves_no_trace_to_fall_back_to() -> None:
    books = Books(FIRST)
    books.post(accrual(0, on="2026-01-20"))
    latest = books.post(accrual(1_00, on="2026-01-31"))
    books.post(reversal(latest, loan_id=LOAN))
    assert books.loan().accrued_through is None


def test_a_reversal_of_an_accrual_cannot_be_reversed_as_one() -> None:
    books = Books(FIRST)
    mirror = books.post(whole_part(books.post(accrual(8_22))))
    assert books.refuse(whole_part(mirror)).code == "entry_not_found"


def test_an_accrual_named_without_its_part_or_loan_is_not_found() -> None:
    """Ingress names the parts it finds; one that posts in between is still no whole entry."""
    books = Books(FIRST)
    accrued = books.post(accrual(8_22))
    assert books.refuse(reversal(accrued)).code == "entry_not_found"


def test_a_loan_opened_anew_is_not_reached_by_a_part_of_its_earlier_life() -> None:
    books = Books(SECOND)
    opening = books.post(disbursement(1_000_00))
    accrued = books.post(accrual({LOAN: 8_22, SECOND_LOAN: 4_11}))
    books.left(interest_minor=0)  # waived
    books.post(reversal(opening))
    books.post(disbursement(3_00))

    posting = books.post(whole_part(accrued))

    assert journal_of(posting) == [DR(INTEREST_INCOME, 4_11), CR(INTEREST_RECEIVABLE, 4_11)]
    assert posting.result["rejections"] == [{"loan_id": str(LOAN), "code": "entry_not_found"}]


def whole_part(accrued: Posting | UUID, part: int = 0) -> Reversal:
    """The command that reverses one part of an accrual, as ingress fans it out."""
    return reversal(accrued, part=part, chunks_total=1)
