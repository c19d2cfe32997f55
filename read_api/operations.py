"""The read edge's operations as a table: path, scope, parameters, query and answer. Data only.

`routes` answers from it and `described` makes the OpenAPI of it, so the two cannot differ.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from read_api import (
    accounts,
    journal,
    loans,
    parameters,
    periods,
    quarantine,
    queries,
    reconciliation,
    statement,
    statement_forms,
    whole_journal,
)
from read_api.bodies import Body
from read_api.negotiation import CSV, HTML
from read_api.parameters import Parameter
from read_api.queries import Ask, Desk
from schemas import scopes
from schemas.commands import LAYERS
from schemas.event_types import EVENT_TYPES

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
    {"enum": list(LAYERS), "default": "SETTLED"},
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
    "event_type",
    parameters.read_event_type,
    {"enum": list(EVENT_TYPES)},
    "Only entries of this type.",
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
class Rendering:
    """Another form of an answer: made of its JSON body, and the headers that go with it.

    `is_shown`: the contract has an example of it, the rendering of the JSON body's.
    """

    render: Callable[[Body], str] = field(repr=False)
    headers: tuple[tuple[bytes, bytes], ...]
    description: str
    is_shown: bool = True


@dataclass(frozen=True, slots=True)
class Operation:
    """One GET. `path` has its ids in braces, each read by its reader in `ids`.

    `renderings`: the media types it can be had in beside JSON. What is of all tenants
    `is_for_operators`: the token must have that claim, too.
    """

    path: str
    summary: str
    scope: str
    answer: Callable[[Desk, Ask], Awaitable[Body]]
    result: str
    ids: Mapping[str, Callable[[str], object]] = field(default_factory=dict)
    parameters: tuple[Parameter, ...] = ()
    renderings: Mapping[str, Rendering] = field(default_factory=dict)
    is_for_operators: bool = False


ANY_CURRENCY: Final = replace(CURRENCY, is_required=False)
ANY_LAYER: Final = replace(
    LAYER, schema={"enum": list(LAYERS)}, default=None, description="Only lines of this layer."
)
BOOKED_BY: Final = replace(
    AS_OF_DATE, description="Inclusive; by booking date. Without it: everything posted."
)
ACCOUNT_CODE: Final = Parameter(
    "account_code",
    parameters.read_account_code,
    {"type": "string", "pattern": "^[1-9][0-9]{3}$"},
    "Only entries with a line on this account.",
)
EXTERNAL_REF: Final = Parameter(
    "external_ref",
    parameters.read_reference,
    {"type": "string", "minLength": 1, "maxLength": parameters.MOST_TEXT},
    "Only entries with a line of this reference, byte for byte.",
)
BORROWER_ID: Final = Parameter(
    "borrower_id",
    parameters.read_uuid,
    {"type": "string", "format": "uuid"},
    "Only loans of this borrower.",
)
QUARANTINED_LOAN: Final = Parameter(
    "loan_id",
    parameters.read_uuid,
    {"type": "string", "format": "uuid"},
    "Only commands that wait for this loan.",
)
STATUS: Final = Parameter(
    "status",
    parameters.read_status,
    {"enum": list(parameters.STATUSES)},
    "Only loans that have this status now.",
)

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
        accounts.account_balance,
        "AccountBalance",
        {"account_code": parameters.read_account_code},
        (CURRENCY, LAYER, BOOKED_BY, KNOWN_AT),
    ),
    Operation(
        "/v1/accounts",
        "The chart of accounts",
        scopes.BALANCES_READ,
        accounts.chart,
        "Accounts",
    ),
    Operation(
        "/v1/trial-balance",
        "The trial balance: every account that anything was posted to",
        scopes.BALANCES_READ,
        accounts.trial_balance,
        "TrialBalance",
        parameters=(ANY_CURRENCY, ANY_LAYER, BOOKED_BY, KNOWN_AT),
    ),
    Operation(
        "/v1/periods",
        "The months, and how far the books are closed",
        scopes.BALANCES_READ,
        periods.periods,
        "Periods",
        parameters=(
            *(replace(ORDER, description="The first month first, or the current one."), PAGE_SIZE),
            PAGE_TOKEN,
        ),
    ),
    Operation(
        "/v1/loans",
        "Loans that were opened by the first page, by borrower and status, in order of their ids",
        scopes.LEDGER_READ,
        loans.loans,
        "LoanPage",
        parameters=(
            *(BORROWER_ID, STATUS),
            *(replace(ORDER, description="By loan id, or back."), PAGE_SIZE, PAGE_TOKEN),
        ),
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
        "/v1/loans/{loan_id}/statement",
        "A loan's statement, as data or to print: by effective date, then as posted",
        scopes.LEDGER_READ,
        statement.statement,
        "LoanStatement",
        _LOAN_ID,
        (
            replace(FROM_DATE, description="First effective date. Without it: the loan's first."),
            replace(TO_DATE, description="Last effective date. Without it: today."),
        ),
        {
            CSV: Rendering(
                statement_forms.csv,
                statement_forms.CSV_HEADERS,
                "RFC 4180: a header, the opening balance, a row an entry, the closing balance. "
                "Amounts are decimals of the currency's major unit; text that a spreadsheet "
                "would take for a formula is led by an apostrophe.",
            ),
            HTML: Rendering(
                statement_forms.page,
                statement_forms.PAGE_HEADERS,
                "A whole page, fit to print and to send to the borrower. It fetches nothing and "
                "has no script.",
                is_shown=False,
            ),
        },
    ),
    Operation(
        "/v1/journal-entries",
        "Everything posted, part by part, in the order posted",
        scopes.LEDGER_READ,
        whole_journal.whole_journal,
        "WholeJournalPage",
        parameters=(
            *(FROM_DATE, TO_DATE, EVENT_TYPE, ACCOUNT_CODE, EXTERNAL_REF),
            *(ORDER, PAGE_SIZE, PAGE_TOKEN),
        ),
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
    Operation(
        "/v1/reconciliation/status",
        "Whether the books are what their entries say, and what banks say",
        scopes.RECONCILIATION_READ,
        reconciliation.status,
        "ReconciliationStatus",
        parameters=(replace(ANY_CURRENCY, description="Of the portfolio roll-up."),),
    ),
    Operation(
        "/v1/reconciliation/runs",
        "The runs of the independent witness, and what each was the first to find",
        scopes.RECONCILIATION_READ,
        reconciliation.runs,
        "ReconciliationRunPage",
        parameters=(replace(ORDER, description="As made, or back."), PAGE_SIZE, PAGE_TOKEN),
    ),
    Operation(
        "/v1/bank-statements/unmatched",
        "What banks say moved and the books do not, and the other way round",
        scopes.RECONCILIATION_READ,
        reconciliation.unmatched,
        "UnmatchedPage",
        parameters=(PAGE_SIZE, PAGE_TOKEN),
    ),
    Operation(
        "/v1/quarantine",
        "Commands that wait for an operator, and why",
        scopes.OPERATIONS_READ,
        quarantine.quarantined,
        "QuarantinePage",
        parameters=(QUARANTINED_LOAN, PAGE_SIZE, PAGE_TOKEN),
    ),
    Operation(
        "/v1/dead-letters",
        "Records of the log that are no command of this ledger; for operators",
        scopes.OPERATIONS_READ,
        quarantine.dead_letters,
        "DeadLetterPage",
        parameters=(PAGE_SIZE, PAGE_TOKEN),
        is_for_operators=True,
    ),
    Operation(
        "/v1/operations/status",
        "How far each partition is, who holds it, what stands still; for operators",
        scopes.OPERATIONS_READ,
        quarantine.operations_status,
        "OperationsStatus",
        is_for_operators=True,
    ),
)
