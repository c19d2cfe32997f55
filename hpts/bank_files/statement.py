"""A statement as it is read from a file, whatever the file's form: strict, and exact to the cent.

What is not understood is refused with where it stands; nothing is guessed.
"""

import re
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from schemas.currencies import MINOR_UNITS

MOST_CHARACTERS = 255
_AMOUNT: Final = re.compile(r"([+-]?)(?=\.?[0-9])([0-9]{0,18})(?:\.([0-9]{0,18}))?", re.ASCII)


class BadFile(Exception):
    """The file is not what it should be. The message says where, and what is expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Money in or out."""

    booked_on: date
    direction: str
    amount_minor: int
    reference: str | None = None
    description: str | None = None

    def as_sent(self) -> dict[str, str]:
        """As the API takes it."""
        members = {
            "booked_on": self.booked_on.isoformat(),
            "direction": self.direction,
            "amount_minor": str(self.amount_minor),
            "reference": self.reference,
            "description": self.description and self.description[:MOST_CHARACTERS],
        }
        return {name: value for name, value in members.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a bank says moved on an account, over some days."""

    bank_account_ref: str
    statement_ref: str
    currency: str
    from_date: date
    to_date: date
    lines: list[Line] = field(default_factory=list)

    def as_sent(self) -> dict[str, Any]:
        """As the API takes it; what it sums to goes along, so that nothing is lost on the way."""
        return {
            "bank_account_ref": self.bank_account_ref,
            "statement_ref": self.statement_ref,
            "currency": self.currency,
            "from_date": self.from_date.isoformat(),
            "to_date": self.to_date.isoformat(),
            "expected_in_minor": str(self._total_minor("in")),
            "expected_out_minor": str(self._total_minor("out")),
            "lines": [line.as_sent() for line in self.lines],
        }

    def _total_minor(self, direction: str) -> int:
        return sum(line.amount_minor for line in self.lines if line.direction == direction)


def minor_of(text: str, currency: str, where: str) -> int:
    """An amount of the major unit, `1234.50`, in minor units, exactly; below zero with a `-`."""
    places = MINOR_UNITS.get(currency)
    if places is None:
        raise BadFile(f"{where}: {currency!r} is no currency")
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise BadFile(f"{where}: {text!r} is no amount")
    sign, whole, decimals = found.groups(default="")
    if decimals[places:].strip("0"):
        raise BadFile(f"{where}: {text!r} is no amount of {currency}, which has {places} decimals")
    return int(f"{sign}{whole or 0}{decimals[:places]:0<{places}}")


def day_of(text: str, form: str, where: str) -> date:
    """A day in a form of `strptime`."""
    try:
        return datetime.strptime(text, form).date()  # noqa: DTZ007  # a day has no zone
    except ValueError:
        raise BadFile(f"{where}: {text!r} is no day of the form {form}") from None
