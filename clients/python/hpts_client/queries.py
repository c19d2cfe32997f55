"""What can be read: a frozen value for each route. A `Query` is answered by one value, a `Listing`
by items, page after page.

    client.get(BalanceOf(loan_id=loan, as_of_date=date(2026, 2, 2)))
    for entry in client.items(JournalOf(loan_id=loan)): ...
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, ClassVar, Generic, Literal, TypeVar, get_args

from hpts_client import operations, outcomes, results
from hpts_client.events import Day, Id
from hpts_client.members import in_path, in_query
from hpts_client.results import Layer

R = TypeVar("R", covariant=True)
Order = Literal["asc", "desc"]


@dataclass(frozen=True, kw_only=True)
class Read(Generic[R]):
    """A GET; what is None is not asked for."""

    route: ClassVar[str]
    result: ClassVar[Any]
    accept: ClassVar[str] = "application/json"
    needs_token: ClassVar[bool] = True

    def __init_subclass__(cls) -> None:
        named = get_args(cls.__orig_bases__[0])  # type: ignore[attr-defined]
        if named and not isinstance(named[0], TypeVar):
            cls.result = named[0]

    @property
    def path(self) -> str:
        """Below `/v1`."""
        return self.route.format_map(vars(self))

    def parameters(self) -> dict[str, str]:
        """Those of the query."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        return {
            name: in_query(name, value)
            for name, value in given.items()
            if value is not None and name not in in_path(self.route)
        }


@dataclass(frozen=True, kw_only=True)
class Query(Read[R]):
    """Answered by one value."""


@dataclass(frozen=True, kw_only=True)
class Listing(Read[R]):
    """Answered by items; `page_size` is how many are fetched at once (1-500)."""

    member: ClassVar[str] = "items"
    page_size: int | None = None


@dataclass(frozen=True, kw_only=True)
class BalanceOf(Query[results.LoanBalance]):
    route = "/loans/{loan_id}/balance"
    loan_id: Id
    as_of_date: Day | None = None
    known_at: datetime | str | None = None


@dataclass(frozen=True, kw_only=True)
class AccountBalanceOf(Query[results.AccountBalance]):
    route = "/accounts/{account_code}/balance"
    account_code: str
    currency: str
    layer: Layer | None = None
    as_of_date: Day | None = None
    known_at: datetime | str | None = None


@dataclass(frozen=True, kw_only=True)
class TrialBalanceOf(Query[results.TrialBalance]):
    route = "/trial-balance"
    currency: str | None = None
    layer: Layer | None = None
    as_of_date: Day | None = None
    known_at: datetime | str | None = None


@dataclass(frozen=True, kw_only=True)
class Accounts(Query[results.ChartOfAccounts]):
    route = "/accounts"


@dataclass(frozen=True, kw_only=True)
class JournalOf(Listing[results.JournalEntry]):
    """One loan's entries, in the order posted."""

    route = "/loans/{loan_id}/journal-entries"
    loan_id: Id
    from_date: Day | None = None
    to_date: Day | None = None
    event_type: str | None = None
    order: Order | None = None


@dataclass(frozen=True, kw_only=True)
class Journal(Listing[results.JournalEntryPart]):
    """The whole tenant's entries, by parts, in the order posted."""

    route = "/journal-entries"
    from_date: Day | None = None
    to_date: Day | None = None
    event_type: str | None = None
    account_code: str | None = None
    external_ref: str | None = None
    order: Order | None = None


@dataclass(frozen=True, kw_only=True)
class EntryOf(Query[results.JournalEntry]):
    route = "/journal-entries/{journal_entry_id}"
    journal_entry_id: Id


@dataclass(frozen=True, kw_only=True)
class LinesOf(Listing[results.Line]):
    """Every line of an entry, however many: a night's accruals have millions."""

    route = "/journal-entries/{journal_entry_id}"
    member = "lines"
    journal_entry_id: Id

    def parameters(self) -> dict[str, str]:
        return {}  # its pages have a size of their own


@dataclass(frozen=True, kw_only=True)
class LoanOf(Query[results.Loan]):
    route = "/loans/{loan_id}"
    loan_id: Id


@dataclass(frozen=True, kw_only=True)
class Loans(Listing[results.Loan]):
    route = "/loans"
    borrower_id: Id | None = None
    status: str | None = None
    order: Order | None = None


@dataclass(frozen=True, kw_only=True)
class StatementOf(Query[results.LoanStatement]):
    route = "/loans/{loan_id}/statement"
    loan_id: Id
    from_date: Day
    to_date: Day


@dataclass(frozen=True, kw_only=True)
class StatementPage(Query[str]):
    """The statement as a page to print."""

    route = "/loans/{loan_id}/statement"
    accept = "text/html"
    loan_id: Id
    from_date: Day
    to_date: Day


@dataclass(frozen=True, kw_only=True)
class StatementTable(Query[str]):
    """The statement as CSV."""

    route = "/loans/{loan_id}/statement"
    accept = "text/csv"
    loan_id: Id
    from_date: Day
    to_date: Day


@dataclass(frozen=True, kw_only=True)
class CommandOf(Query[outcomes.CommandState]):
    route = "/commands/{command_id}"
    command_id: Id


@dataclass(frozen=True, kw_only=True)
class AccrualOf(Query[results.AccrualProgress]):
    route = "/accruals/{accrual_event_id}"
    accrual_event_id: Id


@dataclass(frozen=True, kw_only=True)
class RejectionsOf(Listing[results.Rejection]):
    route = "/accruals/{accrual_event_id}/rejections"
    accrual_event_id: Id
    order: Order | None = None


@dataclass(frozen=True, kw_only=True)
class Periods(Listing[results.Period]):
    route = "/periods"
    order: Order | None = None


@dataclass(frozen=True, kw_only=True)
class Quarantine(Listing[operations.QuarantinedCommand]):
    route = "/quarantine"
    loan_id: Id | None = None


@dataclass(frozen=True, kw_only=True)
class DeadLetters(Listing[operations.DeadLetter]):
    route = "/dead-letters"


@dataclass(frozen=True, kw_only=True)
class OperationsStatusOf(Query[operations.OperationsStatus]):
    """Of the whole ledger: needs an operator's token."""

    route = "/operations/status"


@dataclass(frozen=True, kw_only=True)
class ReconciliationStatusOf(Query[operations.ReconciliationStatus]):
    route = "/reconciliation/status"
    currency: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReconciliationRuns(Listing[operations.ReconciliationRun]):
    route = "/reconciliation/runs"
    order: Order | None = None


@dataclass(frozen=True, kw_only=True)
class Unmatched(Listing[operations.Unmatched]):
    """What banks or the books have, and the other side has not."""

    route = "/bank-statements/unmatched"


@dataclass(frozen=True, kw_only=True)
class WebhookEndpoints(Listing[outcomes.WebhookEndpoint]):
    route = "/webhook-endpoints"
    order: Order | None = None


@dataclass(frozen=True, kw_only=True)
class WebhookEndpointOf(Query[outcomes.WebhookEndpoint]):
    route = "/webhook-endpoints/{webhook_endpoint_id}"
    webhook_endpoint_id: Id


@dataclass(frozen=True, kw_only=True)
class DeliveriesOf(Listing[outcomes.Delivery]):
    """What an endpoint was told, or is to be."""

    route = "/webhook-endpoints/{webhook_endpoint_id}/deliveries"
    webhook_endpoint_id: Id
    order: Order | None = None


@dataclass(frozen=True, kw_only=True)
class LiveOf(Query[operations.Live]):
    route = "/health/live"
    needs_token = False


@dataclass(frozen=True, kw_only=True)
class ReadyOf(Query[operations.Ready]):
    route = "/health/ready"
    needs_token = False


@dataclass(frozen=True, kw_only=True)
class GivenAt(Query[dict[str, Any]]):
    """Any path's answer, as it is."""

    route = "{to}"
    to: str
    more: Mapping[str, str]

    def parameters(self) -> dict[str, str]:
        return dict(self.more)
