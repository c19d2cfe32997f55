"""The three dates of an entry: when it counts, where it is booked, when the ledger learned it."""

from datetime import date

import pytest

from tests.journal import (
    LOAN,
    OTHER_TENANT,
    POSTED_AT,
    TENANT,
    Balances,
    accrual,
    disbursement,
    entry_of,
    loan,
    payment,
    reversal,
)
from tests.posting.books import Books

OWING = loan(Balances(principal=1_000_00))


def test_an_entry_is_booked_on_its_effective_date_while_the_month_is_open() -> None:
    entry = entry_of(Books(OWING).post(payment(1_00, on="2026-02-02")))
    assert (entry.effective_on, entry.booked_on) == (date(2026, 2, 2), date(2026, 2, 2))
    assert entry.posted_at == POSTED_AT


@pytest.mark.parametrize(
    ("effective_on", "booked_on"),
    [
        ("2025-11-30", "2026-02-01"),
        ("2026-01-01", "2026-02-01"),
        ("2026-01-31", "2026-02-01"),
        ("2026-02-01", "2026-02-01"),
        ("2026-02-02", "2026-02-02"),
    ],
)
def test_after_a_close_it_is_booked_on_the_first_open_day(
    effective_on: str, booked_on: str
) -> None:
    books = Books(OWING, closed_through="2026-01-31")
    entry = entry_of(books.post(payment(1_00, on=effective_on)))
    assert entry.effective_on.isoformat() == effective_on
    assert entry.booked_on.isoformat() == booked_on


def test_every_kind_of_event_is_booked_after_the_close() -> None:
    books = Books(closed_through="2026-06-30")
    opening = books.post(disbursement(1_000_00, on="2026-01-05"))
    accrued = books.post(accrual(8_22, on="2026-01-31"))
    paid = books.post(payment(8_22, on="2026-02-02"))
    undone = [
        books.post(reversal(accrued, on="2026-02-03", loan_id=LOAN)),
        books.post(reversal(paid, on="2026-02-03")),
        books.post(reversal(opening, on="2026-02-03")),
    ]
    booked = {entry_of(posting).booked_on for posting in (opening, accrued, paid, *undone)}
    assert booked == {date(2026, 7, 1)}


def test_a_close_between_leaves_the_original_where_it_was_booked() -> None:
    books = Books(OWING)
    paid = books.post(payment(1_00, on="2026-01-20"))
    books.page.closed_through[TENANT] = date(2026, 1, 31)

    mirror = entry_of(books.post(reversal(paid, on="2026-01-20")))

    assert entry_of(paid).booked_on == date(2026, 1, 20)
    assert mirror.booked_on == date(2026, 2, 1)


def test_one_tenants_close_is_not_anothers() -> None:
    books = Books(closed_through="2026-01-31")
    entry = entry_of(books.post(disbursement(1, on="2026-01-05", tenant_id=OTHER_TENANT)))
    assert entry.booked_on == date(2026, 1, 5)


def test_the_date_of_an_accrual_is_its_own_whatever_is_closed() -> None:
    books = Books(OWING, closed_through="2026-06-30")
    books.post(accrual(8_22, on="2026-01-31"))
    assert books.loan().accrued_through == date(2026, 1, 31)
