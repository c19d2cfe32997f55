"""Rows of the books as JSON bodies (contract section 5). Pure.

Money is a string of minor units, ids are lower case, instants RFC 3339 UTC with microseconds.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from schemas.chart_of_accounts import CHART, Account
from schemas.money import format_minor

Body = dict[str, Any]
_SUB_BALANCES = ("principal_minor", "interest_minor", "fees_minor")


def loan_balance(row: Mapping[str, Any], as_of: date) -> Body:
    """A balance from a row with the loan's sub-balances."""
    return {
        "loan_id": str(row["loan_id"]),
        "currency": row["currency"],
        "as_of_date": as_of.isoformat(),
        "principal_outstanding_minor": minor(row["principal_minor"]),
        "interest_receivable_minor": minor(row["interest_minor"]),
        "fees_receivable_minor": minor(row["fees_minor"]),
        "total_exposure_minor": minor(sum(int(row[name]) for name in _SUB_BALANCES)),
        "suspense_minor": minor(row["suspense_minor"]),
        "status": row["status"],
        "borrower_id": str(row["borrower_id"]),
        "last_activity_at": instant(row["last_activity_at"]),
    }


def loan(row: Mapping[str, Any], today: date) -> Body:
    """A loan's whole state: its balance and what else is known of it."""
    accrued_through = row["accrued_through"]
    return loan_balance(row, today) | {
        "opened_on": row["opened_on"].isoformat(),
        "unsettled_minor": minor(row["unsettled_minor"]),
        "accrued_through": None if accrued_through is None else accrued_through.isoformat(),
        "quarantined": row["quarantined"],
        "collected_principal_minor": minor(row["collected_principal_minor"]),
        "collected_interest_minor": minor(row["collected_interest_minor"]),
        "collected_fees_minor": minor(row["collected_fees_minor"]),
        "recovered_minor": minor(row["recovered_minor"]),
    }


def account_balance(
    account: Account, *, currency: str, layer: str, as_of: date, debit_minor: int, credit_minor: int
) -> Body:
    """Both sides of an account, and their difference on its normal side."""
    signed_minor = debit_minor - credit_minor
    return {
        "account_code": account.code,
        "account_name": account.name,
        "currency": currency,
        "layer": layer,
        "as_of_date": as_of.isoformat(),
        **both_sides(debit_minor, credit_minor),
        "normal_balance_minor": minor(
            signed_minor if account.normal_side == "DR" else -signed_minor
        ),
    }


def account_sides(
    account: Account, currency: str, layer: str, debit_minor: int, credit_minor: int
) -> Body:
    """One line of a trial balance."""
    return {
        "account_code": account.code,
        "account_name": account.name,
        "currency": currency,
        "layer": layer,
        **both_sides(debit_minor, credit_minor),
    }


def both_sides(debit_minor: int, credit_minor: int) -> Body:
    """The totals of each side."""
    return {"dr_balance_minor": minor(debit_minor), "cr_balance_minor": minor(credit_minor)}


def chart() -> Body:
    """The chart of accounts."""
    return {
        "items": [
            {
                "account_code": account.code,
                "account_name": account.name,
                "normal_side": account.normal_side,
            }
            for account in CHART.values()
        ]
    }


def entry(row: Mapping[str, Any], lines: Iterable[Body]) -> Body:
    """A journal entry with some of its lines."""
    return {
        "journal_entry_id": str(row["journal_entry_id"]),
        "event_type": row["event_type"],
        "effective_at": row["effective_on"].isoformat(),
        "posted_at": instant(row["posted_at"]),
        "lines": list(lines),
        "correlation_id": str(row["correlation_id"]),
        "reverses_entry_id": text(row["reverses_entry_id"]),
        "reversed_by_entry_id": text(row["reversed_by_entry_id"]),
        "description": row["description"],
        "actor": row["actor"],
        "metadata": row["metadata"],
        "details": row["details"],
    }


def line(row: Mapping[str, Any], sequence: int) -> Body:
    """One line; `sequence` counts over all parts of its entry."""
    return {
        "sequence": sequence,
        "account_code": row["account_code"],
        "direction": row["direction"],
        "amount_minor": minor(row["amount_minor"]),
        "currency": row["currency"],
        "layer": row["layer"],
        "loan_id": text(row["loan_id"]),
        "borrower_id": text(row["borrower_id"]),
        "external_ref": row["external_ref"],
    }


def minor(amount_minor: Any) -> str:
    """An amount: an `int`, or the whole number that Postgres's `numeric` comes as."""
    return format_minor(int(amount_minor))


def text(value: object) -> str | None:
    """An id, or null."""
    return None if value is None else str(value)


def instant(value: datetime | None) -> str | None:
    """RFC 3339 in UTC with microseconds, or null."""
    if value is None:
        return None
    # Not `strftime`: its years before 1000 have fewer than four digits.
    return f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
