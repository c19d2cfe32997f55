"""Money as it crosses the socket: a string of ASCII digits in the currency's minor unit.

Inside, money is an `int` with the suffix `_minor`. No float and no Decimal, ever.
"""

import re

MAX_AMOUNT_MINOR = 10**15 - 1
"""The largest single amount, and the largest sub-balance of a loan (contract section 1)."""

_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,17})", re.ASCII)


class MalformedAmount(ValueError):
    """The text is not `^(0|[1-9][0-9]{0,17})$` in ASCII digits."""


def parse_minor(text: object) -> int:
    """Read an amount in minor units; raises `MalformedAmount` for anything but its one spelling."""
    if not isinstance(text, str) or _AMOUNT.fullmatch(text) is None:
        raise MalformedAmount("expected a string of ASCII digits in the minor unit")
    return int(text)


def format_minor(amount_minor: int) -> str:
    """Write an amount (a balance may be negative) the one way it is spelled."""
    return str(amount_minor)
