"""A loan's lives and its status as they follow from its entries (accounting section 2). Pure.

    charged_off, refinanced   while such an event stands
    cancelled                 no opening and no payment stands, and nothing is left
    paid_off, active          by what is receivable

An event stands while no reversal of it counts. A cancelled loan takes nothing but an opening, and
that begins its next life. Everything comes from the journal and nothing from the loan's row: a past
pair of dates must answer the same for ever.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

Row = Mapping[str, Any]

CHARGE_OFF: Final = "chargeoff"
PAID_OFF_BY_REFINANCE: Final = "refinance/0"
_KEPT: Final = frozenset(
    {"disbursement", "refinance/1", "manual_adjustment/opening", "payment_received"}
)
"""Openings, and payments: while one of them stands a loan is not cancelled."""
_COUNTED: Final = _KEPT | {CHARGE_OFF, PAID_OFF_BY_REFINANCE}
_RECEIVABLES: Final = ("principal_minor", "interest_minor", "fees_minor")
_KEPT_FOR_LOANS: Final = (*_RECEIVABLES, "suspense_minor", "unsettled_minor")


def status_of(row: Row) -> str:
    """The status from the sums of a life's lines and the types of what stands of it."""
    types = set(row["standing_types"])
    if CHARGE_OFF in types:
        return "charged_off"
    if PAID_OFF_BY_REFINANCE in types:
        return "refinanced"
    if row["last_activity_at"] is None or any(row[name] for name in _RECEIVABLES):
        return "active"
    is_left = any(row[name] for name in _KEPT_FOR_LOANS)
    return "paid_off" if is_left or types & _KEPT else "cancelled"


def last_life_began(history: Iterable[Row]) -> int:
    """The entry_seq that began the last life of some history, which is as posted; 0 without any.

    Whatever met no loan, or a cancelled one, was an opening.
    """
    began_seq = 0
    standing: set[UUID] = set()
    balances: Counter[str] = Counter()
    for row in history:
        entry_id, kind = row["journal_entry_id"], row["event_type"]
        if kind == "refinance":
            kind = f"refinance/{row['part']}"
        if not standing and not any(balances.values()):
            began_seq = row["entry_seq"]
        if kind in _COUNTED or row["entry_seq"] == began_seq:
            standing.add(entry_id)
        standing.discard(row["reverses_entry_id"])
        balances.update(dict(zip(row["account_codes"] or (), row["nets_minor"] or (), strict=True)))
    return began_seq
