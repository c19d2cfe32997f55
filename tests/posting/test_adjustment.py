"""Manual adjustments: the client's own lines, in any layer, of at most one loan or of none."""

from dataclasses import replace
from datetime import date

from schemas.chart_of_accounts import (
    CASH,
    DISBURSEMENT_CLEARING,
    FEE_INCOME,
    FEES_RECEIVABLE,
    INTEREST_CHARGED_OFF,
    INTEREST_INCOME,
    INTEREST_RECEIVABLE,
    OPENING_BALANCES,
    PRINCIPAL_RECEIVABLE,
    REFINANCE_CLEARING,
    SUSPENSE,
    Account,
)
from schemas.commands import ManualAdjustment
from tests.journal import (
    BORROWER,
    CR,
    DR,
    LARGEST,
    LOAN,
    OTHER_BORROWER,
    Balances,
    Collected,
    Leg,
    accrual,
    adjustment,
    disbursement,
    entry_of,
    journal_of,
    loan,
    payment,
    reversal,
    waiver,
)
from tests.posting.books import Books, rejections

OWING = Balances(principal=900_00, interest=8_22, fees=5_00)
NO_ACCOUNT = Account("9999", "No Account", "DR")


def migration(*legs: Leg, on: str = "2026-02-10", **changes: object) -> ManualAdjustment:
    """An adjustment that opens `LOAN`: 900.00 of principal unless the lines say otherwise."""
    legs = legs or (DR(PRINCIPAL_RECEIVABLE, 900_00), CR(OPENING_BALANCES, 900_00))
    return adjustment(*legs, on=on, borrower_id=BORROWER, reason_code="migration", **changes)


def test_the_lines_post_as_given() -> None:
    books = Books(loan(OWING))

    posting = books.post(
        adjustment(DR(INTEREST_CHARGED_OFF, 22), CR(INTEREST_RECEIVABLE, 22), external_ref="t-1")
    )

    assert journal_of(posting) == [DR(INTEREST_CHARGED_OFF, 22), CR(INTEREST_RECEIVABLE, 22)]
    assert books.balances() == Balances(900_00, 8_00, 5_00)
    assert books.collected() == Collected()
    entry = entry_of(posting)
    assert {(x.loan_id, x.borrower_id, x.external_ref) for x in entry.lines} == {
        (LOAN, BORROWER, "t-1")
    }
    assert entry.description == "as the test says"
    assert posting.result["adjustment_event_id"] == str(entry.event_id)


def test_only_settled_lines_touch_the_loan() -> None:
    books = Books(loan(OWING))

    posting = books.post(
        adjustment(
            DR(PRINCIPAL_RECEIVABLE, 50_00, "PENDING"),
            CR(CASH, 50_00, "PENDING"),
            DR(PRINCIPAL_RECEIVABLE, 1, "ENCUMBRANCE"),
            CR(SUSPENSE, 1, "ENCUMBRANCE"),
            DR(FEES_RECEIVABLE, 1_00),
            CR(FEE_INCOME, 1_00),
        )
    )

    assert {leg.layer for leg in journal_of(posting)} == {"PENDING", "ENCUMBRANCE", "SETTLED"}
    assert books.balances() == Balances(900_00, 8_22, 6_00)


def test_a_pending_line_may_take_more_than_there_is() -> None:
    books = Books(loan(OWING))
    books.post(
        adjustment(DR(CASH, 1_000_00, "PENDING"), CR(PRINCIPAL_RECEIVABLE, 1_000_00, "PENDING"))
    )
    assert books.balances() == OWING


def test_an_adjustment_need_not_concern_a_loan() -> None:
    books = Books()
    posting = books.post(adjustment(DR(CASH, 5_00), CR(INTEREST_INCOME, 5_00), loan_id=None))
    assert journal_of(posting) == [DR(CASH, 5_00), CR(INTEREST_INCOME, 5_00)]
    assert {line.loan_id for line in entry_of(posting).lines} == {None}
    assert "balance" not in posting.result


def test_without_a_loan_several_currencies_balance_each_by_itself() -> None:
    books = Books()
    dollars = adjustment(DR(CASH, 5_00), CR(INTEREST_INCOME, 5_00), loan_id=None)
    euros = adjustment(DR(CASH, 4_00), CR(INTEREST_INCOME, 4_00), currency="EUR").lines
    books.post(replace(dollars, lines=dollars.lines + euros))
    crossed = replace(dollars, lines=(dollars.lines[0], replace(dollars.lines[1], currency="EUR")))
    assert books.refuse(crossed).code == "unbalanced"


def test_a_migrated_loan_is_opened_by_its_principal() -> None:
    books = Books()

    posting = books.post(
        migration(
            DR(PRINCIPAL_RECEIVABLE, 900_00),
            DR(INTEREST_RECEIVABLE, 8_22),
            CR(SUSPENSE, 2_00),
            CR(OPENING_BALANCES, 906_22),
            accrued_through=date(2026, 1, 31),
        )
    )

    assert journal_of(posting)[0] == DR(PRINCIPAL_RECEIVABLE, 900_00)
    assert books.balances() == Balances(principal=900_00, interest=8_22, suspense=2_00)
    opened = books.loan()
    assert (opened.borrower_id, opened.currency, opened.status) == (BORROWER, "USD", "active")
    assert (opened.opened_on, opened.accrued_through) == (date(2026, 2, 10), date(2026, 1, 31))


def test_a_migrated_loan_does_not_accrue_again_what_it_brought_along() -> None:
    books = Books()
    books.post(migration(on="2026-01-05", accrued_through=date(2026, 1, 31)))
    assert rejections(books.take(accrual(1, on="2026-01-31"))) == {LOAN: "already_accrued"}
    books.post(accrual(1, on="2026-02-28"))


def test_reversals_fall_back_to_what_it_brought_along() -> None:
    books = Books()
    books.post(migration(on="2026-01-05", accrued_through=date(2026, 1, 31)))
    accrued = books.post(accrual(1_00, on="2026-02-28"))
    books.post(reversal(accrued, loan_id=LOAN))
    assert books.loan().accrued_through == date(2026, 1, 31)


def test_reversing_the_opening_cancels_the_loan_and_it_may_open_anew() -> None:
    books = Books()
    opened = books.post(migration())
    books.post(reversal(opened))
    assert books.loan().status == "cancelled"
    assert books.refuse(adjustment(DR(CASH, 1), CR(FEE_INCOME, 1))).code == "loan_not_found"

    books.post(replace(migration(currency="EUR"), borrower_id=OTHER_BORROWER))

    anew = books.loan()
    assert (anew.life, anew.currency, anew.borrower_id) == (2, "EUR", OTHER_BORROWER)
    assert books.refuse(reversal(opened)).code == "entry_not_found"


def test_an_adjustment_that_is_not_the_opening_does_not_keep_the_loan_alive() -> None:
    books = Books()
    lent = books.post(disbursement(1_00))
    more = books.post(migration(DR(PRINCIPAL_RECEIVABLE, 5), CR(OPENING_BALANCES, 5)))
    books.post(reversal(more))
    assert books.loan().status == "active"
    books.post(reversal(lent))
    assert books.loan().status == "cancelled"


def test_debits_and_credits_must_agree_in_each_layer() -> None:
    books = Books(loan(OWING))
    assert books.refuse(adjustment(DR(CASH, 2), CR(FEE_INCOME, 1))).code == "unbalanced"
    crossed = adjustment(DR(CASH, 1), CR(FEE_INCOME, 1, "PENDING"))
    assert books.refuse(crossed).code == "unbalanced"


def test_an_account_must_be_in_the_chart() -> None:
    refusal = Books(loan(OWING)).refuse(adjustment(DR(NO_ACCOUNT, 1), CR(CASH, 1)))
    assert refusal.code == "account_not_found"


def test_clearing_accounts_are_kept_by_their_events_alone() -> None:
    books = Books(loan(OWING))
    for account in (DISBURSEMENT_CLEARING, REFINANCE_CLEARING):
        for layer in ("SETTLED", "PENDING"):
            refusal = books.refuse(adjustment(DR(account, 1, layer), CR(CASH, 1, layer)))
            assert refusal.code == "account_not_adjustable"


def test_an_account_that_is_kept_for_each_loan_needs_one() -> None:
    for account in (PRINCIPAL_RECEIVABLE, INTEREST_RECEIVABLE, FEES_RECEIVABLE, SUSPENSE):
        for layer in ("SETTLED", "ENCUMBRANCE"):
            command = adjustment(DR(account, 1, layer), CR(CASH, 1, layer), loan_id=None)
            assert Books().refuse(command).code == "loan_required"


def test_a_loan_that_it_does_not_open_must_exist() -> None:
    """To open one, it debits principal in SETTLED and names the borrower."""
    books = Books()
    lends = (DR(PRINCIPAL_RECEIVABLE, 1), CR(OPENING_BALANCES, 1))
    pending = (DR(PRINCIPAL_RECEIVABLE, 1, "PENDING"), CR(OPENING_BALANCES, 1, "PENDING"))
    assert books.refuse(adjustment(*lends)).code == "loan_not_found"
    assert books.refuse(migration(*pending)).code == "loan_not_found"
    assert books.refuse(migration(DR(CASH, 1), CR(FEE_INCOME, 1))).code == "loan_not_found"
    borrows = (DR(OPENING_BALANCES, 1), CR(PRINCIPAL_RECEIVABLE, 1))
    assert books.refuse(migration(*borrows)).code == "loan_not_found"


def test_another_borrower_is_refused() -> None:
    books = Books(loan(OWING))
    command = replace(migration(), borrower_id=OTHER_BORROWER)
    assert books.refuse(command).code == "borrower_mismatch"


def test_another_currency_is_refused_in_any_layer() -> None:
    books = Books(loan(OWING))
    command = adjustment(DR(CASH, 1, "PENDING"), CR(FEE_INCOME, 1, "PENDING"), currency="EUR")
    assert books.refuse(command).code == "currency_mismatch"


def test_a_loan_is_opened_in_one_currency() -> None:
    euros = adjustment(DR(CASH, 1), CR(FEE_INCOME, 1), currency="EUR").lines
    command = migration()
    mixed = replace(command, lines=command.lines + euros)
    refusal = Books().refuse(mixed)
    assert refusal.code == "currency_mismatch"
    assert refusal.detail == "All lines of an opening are in one currency."


def test_an_open_loan_names_its_currency() -> None:
    books = Books(loan(OWING))
    mixed = adjustment(DR(CASH, 1), CR(FEE_INCOME, 1), currency="EUR")
    assert books.refuse(mixed).detail == "The loan is kept in USD."


def test_no_balance_of_the_loan_goes_below_zero() -> None:
    books = Books(loan(OWING))
    too_much = (
        (DR(CASH, 900_01), CR(PRINCIPAL_RECEIVABLE, 900_01)),
        (DR(CASH, 8_23), CR(INTEREST_RECEIVABLE, 8_23)),
        (DR(CASH, 5_01), CR(FEES_RECEIVABLE, 5_01)),
        (DR(SUSPENSE, 1), CR(CASH, 1)),
    )
    for legs in too_much:
        assert books.refuse(adjustment(*legs)).code == "balance_would_be_negative"
    assert books.balances() == OWING


def test_an_opening_may_not_leave_less_than_nothing() -> None:
    command = migration(
        DR(PRINCIPAL_RECEIVABLE, 1), CR(PRINCIPAL_RECEIVABLE, 2), DR(OPENING_BALANCES, 1)
    )
    assert Books().refuse(command).code == "balance_would_be_negative"


def test_a_closed_month_takes_no_adjustment() -> None:
    books = Books(loan(OWING), closed_through="2026-01-31")
    legs = (DR(CASH, 1), CR(FEE_INCOME, 1))
    assert books.refuse(adjustment(*legs, on="2026-01-31")).code == "period_closed"
    assert entry_of(books.post(adjustment(*legs, on="2026-02-01"))).booked_on == date(2026, 2, 1)


def test_a_balance_may_reach_the_largest_and_not_pass_it() -> None:
    books = Books(loan(OWING))
    room = LARGEST - 900_00
    books.post(adjustment(DR(PRINCIPAL_RECEIVABLE, room), CR(OPENING_BALANCES, room)))
    refusal = books.refuse(adjustment(DR(PRINCIPAL_RECEIVABLE, 1), CR(OPENING_BALANCES, 1)))
    assert refusal.code == "balance_out_of_range"


def test_reversing_an_adjustment_mirrors_every_layer() -> None:
    books = Books(loan(OWING))
    adjusted = books.post(
        adjustment(
            DR(CASH, 3, "PENDING"),
            CR(SUSPENSE, 3, "PENDING"),
            DR(INTEREST_CHARGED_OFF, 22),
            CR(INTEREST_RECEIVABLE, 22),
        )
    )

    posting = books.post(reversal(adjusted))

    assert journal_of(posting) == [
        CR(CASH, 3, "PENDING"),
        DR(SUSPENSE, 3, "PENDING"),
        CR(INTEREST_CHARGED_OFF, 22),
        DR(INTEREST_RECEIVABLE, 22),
    ]
    assert books.balances() == OWING


def test_a_receivable_that_was_paid_since_moves_to_suspense() -> None:
    books = Books(loan())
    adjusted = books.post(adjustment(DR(FEES_RECEIVABLE, 5_00), CR(FEE_INCOME, 5_00)))
    books.post(payment(5_00))

    posting = books.post(reversal(adjusted))

    assert journal_of(posting)[2:] == [DR(FEES_RECEIVABLE, 5_00), CR(SUSPENSE, 5_00)]
    assert books.balances() == Balances(suspense=5_00)


def test_a_receivable_that_was_waived_since_stands_in_the_way() -> None:
    books = Books(loan())
    adjusted = books.post(adjustment(DR(FEES_RECEIVABLE, 5_00), CR(FEE_INCOME, 5_00)))
    books.post(waiver(1))
    assert books.refuse(reversal(adjusted)).code == "reduced_without_cash"


def test_suspense_that_was_spent_since_stands_in_the_way() -> None:
    books = Books(loan(Balances(principal=10_00)))
    adjusted = books.post(adjustment(DR(CASH, 5_00), CR(SUSPENSE, 5_00)))
    refunded = books.post(adjustment(DR(SUSPENSE, 1), CR(CASH, 1)))
    assert books.refuse(reversal(adjusted)).code == "balance_would_be_negative"

    books.post(reversal(refunded))
    books.post(reversal(adjusted))

    assert books.balances() == Balances(principal=10_00)


def test_an_adjustment_of_no_loan_is_reversed_like_any_other() -> None:
    books = Books()
    adjusted = books.post(adjustment(DR(CASH, 5_00), CR(FEE_INCOME, 5_00), loan_id=None))

    posting = books.post(reversal(adjusted))

    assert journal_of(posting) == [CR(CASH, 5_00), DR(FEE_INCOME, 5_00)]
    assert books.refuse(reversal(adjusted)).code == "already_reversed"
    assert books.refuse(reversal(posting)).code == "reversal_of_reversal"


def test_reversing_an_adjustment_may_not_pass_the_largest_balance() -> None:
    books = Books(loan(OWING))
    adjusted = books.post(adjustment(DR(CASH, 1_00), CR(PRINCIPAL_RECEIVABLE, 1_00)))
    books.post(disbursement(LARGEST - 899_00))
    assert books.refuse(reversal(adjusted)).code == "balance_out_of_range"
