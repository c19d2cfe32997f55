"""Every row of the catalogue that we answer for: planted, or why it cannot be.

The rows are those of docs/reliability-catalogue.md. What is planted is the fault that systems like
this one really have, in as little of our source as it takes.
"""

from typing import Final

from tests.planted.amount_faults import AMOUNT_FAULTS
from tests.planted.delivery_faults import DELIVERY_FAULTS
from tests.planted.fault import Fault
from tests.planted.ingress_faults import INGRESS_FAULTS
from tests.planted.lending_faults import LENDING_FAULTS
from tests.planted.log_faults import LOG_FAULTS
from tests.planted.partner_faults import PARTNER_FAULTS
from tests.planted.record_faults import RECORD_FAULTS
from tests.planted.store_faults import STORE_FAULTS
from tests.planted.trust_faults import TRUST_FAULTS

ROWS: Final = (
    *(f"F{number:02}" for number in range(1, 55)),
    "F65",
    *(f"F{number}" for number in range(67, 75)),
    *(f"F{number}" for number in range(77, 85)),
)
"""The rows of the catalogue that must be here."""

FAULTS: Final[tuple[Fault, ...]] = tuple(
    sorted(
        (
            *INGRESS_FAULTS,
            *LOG_FAULTS,
            *RECORD_FAULTS,
            *STORE_FAULTS,
            *LENDING_FAULTS,
            *AMOUNT_FAULTS,
            *TRUST_FAULTS,
            *PARTNER_FAULTS,
            *DELIVERY_FAULTS,
        ),
        key=lambda fault: fault.row,
    )
)

DO_NOT_APPLY: Final = {
    "F74": (
        "a command is known by its key alone: the contract has no natural key of an external "
        "payment, `external_ref` is free text and may repeat, so there is nothing to break"
    ),
}
"""Row -> why nothing can be planted for it."""
