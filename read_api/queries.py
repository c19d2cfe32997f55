"""What every read works with, and the reads of one loan (contract section 5).

    without a date     everything posted: the loan's row, the account's day totals
    as_of_date         by effective date for a loan, by booking date for an account
    known_at           by posting time; the books must have reached it first

Each read is one snapshot. What the tenant does not have is 404 `not_found`, whosever it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from read_api import bodies, standing
from read_api.bodies import Body
from read_api.freshness import wait_for
from read_api.gathering import Loans
from read_api.store import Row, Snapshot, Store
from schemas.chart_of_accounts import (
    DISBURSEMENT_CLEARING,
    FEES_RECEIVABLE,
    INTEREST_RECEIVABLE,
    PRINCIPAL_RECEIVABLE,
    SUSPENSE,
)
from schemas.partitioning import partition_of_loan
from schemas.problems import Problem, ProblemError

END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)
SUB_BALANCE_ACCOUNTS: Final = {
    "principal": PRINCIPAL_RECEIVABLE.code,
    "interest": INTEREST_RECEIVABLE.code,
    "fees": FEES_RECEIVABLE.code,
    "suspense": SUSPENSE.code,
    "unsettled": DISBURSEMENT_CLEARING.code,
}


@dataclass(frozen=True, slots=True)
class Ask:
    """One read, checked: whose, of what (`ids` from the path), and how (`values`)."""

    tenant_id: UUID
    path: str
    ids: Mapping[str, Any]
    values: Mapping[str, Any]
    least: Mapping[int, int]
    """Partition -> offset that must have been applied (`HPTS-Min-Position`)."""


class Desk:
    """What every read works with."""

    def __init__(self, store: Store, page_secret: bytes) -> None:
        self.store = store
        self.page_secret = page_secret
        self.loans = Loans(store)


def not_found() -> ProblemError:
    """The same answer for what another tenant has and for what nobody has."""
    return ProblemError(Problem(code="not_found"))


def today() -> date:
    """The current day, in UTC like all days here."""
    return datetime.now(UTC).date()


async def only(books: Snapshot, statement: str, names: dict[str, Any]) -> Row:
    """The one row of a statement; raises 404 where there is none."""
    rows = await books.rows(statement, **names)
    if not rows:
        raise not_found()
    return rows[0]


async def loan_partition(desk: Desk, ask: Ask) -> int:
    """The only partition that holds anything of the loan in the path."""
    count = await desk.store.partition_count()
    return partition_of_loan(ask.tenant_id, ask.ids["loan_id"], count)


async def loan_balance(desk: Desk, ask: Ask) -> Body:
    """`GET /loans/{loan_id}/balance`."""
    as_of: date | None = ask.values["as_of_date"]
    known_at: datetime | None = ask.values["known_at"]
    partition_id = await loan_partition(desk, ask)
    await wait_for(desk.store, least=ask.least, known_at=known_at, partition_ids=(partition_id,))
    names = {"partition_id": partition_id, "loan_id": ask.ids["loan_id"]}
    if as_of is None and known_at is None:
        return bodies.loan_balance(await _as_posted(desk, ask, partition_id), today())
    row = await desk.store.read(
        ask.tenant_id,
        lambda books: loan_at(books, names, as_of or date.max, known_at or END_OF_TIME),
    )
    return bodies.loan_balance(row, as_of or (known_at or END_OF_TIME).date())


async def loan_at(
    books: Snapshot, names: dict[str, Any], as_of: date, known_at: datetime
) -> dict[str, Any]:
    """What was known of a loan at an instant, as of an effective date, its status included.

    Only of the life that the loan was in at that instant: one opened anew starts from zero.
    """
    bounds = {**names, "known_at": known_at}
    wanted = {**bounds, "as_of": as_of, **SUB_BALANCE_ACCOUNTS}
    row = await only(books, "sum_loan", {**wanted, "life_began_seq": 0})
    if row["lives"] > 1:
        codes = list(SUB_BALANCE_ACCOUNTS.values())
        history = await books.rows("list_loan_history", **bounds, account_codes=codes)
        life = {"life_began_seq": standing.last_life_began(history)}
        row = await only(books, "sum_loan", wanted | life)
    return {**row, "loan_id": names["loan_id"], "status": standing.status_of(row)}


async def loan(desk: Desk, ask: Ask) -> Body:
    """`GET /loans/{loan_id}`."""
    partition_id = await loan_partition(desk, ask)
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())
    return bodies.loan(await _as_posted(desk, ask, partition_id), today())


async def _as_posted(desk: Desk, ask: Ask, partition_id: int) -> Row:
    """The loan in the path as everything posted has left it; raises 404 where there is none."""
    loan_id: UUID = ask.ids["loan_id"]
    row = await desk.loans.find(ask.tenant_id, partition_id=partition_id, loan_id=loan_id)
    if row is None:
        raise not_found()
    return row
