"""The console's words: events, errors and what to do about them. No markup."""

from typing import Final

from console.api import Pending, Refused, Unreachable
from schemas.chart_of_accounts import CHART
from schemas.problem_codes import CATALOGUE

EVENTS: Final = {
    "disbursement": "Disbursement",
    "disbursement_settled": "Disbursement settled",
    "accrual": "Interest accrued",
    "payment_received": "Payment",
    "payment_allocated": "Suspense allocated",
    "payment_returned": "Payment returned",
    "fee_assessed": "Fee charged",
    "fee_waived": "Fee waived",
    "chargeoff": "Charge-off",
    "recovery": "Recovery",
    "restructure": "Restructure",
    "refinance": "Refinance",
    "reversal": "Reversal",
    "manual_adjustment": "Manual adjustment",
}
NOT_HERE: Final = "This server does not have this part yet."
EXPECTED: Final = (Refused, Unreachable, Pending)


def event(event_type: str) -> str:
    """An event type as people say it."""
    return EVENTS.get(event_type, event_type.replace("_", " "))


def account(code: str) -> str:
    """`1100 Principal Receivable`."""
    return f"{code} {CHART[code].name}" if code in CHART else code


def instant(text: str | None) -> str:
    """An instant in UTC, to the second; a dash for none."""
    return text[:19].replace("T", " ") if text else "–"


def sentence(error: Refused | Unreachable | Pending) -> tuple[str, str]:
    """What happened, and what to do about it."""
    if isinstance(error, Pending):
        return f"{error}.", "Press again to ask what became of it: nothing is done twice."
    if isinstance(error, Unreachable):
        return f"{error}.", "Is the stack running? `hpts status` says what is not; then reload."
    if error.status == 401:
        return f"{error}", "Sign out and sign in again."
    if error.code == "insufficient_scope":
        return "This client may not see or do this.", f"{error} Sign in as a client that may."
    faults = "; ".join(f"{x['field']}: {x['message']}" for x in error.problem.get("errors", ()))
    known = CATALOGUE.get(error.code)
    told = f"{error}" + (f" ({faults})" if faults else "")
    return f"{error.code}: {told}", known.what_to_do if known else ""


def meaning(code: str) -> str:
    """What a refusal means, in a sentence; empty for a code that the catalogue does not have."""
    return CATALOGUE[code].what_happened if code in CATALOGUE else ""
