"""Amounts as people read them. Money is an `int` of minor units until it is written here."""

from typing import Final

from schemas.currencies import MINOR_UNITS

_MINUS: Final = "−"


def shown(amount_minor: int | str, currency: str) -> str:
    """`"100000"`, `USD` -> `1,000.00`: as many decimals as the currency's minor unit has."""
    amount_minor = int(amount_minor)
    decimals = MINOR_UNITS.get(currency, 0)
    sign = _MINUS if amount_minor < 0 else ""
    digits = str(abs(amount_minor)).rjust(decimals + 1, "0")
    if decimals == 0:
        return f"{sign}{int(digits):,}"
    return f"{sign}{int(digits[:-decimals]):,}.{digits[-decimals:]}"


def with_currency(amount_minor: int | str, currency: str) -> str:
    """The amount and its code: `1,000.00 USD`. A no-break space keeps them together."""
    return f"{shown(amount_minor, currency)}\u00a0{currency}"
