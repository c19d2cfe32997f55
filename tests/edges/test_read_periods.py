"""Months: from the first to the current one, closed once every partition has applied the close."""

from datetime import UTC, date, datetime, timedelta

import pytest

from read_api import periods

CLOSED_AT = datetime(2026, 3, 3, 8, tzinfo=UTC)
JANUARY, FEBRUARY, MARCH = date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31)


def applied(*closes: date, late_s: int = 0) -> list[tuple[date, datetime]]:
    """Closes of a partition, an hour apart."""
    begin = CLOSED_AT + timedelta(seconds=late_s)
    return [(day, begin + timedelta(hours=n)) for n, day in enumerate(closes)]


@pytest.mark.parametrize(
    ("closes", "status"),
    [
        ({}, "open"),
        ({0: applied(JANUARY), 1: applied(JANUARY)}, "open"),
        ({0: applied(JANUARY, FEBRUARY), 1: applied(JANUARY)}, "closing"),
        ({0: applied(FEBRUARY)}, "closing"),
        ({0: applied(FEBRUARY), 1: applied(MARCH)}, "closed"),
    ],
)
def test_a_month_is_closed_when_every_partition_says_so(
    closes: periods.Closes, status: str
) -> None:
    told = periods.period(FEBRUARY, closes, 2)
    assert (told["period"], told["status"]) == ("2026-02", status)
    assert (told["closed_at"] is None) == (status != "closed")


def test_it_is_closed_at_the_instant_of_the_last_partition() -> None:
    closes = {0: applied(JANUARY, FEBRUARY), 1: applied(FEBRUARY, MARCH, late_s=7)}
    january, february = (periods.period(day, closes, 2) for day in (JANUARY, FEBRUARY))
    assert january["closed_at"] == "2026-03-03T08:00:07.000000Z"
    assert february["closed_at"] == "2026-03-03T09:00:00.000000Z"


@pytest.mark.parametrize(
    ("first_day", "until", "ends"),
    [
        (None, date(2026, 2, 10), [FEBRUARY]),
        (date(2026, 1, 5), date(2026, 3, 1), [JANUARY, FEBRUARY, MARCH]),
        (date(2026, 4, 5), date(2026, 3, 1), [MARCH]),
        (
            date(2023, 12, 31),
            date(2024, 2, 1),
            [date(2023, 12, 31), date(2024, 1, 31), date(2024, 2, 29)],
        ),
    ],
)
def test_months_follow_each_other_without_a_gap(
    first_day: date | None, until: date, ends: list[date]
) -> None:
    assert [periods.ends_on(month) for month in periods.months(first_day, until)] == ends


def test_months_may_begin_in_the_year_1() -> None:
    months = periods.months(date.min, date.max)
    assert (periods.ends_on(months[0]), periods.ends_on(months[-1])) == (date(1, 1, 31), date.max)
    assert len(months) == 12 * 9_999
