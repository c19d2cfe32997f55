"""The chart of accounts (accounting section 1): codes, names and normal sides."""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Account:
    """A ledger account and the side on which it normally stands."""

    code: str
    name: str
    normal_side: Literal["DR", "CR"]


CASH: Final = Account("1000", "Cash", "DR")
PRINCIPAL_RECEIVABLE: Final = Account("1100", "Principal Receivable", "DR")
INTEREST_RECEIVABLE: Final = Account("1200", "Interest Receivable", "DR")
FEES_RECEIVABLE: Final = Account("1300", "Fees Receivable", "DR")
DISBURSEMENT_CLEARING: Final = Account("2000", "Disbursement Clearing", "CR")
SUSPENSE: Final = Account("2100", "Suspense (unapplied cash)", "CR")
REFINANCE_CLEARING: Final = Account("2200", "Refinance Clearing", "CR")
OPENING_BALANCES: Final = Account("3000", "Opening Balances", "CR")
INTEREST_INCOME: Final = Account("4000", "Interest Income", "CR")
FEE_INCOME: Final = Account("4100", "Fee Income", "CR")
RECOVERIES: Final = Account("4200", "Recoveries", "CR")
CHARGE_OFF_EXPENSE: Final = Account("5000", "Charge-off Expense", "DR")
INTEREST_CHARGED_OFF: Final = Account("5100", "Interest Charged Off", "DR")
FEES_CHARGED_OFF: Final = Account("5200", "Fees Charged Off", "DR")
FEES_WAIVED: Final = Account("5300", "Fees Waived", "DR")

CHART: Final[dict[str, Account]] = {
    account.code: account
    for account in (
        CASH,
        PRINCIPAL_RECEIVABLE,
        INTEREST_RECEIVABLE,
        FEES_RECEIVABLE,
        DISBURSEMENT_CLEARING,
        SUSPENSE,
        REFINANCE_CLEARING,
        OPENING_BALANCES,
        INTEREST_INCOME,
        FEE_INCOME,
        RECOVERIES,
        CHARGE_OFF_EXPENSE,
        INTEREST_CHARGED_OFF,
        FEES_CHARGED_OFF,
        FEES_WAIVED,
    )
}
