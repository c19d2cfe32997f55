"""The read edge's operations as a table: path, scope, parameters, query and answer. Data only.

`routes` answers from it and `described` makes the OpenAPI of it, so the two cannot differ.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from read_api import journal, parameters, queries
from read_api.bodies import Body
from read_api.parameters import Parameter
from read_api.queries import Ask, Desk
from schemas import scopes

AS_OF_DATE: Final = Parameter(
    "as_of_date",
    parameters.read_date,
    {"type": "string", "format": "date"},
    "Inclusive; by effective date. Without it: everything posted.",
)
KNOWN_AT: Final = Parameter(
    "known_at",
    parameters.read_instant,
    {"type": "string", "format": "date-time"},
    "By posting time: what the books said at this instant. Not in the future.",
)
CURRENCY: Final = Parameter(
    "currency",
    parameters.read_currency,
    {"type": "string", "pattern": "^[A-Z]{3}$"},
    "ISO 4217 alphabetic code.",
    is_required=True,
)
LAYER: Final = Parameter(
    "layer",
    parameters.read_layer,
    {"enum": list(parameters.LAYERS), "default": "SETTLED"},
    "The layer of the lines.",
    default="SETTLED",
)
FROM_DATE: Final = Parameter(
    "from_date",
    parameters.read_date,
    {"type": "string", "format": "date"},
    "First effective date.",
)
TO_DATE: Final = Parameter(
    "to_date", parameters.read_date, {"type": "string", "format": "date"}, "Last effective date."
)
EVENT_TYPE: Final = Parameter(
    "event_type", parameters.read_event_type, {"type": "string"}, "Only entries of this type."
)
PAGE_SIZE: Final = Parameter(
    "page_size",
    parameters.read_page_size,
    {"type": "integer", "minimum": 1, "maximum": 500, "default": 100},
    "How many items a page has.",
    default=100,
)
PAGE_TOKEN: Final = Parameter(
    "page_token",
    parameters.read_page_token,
    {"type": "string"},
    "`next_page_token` of the page before.",
)
ORDER: Final = Parameter(
    "order",
    parameters.read_order,
    {"enum": ["asc", "desc"], "default": "asc"},
    "As posted, or the last one first.",
    default="asc",
)


@dataclass(frozen=True, slots=True)
class Operation:
    """One GET. `path` has its ids in braces, each read by its reader in `ids`."""

    path: str
    summary: str
    scope: str
    answer: Callable[[Desk, Ask], Awaitable[Body]]
    result: str
    ids: Mapping[str, Callable[[str], object]] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()


_LOAN_ID: Final[Mapping[str, Any]] = {"loan_id": parameters.read_uuid}

OPERATIONS: Final = (
    Operation(
        "/v1/loans/{loan_id}/balance",
        "A loan's balance",
        scopes.BALANCES_READ,
        queries.loan_balance,
        "LoanBalance",
        _LOAN_ID,
        (AS_OF_DATE, KNOWN_AT),
    ),
    Operation(
        "/v1/accounts/{account_code}/balance",
        "An account's balance",
        scopes.BALANCES_READ,
        queries.account_balance,
        "AccountBalance",
        {"account_code": parameters.read_account_code},
        (CURRENCY, LAYER, AS_OF_DATE, KNOWN_AT),
    ),
    Operation(
        "/v1/accounts",
        "The chart of accounts",
        scopes.BALANCES_READ,
        queries.accounts,
        "Accounts",
    ),
    Operation(
        "/v1/loans/{loan_id}",
        "A loan's state",
        scopes.LEDGER_READ,
        queries.loan,
        "Loan",
        _LOAN_ID,
    ),
    Operation(
        "/v1/loans/{loan_id}/journal-entries",
        "A loan's journal: each entry with its lines that name the loan",
        scopes.LEDGER_READ,
        journal.loan_journal,
        "JournalPage",
        _LOAN_ID,
        (FROM_DATE, TO_DATE, EVENT_TYPE, ORDER, PAGE_SIZE, PAGE_TOKEN),
    ),
    Operation(
        "/v1/journal-entries/{journal_entry_id}",
        "A journal entry; lines past 1,000 are on further pages",
        scopes.LEDGER_READ,
        journal.journal_entry,
        "JournalEntry",
        {"journal_entry_id": parameters.read_uuid},
        (PAGE_TOKEN,),
    ),
)
