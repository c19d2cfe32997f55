"""Closing a month: decided once on the tenant's own partition, then told to every partition."""

from datetime import date

from schemas.chart_of_accounts import CASH, FEE_INCOME
from schemas.commands import PeriodClosed
from tests.journal import (
    CR,
    DR,
    LOAN,
    OTHER_TENANT,
    PARTITIONS,
    SECOND_LOAN,
    TENANT,
    Balances,
    adjustment,
    close,
    disbursement,
    entry_of,
    fee,
    loan,
    payment,
    refinance,
)
from tests.posting.books import Books, Ledger, posted
from tests.posting.test_refinance import lent


def test_a_month_that_has_ended_is_closed_on_every_partition() -> None:
    ledger = Ledger().on("2026-02-01")

    posting = ledger.post(close("2026-01"))

    assert posting.entry is None
    assert posting.closed_through == date(2026, 1, 31)
    assert posting.result == {
        "period": "2026-01",
        "status": "closed",
        "closed_at": "2026-02-01T09:00:00.000000Z",
    }
    told = [x for x in ledger.queue if isinstance(x, PeriodClosed)]
    assert [x.partition_id for x in told] == list(range(PARTITIONS))
    ledger.run()
    closed = {books.page.closed_through[TENANT] for books in ledger.partitions}
    assert closed == {date(2026, 1, 31)}


def test_the_month_of_today_has_not_ended() -> None:
    assert Books().on("2026-01-31").refuse(close("2026-01")).code == "period_not_ended"
    Books().on("2026-02-01").post(close("2026-01"))


def test_a_month_is_closed_once() -> None:
    books = Books().on("2026-03-01")
    books.post(close("2026-02"))
    assert books.refuse(close("2026-02")).code == "period_already_closed"
    assert books.refuse(close("2026-01")).code == "period_already_closed"


def test_the_first_close_may_name_any_month_and_later_ones_go_month_by_month() -> None:
    books = Books().on("2026-06-01")
    books.post(close("2026-02"))
    assert books.refuse(close("2026-04")).code == "earlier_period_open"
    books.post(close("2026-03"))
    books.post(close("2026-04"))


def test_december_is_followed_by_january() -> None:
    books = Books().on("2026-02-01")
    books.post(close("2025-12"))
    books.post(close("2026-01"))


def test_one_tenants_close_is_not_anothers() -> None:
    books = Books().on("2026-03-01")
    books.post(close("2026-02"))
    books.post(close("2026-01", tenant_id=OTHER_TENANT))
    assert books.page.closed_through == {
        TENANT: date(2026, 2, 28),
        OTHER_TENANT: date(2026, 1, 31),
    }


def test_what_a_partition_is_told_only_ever_rises() -> None:
    """Two closes told in the wrong order."""
    ledger = Ledger().on("2026-03-01")
    ledger.post(close("2026-01"))
    ledger.post(close("2026-02"))
    ledger.queue.reverse()
    ledger.run()
    closed = {books.page.closed_through[TENANT] for books in ledger.partitions}
    assert closed == {date(2026, 2, 28)}


def test_a_partition_books_in_the_closed_month_until_it_is_told() -> None:
    ledger = Ledger().on("2026-02-03")
    ledger.post(disbursement(10_00, loan_id=SECOND_LOAN))
    ledger.post(close("2026-01"))
    late = {"on": "2026-01-20", "loan_id": SECOND_LOAN}
    assert entry_of(ledger.post(payment(1, **late))).booked_on == date(2026, 1, 20)

    ledger.run()

    entry = entry_of(ledger.post(payment(1, **late)))
    assert (entry.effective_on, entry.booked_on) == (date(2026, 1, 20), date(2026, 2, 1))


def test_parts_of_one_refinance_may_be_booked_in_two_months() -> None:
    ledger = lent().on("2026-02-03")
    ledger.post(refinance(on="2026-01-20"))
    payoff = posted(ledger.step())
    ledger.post(close("2026-01"))
    while ledger.queue[1:]:
        ledger.step(-1)
    opening = posted(ledger.step())
    assert entry_of(payoff).booked_on == date(2026, 1, 20)
    assert entry_of(opening).booked_on == date(2026, 2, 1)


def test_a_closed_month_refuses_adjustments_alone() -> None:
    books = Books(loan(Balances(principal=10_00))).on("2026-02-03")
    books.post(close("2026-01"))
    legs = (DR(CASH, 1), CR(FEE_INCOME, 1))
    assert books.refuse(adjustment(*legs, on="2026-01-31")).code == "period_closed"
    books.post(fee(1, on="2026-01-31"))
    assert books.loan(LOAN).fees_minor == 1
