"""A loan's state: its sub-balances, what cash has been applied, and what follows from them.

The sub-balances follow from the SETTLED lines of the loan's entries and from nothing else, so
the state can always be proven against the journal. None ever goes below zero.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from posting_engine.posting.journal import SETTLED, BrokenInvariant, Line
from schemas.chart_of_accounts import (
    DISBURSEMENT_CLEARING,
    FEES_RECEIVABLE,
    INTEREST_RECEIVABLE,
    PRINCIPAL_RECEIVABLE,
    SUSPENSE,
)
from schemas.money import MAX_AMOUNT_MINOR, format_minor

RECEIVABLES: Final = ("principal", "interest", "fees")
"""The receivables by their short names, as in `principal_minor` and `collected_principal_minor`."""

RECEIVABLE_ACCOUNTS: Final = {
    "principal": PRINCIPAL_RECEIVABLE,
    "interest": INTEREST_RECEIVABLE,
    "fees": FEES_RECEIVABLE,
}
SUB_BALANCES: Final = {
    PRINCIPAL_RECEIVABLE.code: ("principal_minor", "DR"),
    INTEREST_RECEIVABLE.code: ("interest_minor", "DR"),
    FEES_RECEIVABLE.code: ("fees_minor", "DR"),
    SUSPENSE.code: ("suspense_minor", "CR"),
    DISBURSEMENT_CLEARING.code: ("unsettled_minor", "CR"),
}
"""Account code -> the sub-balance it is kept in for each loan, and its normal side."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loan:
    """A loan as the books have it. `standing_*` count events that have not been reversed.

    `paid_off_*` is what a standing refinance took over. `life_began_seq` is the entry_seq of the
    opening; a cancelled loan may be opened anew, and entries of its earlier life are then out of
    reach. `life` is 0 while a refinance has only reserved the id. `version` counts changes.
    """

    tenant_id: UUID
    loan_id: UUID
    borrower_id: UUID
    currency: str
    opened_on: date
    last_activity_at: datetime
    principal_minor: int = 0
    interest_minor: int = 0
    fees_minor: int = 0
    suspense_minor: int = 0
    unsettled_minor: int = 0
    collected_principal_minor: int = 0
    collected_interest_minor: int = 0
    collected_fees_minor: int = 0
    recovered_minor: int = 0
    paid_off_principal_minor: int = 0
    paid_off_interest_minor: int = 0
    paid_off_fees_minor: int = 0
    standing_openings: int = 0
    standing_payments: int = 0
    standing_charge_offs: int = 0
    standing_refinances: int = 0
    accrued_through: date | None = None
    accrued_through_floor: date | None = None
    life: int = 1
    life_began_seq: int = 0
    quarantined: bool = False
    reserved_by: UUID | None = None
    version: int = 0

    @property
    def status(self) -> str:
        """`charged_off`, `refinanced`, `cancelled`, `paid_off` or `active`, as the books say."""
        if self.standing_charge_offs:
            return "charged_off"
        if self.standing_refinances:
            return "refinanced"
        if self._is_empty and not self.standing_openings and not self.standing_payments:
            return "cancelled"
        return "active" if self.exposure_minor else "paid_off"

    @property
    def exposure_minor(self) -> int:
        """Everything receivable."""
        return self.principal_minor + self.interest_minor + self.fees_minor

    @property
    def is_cancelled(self) -> bool:
        """Whether the loan is, for every event but an opening, not there."""
        return self.status == "cancelled"

    @property
    def _is_empty(self) -> bool:
        return not (self.exposure_minor or self.suspense_minor or self.unsettled_minor)

    @property
    def is_closed(self) -> bool:
        """Whether the loan is charged off or refinanced."""
        return self.status in ("charged_off", "refinanced")

    def is_out_of_range(self) -> bool:
        """Whether an amount kept for the loan passes what the ledger can hold.

        That is a sub-balance, or all the cash ever applied or recovered: 10^15 minor units (see
        docs/decisions/0007). A receivable counts with what a refinance's reversal would add.
        """
        largest_minor = max(  # written out: each loan of an accrual comes through here
            self.principal_minor + self.paid_off_principal_minor,
            self.interest_minor + self.paid_off_interest_minor,
            self.fees_minor + self.paid_off_fees_minor,
            self.suspense_minor,
            self.unsettled_minor,
            self.collected_principal_minor,
            self.collected_interest_minor,
            self.collected_fees_minor,
            self.recovered_minor,
        )
        return largest_minor > MAX_AMOUNT_MINOR

    def owed_minor(self, receivable: str) -> int:
        """The balance of one receivable."""
        return int(getattr(self, f"{receivable}_minor"))

    def collected_minor(self, receivable: str) -> int:
        """The cash applied to one receivable and not taken back."""
        return int(getattr(self, f"collected_{receivable}_minor"))

    def with_lines(self, lines: Iterable[Line], posted_at: datetime, **changes: Any) -> "Loan":
        """The loan after its lines; raises `BrokenInvariant` if anything falls below zero."""
        balances: dict[str, Any] = self.balances_after(lines)
        balances |= changes
        balances["last_activity_at"], balances["version"] = posted_at, self.version + 1
        as_it_is = dict(zip(_MEMBERS, _values_of(self), strict=True))
        return Loan(**as_it_is | balances).checked()

    def balances_after(self, lines: Iterable[Line]) -> dict[str, int]:
        """The sub-balances after some lines, below zero where they take more than there is."""
        balances: dict[str, int] = {name: getattr(self, name) for name, _ in SUB_BALANCES.values()}
        for line in lines:
            place = SUB_BALANCES.get(line.account_code)
            if place is None or line.layer != SETTLED or line.loan_id != self.loan_id:
                continue
            name, normal_side = place
            balances[name] += line.signed_minor if normal_side == "DR" else -line.signed_minor
        return balances

    def checked(self) -> "Loan":
        """Itself, or `BrokenInvariant` when any amount or count is below zero."""
        least = min(
            self.principal_minor,
            self.interest_minor,
            self.fees_minor,
            self.suspense_minor,
            self.unsettled_minor,
            self.recovered_minor,
            self.collected_principal_minor,
            self.collected_interest_minor,
            self.collected_fees_minor,
            self.standing_openings,
            self.standing_payments,
            self.standing_charge_offs,
            self.standing_refinances,
        )
        if least < 0:
            raise BrokenInvariant(f"loan {self.loan_id} would fall below zero")
        return self

    def balance(self, as_of: date) -> dict[str, object]:
        """The loan's sub-balances with the members of the balance read (contract section 5)."""
        return {
            "loan_id": str(self.loan_id),
            "currency": self.currency,
            "as_of_date": as_of.isoformat(),
            "principal_outstanding_minor": format_minor(self.principal_minor),
            "interest_receivable_minor": format_minor(self.interest_minor),
            "fees_receivable_minor": format_minor(self.fees_minor),
            "total_exposure_minor": format_minor(self.exposure_minor),
            "suspense_minor": format_minor(self.suspense_minor),
            "status": self.status,
            "borrower_id": str(self.borrower_id),
            "last_activity_at": format_instant(self.last_activity_at),
        }


@lru_cache(maxsize=256)
def format_instant(instant: datetime) -> str:
    """RFC 3339 in UTC with microseconds, the one way instants are written."""
    return instant.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


_MEMBERS: Final = tuple(Loan.__dataclass_fields__)
_values_of: Final = attrgetter(*_MEMBERS)
