"""OAuth scopes: one name per operation family (contract sections 3 and 5). Names only, no logic."""

from typing import Final

DISBURSEMENTS_WRITE: Final = "hpts:disbursements:write"
PAYMENTS_WRITE: Final = "hpts:payments:write"
ACCRUALS_WRITE: Final = "hpts:accruals:write"
FEES_WRITE: Final = "hpts:fees:write"
LOANS_WRITE: Final = "hpts:loans:write"
REVERSALS_WRITE: Final = "hpts:reversals:write"
ADJUSTMENTS_WRITE: Final = "hpts:adjustments:write"
PERIODS_WRITE: Final = "hpts:periods:write"
RECONCILIATION_WRITE: Final = "hpts:reconciliation:write"
OPERATIONS_WRITE: Final = "hpts:operations:write"
WEBHOOKS_WRITE: Final = "hpts:webhooks:write"
BALANCES_READ: Final = "hpts:balances:read"
LEDGER_READ: Final = "hpts:ledger:read"
RECONCILIATION_READ: Final = "hpts:reconciliation:read"
OPERATIONS_READ: Final = "hpts:operations:read"
WEBHOOKS_READ: Final = "hpts:webhooks:read"

ALL_SCOPES: Final = (
    DISBURSEMENTS_WRITE,
    PAYMENTS_WRITE,
    ACCRUALS_WRITE,
    FEES_WRITE,
    LOANS_WRITE,
    REVERSALS_WRITE,
    ADJUSTMENTS_WRITE,
    PERIODS_WRITE,
    RECONCILIATION_WRITE,
    OPERATIONS_WRITE,
    WEBHOOKS_WRITE,
    BALANCES_READ,
    LEDGER_READ,
    RECONCILIATION_READ,
    OPERATIONS_READ,
    WEBHOOKS_READ,
)
READ_SCOPES: Final = tuple(scope for scope in ALL_SCOPES if scope.endswith(":read"))
PARTNER_SCOPES: Final = (DISBURSEMENTS_WRITE, PAYMENTS_WRITE, BALANCES_READ, LEDGER_READ)
"""What a partner's client is given in development: to lend, to pay, and to see what came of it."""
