"""A loan's status as it follows from its entries (accounting section 2), at any pair of dates.

    charged_off, refinanced   while such an event stands
    cancelled                 no opening and no payment stands, and nothing is left
    paid_off, active          by what is receivable

An event stands while no reversal of it counts. Everything comes from the journal and nothing from
the loan's row: a past pair of dates must answer the same for ever. Pure.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, Final
from uuid import UUID

Row = Mapping[str, Any]

CHARGE_OFF: Final = "chargeoff"
PAID_OFF_BY_REFINANCE: Final = "refinance/0"
_KEPT: Final = frozenset({"disbursement", "refinance/1", "payment_received"})
"""Openings, and payments: while one of them stands a loan is not cancelled."""
_COUNTED: Final = _KEPT | {CHARGE_OFF, PAID_OFF_BY_REFINANCE}
_ADJUSTMENT: Final = "manual_adjustment"
_RECEIVABLES: Final = ("principal_minor", "interest_minor", "fees_minor")
_KEPT_FOR_LOANS: Final = (*_RECEIVABLES, "suspense_minor", "unsettled_minor")


def hangs_on_openings(row: Row) -> bool:
    """Whether only the loan's history can say if one of its adjustments had opened it."""
    types = set(row["standing_types"])
    is_empty = not any(row[name] for name in _KEPT_FOR_LOANS)
    return is_empty and _ADJUSTMENT in types and not types & _COUNTED


def status_of(row: Row, *, is_opened: bool = False) -> str:
    """The status from the sums of a loan's lines and the types of what stands.

    `is_opened`: an adjustment that opened the loan stands.
    """
    types = set(row["standing_types"])
    if CHARGE_OFF in types:
        return "charged_off"
    if PAID_OFF_BY_REFINANCE in types:
        return "refinanced"
    if row["last_activity_at"] is None or any(row[name] for name in _RECEIVABLES):
        return "active"
    is_left = any(row[name] for name in _KEPT_FOR_LOANS)
    return "paid_off" if is_left or is_opened or types & _KEPT else "cancelled"


def opening_stands(history: Iterable[Row], *, currency: str, as_of: date) -> bool:
    """Whether an adjustment that opened the loan counts as of a day. `history`: as posted."""
    rows = list(history)
    opened = _opened_by(rows)
    effective = [
        row for row in rows if row["effective_on"] <= as_of and row["currency"] == currency
    ]
    reversed_ids = {row["reverses_entry_id"] for row in effective}
    return bool({row["journal_entry_id"] for row in effective} & opened - reversed_ids)


def _opened_by(history: Iterable[Row]) -> set[UUID]:
    """The adjustments that met no loan, or a cancelled one: that takes nothing but an opening."""
    opened: set[UUID] = set()
    standing: set[UUID] = set()
    balances: Counter[str] = Counter()
    for row in history:
        entry_id, kind = row["journal_entry_id"], row["event_type"]
        if kind == "refinance":
            kind = f"refinance/{row['part']}"
        if kind == _ADJUSTMENT and not standing and not any(balances.values()):
            opened.add(entry_id)
        if kind in _COUNTED or entry_id in opened:
            standing.add(entry_id)
        standing.discard(row["reverses_entry_id"])
        balances.update(dict(zip(row["account_codes"] or (), row["nets_minor"] or (), strict=True)))
    return opened
