"""Every row of the catalogue that we answer for: planted, or why it cannot be.

The rows are those of docs/reliability-catalogue.md. What is planted is the fault that systems like
this one really have, in as little of our source as it takes.
"""

from typing import Final

from tests.planted.delivery_faults import DELIVERY_FAULTS
from tests.planted.fault import Fault
from tests.planted.ingress_faults import INGRESS_FAULTS
from tests.planted.lending_faults import LENDING_FAULTS
from tests.planted.log_faults import LOG_FAULTS
from tests.planted.record_faults import RECORD_FAULTS
from tests.planted.store_faults import STORE_FAULTS

ROWS: Final = (
    *(f"F{number:02}" for number in range(1, 47)),
    *("F53", "F54"),
    "F65",
    *(f"F{number}" for number in range(67, 75)),
    "F84",
)
"""The rows of the catalogue that must be here."""

FAULTS: Final[tuple[Fault, ...]] = (
    *INGRESS_FAULTS,
    *LOG_FAULTS,
    *RECORD_FAULTS,
    *STORE_FAULTS,
    *(fault for fault in DELIVERY_FAULTS if fault.row < "F67"),
    *LENDING_FAULTS,
    *(fault for fault in DELIVERY_FAULTS if fault.row > "F74"),
)

DO_NOT_APPLY: Final = {
    "F74": (
        "a command is known by its key alone: the contract has no natural key of an external "
        "payment, `external_ref` is free text and may repeat, so there is nothing to break"
    ),
}
"""Row -> why nothing can be planted for it."""
