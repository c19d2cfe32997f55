"""The lines of adjustments as histories draw them: several groups, each in a layer and currency."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from schemas.commands import AdjustmentLine
from tests.journal import LARGEST

Group = tuple[tuple[str, str], int, str, str | None, bool]
"""Lines of an adjustment that balance, as `groups` draws them."""

PAIRS = [
    *(("1100", "3000"), ("1100", "3000"), ("1000", "2100"), ("2100", "1000"), ("5100", "1200")),
    *(("5000", "1100"), ("1300", "4100"), ("3000", "2100"), ("2100", "1100"), ("1000", "4000")),
    *(("1200", "1200"), ("2000", "1000"), ("1100", "2200"), ("9999", "1000")),
]
"""Accounts that adjustments debit and credit."""

amounts = st.sampled_from([1, 2, 3, 5, 8, 10, 15, 20, 25, 30, 40, 50, 60, LARGEST - 20, LARGEST])
groups = st.lists(
    st.tuples(
        st.sampled_from(PAIRS),
        amounts,
        st.sampled_from(["SETTLED"] * 3 + ["PENDING", "ENCUMBRANCE"]),
        st.sampled_from([None] * 10 + ["USD", "EUR"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=3,
)
"""Of an adjustment: accounts, amount, layer, currency (None: the loan's), in three lines or two."""
astray = st.sampled_from([""] * 14 + ["amount_minor", "layer", "currency"])
"""What keeps an adjustment from balancing."""


def lines_of(group: Group, own: str) -> list[AdjustmentLine]:
    """A debit and a credit that balance, the debit in two lines where there is enough of it."""
    (debited, credited), amount, layer, currency, in_two = group
    of_line = {"currency": currency or own, "layer": layer}
    parts = [1, amount - 1] if in_two and amount > 1 else [amount]
    sides = [*(("DR", debited, part) for part in parts), ("CR", credited, amount)]
    return [
        AdjustmentLine(account_code=code, direction=side, amount_minor=part, **of_line)
        for side, code, part in sides
    ]


def put_astray(line: AdjustmentLine, wrong: str) -> AdjustmentLine:
    """The line with another amount, layer or currency."""
    other: dict[str, Any] = {
        "amount_minor": line.amount_minor + 1,
        "layer": "PENDING" if line.layer == "SETTLED" else "SETTLED",
        "currency": other_currency(line.currency),
    }
    return replace(line, **{wrong: other[wrong]})


def other_currency(currency: str | None) -> str:
    return "USD" if currency == "EUR" else "EUR"
