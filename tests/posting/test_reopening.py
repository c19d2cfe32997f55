"""A loan's status after every event; a loan cancelled, opened anew, and its earlier life out of
reach, whichever way it was opened.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

from posting_engine.posting.page import Posting
from schemas.chart_of_accounts import (
    CASH,
    INTEREST_CHARGED_OFF,
    INTEREST_RECEIVABLE,
    OPENING_BALANCES,
    PRINCIPAL_RECEIVABLE,
    SUSPENSE,
)
from schemas.commands import AnyCommand
from tests.journal import (
    BORROWER,
    CR,
    DR,
    LOAN,
    OTHER_BORROWER,
    THIRD_LOAN,
    Balances,
    Collected,
    accrual,
    adjustment,
    allocation,
    charge_off,
    disbursement,
    fee,
    loan,
    payment,
    payment_return,
    recovery,
    refinance,
    refinance_reversal,
    restructure,
    reversal,
    settlement,
    waiver,
)
from tests.posting.books import Books, posted, rejections

Event = Callable[[dict[str, Posting]], AnyCommand]
STATUSES: list[tuple[str, Event, str]] = [
    ("lent", lambda _: disbursement(10_00), "active"),
    ("settled", lambda done: settlement(done["lent"]), "active"),
    ("accrued", lambda _: accrual(1_00), "active"),
    ("charged a fee", lambda _: fee(50), "active"),
    ("waived", lambda _: waiver(25), "active"),
    ("restructured", lambda _: restructure(interest=1_00), "active"),
    ("paid", lambda _: payment(11_25), "paid_off"),
    ("overpaid", lambda _: payment(1_00), "paid_off"),
    ("returned", lambda done: payment_return(done["paid"]), "active"),
    ("allocated", lambda _: allocation(75), "active"),
    ("refunded", lambda _: adjustment(DR(SUSPENSE, 1), CR(CASH, 1)), "active"),
    ("written off", lambda _: charge_off(), "charged_off"),
    ("recovered", lambda _: recovery(5_00), "charged_off"),
    ("recovery reversed", lambda done: reversal(done["recovered"], "2026-08-01"), "charged_off"),
    ("restored", lambda done: reversal(done["written off"], "2026-08-01"), "active"),
    ("lent again", lambda _: disbursement(5_00, on="2026-08-02"), "active"),
    ("unlent", lambda done: reversal(done["lent again"], "2026-08-03"), "active"),
]


def test_the_status_after_every_event() -> None:
    books = Books()
    done: dict[str, Posting] = {}
    for name, event, status in STATUSES:
        if name == "written off":
            held = books.loan().suspense_minor
            books.post(adjustment(DR(SUSPENSE, held), CR(CASH, held)))
        done[name] = books.post(event(done))
        assert books.loan().status == status, name


def test_charged_off_comes_before_refinanced() -> None:
    books = Books(loan(Balances(principal=10_00)))
    books.post(refinance(new_loan_id=THIRD_LOAN))
    _, opening = map(posted, books.run())
    assert books.loan().status == "refinanced"
    books.post(adjustment(DR(PRINCIPAL_RECEIVABLE, 1), CR(CASH, 1)))
    written_off = books.post(charge_off())
    assert books.loan().status == "charged_off"
    assert books.refuse(payment(1)).code == "loan_charged_off"

    books.post(refinance_reversal(opening, new_loan_id=THIRD_LOAN))
    books.run()
    assert books.loan().status == "charged_off"

    books.post(reversal(written_off, on="2026-07-31"))
    assert books.loan().status == "active"


def test_whatever_the_loan_still_holds_keeps_it_from_being_cancelled() -> None:
    """Interest, a fee, suspense or a standing payment, each by itself."""
    held: list[tuple[AnyCommand, Balances]] = [
        (accrual(1), Balances(interest=1)),
        (fee(1), Balances(fees=1)),
        (adjustment(DR(CASH, 1), CR(SUSPENSE, 1)), Balances(suspense=1)),
        (payment(1), Balances(suspense=1)),
    ]
    for event, after in held:
        books = Books()
        lent = books.post(disbursement(10_00))
        books.post(event)
        books.post(reversal(lent))
        assert books.balances() == after
        assert books.loan().status in ("active", "paid_off")


def test_a_payment_stands_even_when_all_of_it_was_refunded() -> None:
    books = Books()
    lent = books.post(disbursement(10_00))
    paid = books.post(payment(4_00, allocation="hold"))
    books.post(adjustment(DR(SUSPENSE, 4_00), CR(CASH, 4_00)))
    books.post(reversal(lent))
    assert books.balances() == Balances()
    assert books.loan().status == "paid_off"

    books.post(payment_return(paid))

    assert books.balances() == Balances(principal=4_00)


def cancelled_with_an_accrual_standing() -> tuple[Books, Posting]:
    """8.22 accrued on 31 January and written off by an adjustment; then the opening reversed."""
    books = Books()
    lent = books.post(disbursement(10_00, on="2026-01-05"))
    accrued = books.post(accrual(8_22, on="2026-01-31"))
    books.post(adjustment(DR(INTEREST_CHARGED_OFF, 8_22), CR(INTEREST_RECEIVABLE, 8_22)))
    books.post(reversal(lent))
    assert books.loan().status == "cancelled"
    return books, accrued


def test_a_backfill_does_not_meet_an_accrual_of_the_earlier_life() -> None:
    books, _ = cancelled_with_an_accrual_standing()
    books.post(disbursement(5_00, on="2026-01-05"))
    books.post(accrual(1_00, on="2026-02-28"))

    books.post(accrual(50, on="2026-01-31", backfill=True))

    assert books.balances().interest == 1_50
    again = books.take(accrual(50, on="2026-01-31", backfill=True))
    assert rejections(again) == {LOAN: "already_accrued"}


def test_accrued_through_does_not_fall_back_into_the_earlier_life() -> None:
    books, _ = cancelled_with_an_accrual_standing()
    books.post(disbursement(5_00, on="2026-01-05"))
    accrued = books.post(accrual(1_00, on="2026-02-28"))
    books.post(reversal(accrued, loan_id=LOAN))
    assert books.loan().accrued_through is None


def test_an_accrual_of_the_earlier_life_is_not_reversed_in_the_next() -> None:
    books, accrued = cancelled_with_an_accrual_standing()
    assert books.refuse(reversal(accrued, loan_id=LOAN)).code == "entry_not_found"
    books.post(disbursement(5_00))
    assert books.refuse(reversal(accrued, loan_id=LOAN)).code == "entry_not_found"
    refusal = books.refuse(reversal(accrued, part=0, chunks_total=1))
    assert refusal.code == "entry_not_found"
    assert rejections(refusal) == {LOAN: "entry_not_found"}


def test_a_loan_is_opened_anew_each_way_and_starts_from_zero() -> None:
    """A whole life first: lent, paid, paid back; then anew by each of the three openings."""
    migration = adjustment(
        DR(PRINCIPAL_RECEIVABLE, 7_00), CR(OPENING_BALANCES, 7_00), currency="EUR"
    )
    openings: list[AnyCommand] = [
        disbursement(7_00, currency="EUR", borrower_id=OTHER_BORROWER, on="2026-05-01"),
        replace(migration, borrower_id=OTHER_BORROWER, effective_on=date(2026, 5, 1)),
        refinance(loan_id=THIRD_LOAN, new_loan_id=LOAN, on="2026-05-01"),
    ]
    for opening in openings:
        other = loan(Balances(principal=7_00), loan_id=THIRD_LOAN, borrower_id=OTHER_BORROWER)
        books = Books(replace(other, currency="EUR"))
        lent = books.post(disbursement(10_00))
        paid = books.post(payment(4_00))
        books.post(payment_return(paid))
        books.post(reversal(lent))
        assert books.loan().status == "cancelled"

        books.post(opening)
        books.run()

        anew = books.loan()
        assert (anew.life, anew.borrower_id, anew.currency) == (2, OTHER_BORROWER, "EUR")
        assert (anew.opened_on, anew.accrued_through) == (date(2026, 5, 1), None)
        assert books.balances().principal == 7_00
        assert books.collected() == Collected()
        assert books.refuse(reversal(lent)).code == "entry_not_found"
        assert books.refuse(reversal(paid)).code == "entry_not_found"
        assert books.refuse(payment_return(paid)).code == "event_not_found"
        assert books.refuse(settlement(lent)).code == "event_not_found"


def test_a_cancelled_loan_answers_every_event_but_an_opening_with_loan_not_found() -> None:
    books, _ = cancelled_with_an_accrual_standing()
    closed_to: list[AnyCommand] = [
        payment(1),
        allocation(1),
        fee(1),
        waiver(1),
        charge_off(),
        recovery(1),
        restructure(interest=1),
        adjustment(DR(CASH, 1), CR(SUSPENSE, 1), borrower_id=BORROWER),
    ]
    assert {books.refuse(event).code for event in closed_to} == {"loan_not_found"}
    assert rejections(books.take(accrual(1))) == {LOAN: "loan_not_accruing"}
    books.post(refinance(new_loan_id=THIRD_LOAN))
    refusal, release = books.run()
    assert getattr(refusal, "code", None) == "loan_not_found"
    posted(release)
