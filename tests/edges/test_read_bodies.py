"""How bodies write what they hold, years before 1000 included."""

from datetime import UTC, datetime

import pytest

from read_api import bodies


@pytest.mark.parametrize(
    ("instant", "told"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00.000000Z"),
        (datetime(2026, 8, 3, 12, 0, 0, 120, tzinfo=UTC), "2026-08-03T12:00:00.000120Z"),
    ],
)
def test_an_instant_has_four_digits_of_year_and_six_of_second(instant: datetime, told: str) -> None:
    assert bodies.instant(instant) == told
