"""CSV of a bank, by a mapping: which column is what, and how amounts and days are written.

    {"columns": {"booked_on": "Date", "amount": "Amount", "reference": "Ref"},
     "date_format": "%Y-%m-%d", "delimiter": ",", "decimal_mark": "."}

`amount` is signed, money in above zero; or `amount_in` and `amount_out` are columns of their own.
"""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Any, Final

from hpts.bank_files.statement import BadFile, Line, Statement, day_of, minor_of

_AMOUNTS: Final = ({"amount"}, {"amount_in", "amount_out"})
_REQUIRED: Final = {"booked_on"}
_OPTIONAL: Final = {"reference", "description"}


@dataclass(frozen=True, slots=True)
class Columns:
    """A checked mapping."""

    columns: Mapping[str, str]
    date_format: str = "%Y-%m-%d"
    delimiter: str = ","
    decimal_mark: str = "."
    encoding: str = "utf-8-sig"


def read_mapping(text: str) -> Columns:
    """A mapping from its JSON; raises `BadFile`."""
    try:
        given: Any = json.loads(text)
        columns = Columns(**given)
    except (ValueError, TypeError) as error:
        raise BadFile(f"the mapping: {error}") from None
    named = set(columns.columns)
    amounts = named & {"amount", "amount_in", "amount_out"}
    if amounts not in _AMOUNTS or not _REQUIRED <= named <= _REQUIRED | _OPTIONAL | amounts:
        raise BadFile(
            "the mapping: columns are booked_on; amount, or amount_in and amount_out; and, where "
            "there are such, reference and description"
        )
    if len(columns.delimiter) != 1 or columns.decimal_mark not in (".", ","):
        raise BadFile("the mapping: delimiter is one character, decimal_mark is . or ,")
    return columns


def read_csv(
    content: bytes, columns: Columns, *, account: str, statement: str, currency: str
) -> Statement:
    """The statement in a CSV file with a header; raises `BadFile`."""
    try:
        text = content.decode(columns.encoding)
        rows = list(csv.DictReader(StringIO(text), delimiter=columns.delimiter, strict=True))
    except (UnicodeDecodeError, LookupError, csv.Error) as error:
        raise BadFile(str(error)) from None
    missing = set(columns.columns.values()) - set(rows[0] if rows else ())
    if missing:
        raise BadFile(f"no line with the columns {sorted(missing)}")
    lines = [
        _line(row, columns, currency, f"line {number}") for number, row in enumerate(rows, start=2)
    ]
    days = [line.booked_on for line in lines]
    return Statement(
        bank_account_ref=account,
        statement_ref=statement,
        currency=currency,
        from_date=min(days),
        to_date=max(days),
        lines=lines,
    )


def _line(row: Mapping[str, str | None], columns: Columns, currency: str, where: str) -> Line:
    def cell(name: str) -> str:
        return (row.get(columns.columns.get(name, "")) or "").strip()

    def amount_of(name: str) -> int:
        text = cell(name)
        return minor_of(_plain(text, columns.decimal_mark, where), currency, where) if text else 0

    if None in row or None in row.values():
        raise BadFile(f"{where}: has another number of cells than the header")
    signed_minor = amount_of("amount") + amount_of("amount_in") - amount_of("amount_out")
    if not signed_minor:
        raise BadFile(f"{where}: no amount")
    return Line(
        booked_on=day_of(cell("booked_on"), columns.date_format, where),
        direction="in" if signed_minor > 0 else "out",
        amount_minor=abs(signed_minor),
        reference=cell("reference") or None,
        description=cell("description") or None,
    )


def _plain(text: str, decimal_mark: str, where: str) -> str:
    """An amount with a point before its decimals, and no marks between thousands. A mark anywhere
    else is that of another country, and leaving it out would make a hundred times as much of it.
    """
    thousands = "," if decimal_mark == "." else "."
    whole, mark, decimals = text.partition(decimal_mark)
    first, *groups = whole.split(thousands)
    if thousands in decimals or (
        groups
        and not (1 <= len(first.lstrip("+-")) <= 3 and all(len(group) == 3 for group in groups))
    ):
        raise BadFile(f"{where}: {text!r} is no amount with the decimal mark {decimal_mark!r}")
    return first + "".join(groups) + mark.replace(decimal_mark, ".") + decimals
