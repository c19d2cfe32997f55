"""Allocations: suspense meets what is owed, by the waterfall or by the client's own split."""

from schemas.chart_of_accounts import (
    CASH,
    FEES_RECEIVABLE,
    INTEREST_RECEIVABLE,
    PRINCIPAL_RECEIVABLE,
    SUSPENSE,
)
from tests.journal import (
    CR,
    DR,
    LARGEST,
    Balances,
    Collected,
    adjustment,
    allocation,
    disbursement,
    entry_of,
    journal_of,
    loan,
    payment,
    reversal,
)
from tests.posting.books import Books

OWING = Balances(principal=1_000_00, interest=8_22, fees=5_00, suspense=50_00)


def test_suspense_meets_fees_then_interest_then_principal() -> None:
    books = Books(loan(OWING))

    posting = books.post(allocation(50_00))

    assert journal_of(posting) == [
        DR(SUSPENSE, 50_00),
        CR(FEES_RECEIVABLE, 5_00),
        CR(INTEREST_RECEIVABLE, 8_22),
        CR(PRINCIPAL_RECEIVABLE, 36_78),
    ]
    assert books.balances() == Balances(principal=963_22)
    assert books.collected() == Collected(principal=36_78, interest=8_22, fees=5_00)
    assert books.loan().status == "active"


def test_the_answer_explains_what_was_owed_and_what_was_applied() -> None:
    posting = Books(loan(OWING)).post(allocation(6_00))

    assert posting.result["allocation_event_id"] == str(entry_of(posting).event_id)
    assert posting.result["allocation"] == {
        "fees_minor": "500",
        "interest_minor": "100",
        "principal_minor": "0",
        "suspense_minor": "0",
        "explained": [
            explained("fees", "waterfall/1", "500", "500"),
            explained("interest", "waterfall/1", "822", "100"),
            explained("principal", "waterfall/1", "100000", "0"),
        ],
    }


def test_only_what_is_owed_moves_and_the_rest_stays_in_suspense() -> None:
    books = Books(loan(Balances(interest=8_22, suspense=50_00)))

    posting = books.post(allocation(50_00))

    assert journal_of(posting) == [DR(SUSPENSE, 8_22), CR(INTEREST_RECEIVABLE, 8_22)]
    assert books.balances() == Balances(suspense=41_78)
    told = posting.result["allocation"]
    assert isinstance(told, dict)
    assert told["suspense_minor"] == "4178"
    assert books.loan().status == "paid_off"


def test_a_split_goes_where_the_client_says() -> None:
    books = Books(loan(OWING))

    posting = books.post(allocation(30_00, split={"principal": 29_00, "fees": 1_00}))

    assert journal_of(posting) == [
        DR(SUSPENSE, 30_00),
        CR(FEES_RECEIVABLE, 1_00),
        CR(PRINCIPAL_RECEIVABLE, 29_00),
    ]
    assert books.balances() == Balances(971_00, 8_22, 4_00, 20_00)
    told = posting.result["allocation"]
    assert isinstance(told, dict)
    assert explained("principal", "split", "100000", "2900") in told["explained"]
    assert told["suspense_minor"] == "0"


def test_suspense_of_a_closed_loan_meets_what_has_come_since() -> None:
    books = Books(loan(Balances(principal=10_00, suspense=4_00), standing_refinances=1))
    books.post(allocation(4_00))
    assert books.balances() == Balances(principal=6_00)
    assert books.loan().status == "refinanced"


def test_an_unknown_loan_is_not_found() -> None:
    assert Books().refuse(allocation(1)).code == "loan_not_found"


def test_another_currency_is_refused() -> None:
    assert Books(loan(OWING)).refuse(allocation(1, currency="EUR")).code == "currency_mismatch"


def test_more_than_suspense_holds_is_refused() -> None:
    books = Books(loan(OWING))
    assert books.refuse(allocation(50_01)).code == "amount_exceeds_suspense"


def test_a_part_above_what_is_owed_there_is_refused() -> None:
    books = Books(loan(OWING))
    refusal = books.refuse(allocation(6_00, split={"fees": 5_01, "principal": 99}))
    assert refusal.code == "split_exceeds_receivable"
    assert books.balances() == OWING


def test_nothing_owed_is_nothing_to_allocate() -> None:
    books = Books(loan(Balances(suspense=50_00), standing_payments=1))
    assert books.refuse(allocation(50_00)).code == "nothing_to_allocate"


def test_the_cash_applied_may_not_pass_the_largest_balance() -> None:
    books = Books(loan(Balances(fees=1, suspense=1), Collected(fees=LARGEST)))
    assert books.refuse(allocation(1)).code == "balance_out_of_range"


def test_reversing_an_allocation_puts_it_back_into_suspense() -> None:
    books = Books(loan(OWING))
    applied = books.post(allocation(50_00))

    posting = books.post(reversal(applied))

    assert journal_of(posting) == [
        CR(SUSPENSE, 50_00),
        DR(FEES_RECEIVABLE, 5_00),
        DR(INTEREST_RECEIVABLE, 8_22),
        DR(PRINCIPAL_RECEIVABLE, 36_78),
    ]
    assert books.balances() == OWING
    assert books.collected() == Collected()
    assert books.refuse(reversal(applied)).code == "already_reversed"


def test_an_allocation_that_collected_no_longer_covers_stays() -> None:
    """The bank took back the payment, so what it had paid is owed already."""
    books = Books()
    books.post(disbursement(100_00))
    paid = books.post(payment(60_00, allocation="hold"))
    applied = books.post(allocation(60_00))
    books.post(reversal(paid))
    assert books.balances() == Balances(principal=100_00, unsettled=100_00)

    assert books.refuse(reversal(applied)).code == "reduced_without_cash"


def test_one_cent_less_collected_than_an_allocation_applied_stands_in_its_way() -> None:
    """59.99 and 0.01 held and allocated together; then the bank takes the cent back."""
    books = Books()
    books.post(disbursement(100_00))
    books.post(payment(59_99, allocation="hold"))
    cent = books.post(payment(1, allocation="hold"))
    applied = books.post(allocation(60_00))
    books.post(reversal(cent))
    assert books.collected() == Collected(principal=59_99)

    assert books.refuse(reversal(applied)).code == "reduced_without_cash"

    books.post(payment(1))
    books.post(reversal(applied))
    assert books.balances() == Balances(principal=100_00, suspense=60_00, unsettled=100_00)


def test_reversing_an_allocation_may_not_pass_the_largest_balance() -> None:
    books = Books(loan(Balances(principal=10_00, suspense=10_00)))
    applied = books.post(allocation(10_00))
    books.post(payment(LARGEST, allocation="hold"))
    assert books.refuse(reversal(applied)).code == "balance_out_of_range"


def test_suspense_is_refunded_by_an_adjustment() -> None:
    books = Books(loan(OWING))
    posting = books.post(adjustment(DR(SUSPENSE, 50_00), CR(CASH, 50_00), reason_code="refund"))
    assert journal_of(posting) == [DR(SUSPENSE, 50_00), CR(CASH, 50_00)]
    assert books.balances() == Balances(1_000_00, 8_22, 5_00)
    assert books.collected() == Collected()


def explained(receivable: str, rule: str, owed: str, applied: str) -> dict[str, str]:
    """One item of an explained allocation."""
    return {
        "receivable": receivable,
        "rule": rule,
        "owed_minor": owed,
        "applied_minor": applied,
    }
