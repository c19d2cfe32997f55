"""ISO 4217 currencies, from the maintained table of the `iso4217` package (imported only here)."""

from typing import Final

from iso4217 import Currency

MINOR_UNITS: Final[dict[str, int]] = {
    currency.code: currency.exponent for currency in Currency if currency.exponent is not None
}
"""Alphabetic code -> decimal places of the minor unit; a code without one carries no money."""


def is_currency(code: object) -> bool:
    """Whether `code` is a currency that money can be kept in."""
    return isinstance(code, str) and code in MINOR_UNITS
