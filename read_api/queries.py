"""What each read asks of the books: balances, accounts and loans (contract section 5).

    without a date     everything posted: the loan's row, the account's day totals
    as_of_date         by effective date for a loan, by booking date for an account
    known_at           by posting time; the books must have reached it first

Each read is one snapshot. What the tenant does not have is 404 `not_found`, whosever it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from uuid import UUID

from read_api import bodies
from read_api.bodies import Body
from read_api.freshness import wait_for
from read_api.store import Row, Snapshot, Store
from schemas.chart_of_accounts import (
    CHART,
    FEES_RECEIVABLE,
    INTEREST_RECEIVABLE,
    PRINCIPAL_RECEIVABLE,
    SUSPENSE,
)
from schemas.partitioning import partition_of_loan
from schemas.problems import Problem, ProblemError

END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SUB_BALANCE_ACCOUNTS: Final = {
    "principal": PRINCIPAL_RECEIVABLE.code,
    "interest": INTEREST_RECEIVABLE.code,
    "fees": FEES_RECEIVABLE.code,
    "suspense": SUSPENSE.code,
}
_OPENING: Final = frozenset({"disbursement", "refinance", "manual_adjustment"})


@dataclass(frozen=True, slots=True)
class Ask:
    """One read, checked: whose, of what (`ids` from the path), and how (`values`)."""

    tenant_id: UUID
    path: str
    ids: Mapping[str, Any]
    values: Mapping[str, Any]
    least: Mapping[int, int]
    """Partition -> offset that must have been applied (`HPTS-Min-Position`)."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What every read works with."""

    store: Store
    page_secret: bytes


def not_found() -> ProblemError:
    """The same answer for what another tenant has and for what nobody has."""
    return ProblemError(Problem(code="not_found"))


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
        row = await desk.store.read(ask.tenant_id, lambda books: _only(books, "find_loan", names))
        return bodies.loan_balance(row, _today())
    names |= {"as_of": as_of or date.max, "known_at": known_at or END_OF_TIME}
    row = await desk.store.read(
        ask.tenant_id,
        lambda books: _only(books, "sum_loan", names | _SUB_BALANCE_ACCOUNTS),
    )
    row |= {"loan_id": ask.ids["loan_id"], "status": _status(row)}
    return bodies.loan_balance(row, as_of or (known_at or END_OF_TIME).date())


async def loan(desk: Desk, ask: Ask) -> Body:
    """`GET /loans/{loan_id}`."""
    names = {"partition_id": await loan_partition(desk, ask), "loan_id": ask.ids["loan_id"]}
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())
    row = await desk.store.read(ask.tenant_id, lambda books: _only(books, "find_loan", names))
    return bodies.loan(row, _today())


async def accounts(desk: Desk, ask: Ask) -> Body:
    """`GET /accounts`: the chart is the same for every tenant."""
    del desk, ask
    return bodies.chart()


async def account_balance(desk: Desk, ask: Ask) -> Body:
    """`GET /accounts/{account_code}/balance`, over all partitions."""
    account = CHART.get(ask.ids["account_code"])
    if account is None:
        raise not_found()
    as_of: date | None = ask.values["as_of_date"]
    known_at: datetime | None = ask.values["known_at"]
    partition_ids = list(range(await desk.store.partition_count()))
    await wait_for(desk.store, least=ask.least, known_at=known_at, partition_ids=partition_ids)
    names = {
        "partition_ids": partition_ids,
        "account_code": account.code,
        "currency": ask.values["currency"],
        "layer": ask.values["layer"],
        "as_of": as_of or date.max,
    }
    debit_minor, credit_minor = await desk.store.read(
        ask.tenant_id, lambda books: _sides(books, names, known_at)
    )
    return bodies.account_balance(
        account,
        currency=ask.values["currency"],
        layer=ask.values["layer"],
        as_of=as_of or (_today() if known_at is None else known_at.date()),
        debit_minor=debit_minor,
        credit_minor=credit_minor,
    )


async def _sides(
    books: Snapshot, names: dict[str, Any], known_at: datetime | None
) -> tuple[int, int]:
    """Debits and credits: whole days, and with `known_at` the lines of its own day."""
    whole_days = names | {"posted_before": date.max if known_at is None else known_at.date()}
    rows = await books.rows("sum_account", **whole_days)
    if known_at is not None:
        day_began_at = datetime.combine(known_at.date(), time(), UTC)
        until = {"from_instant": day_began_at, "to_instant": known_at + _MICROSECOND}
        rows += await books.rows("sum_account_last_day", **names, **until)
    return (
        sum(int(row["debit_minor"] or 0) for row in rows),
        sum(int(row["credit_minor"] or 0) for row in rows),
    )


async def _only(books: Snapshot, statement: str, names: dict[str, Any]) -> Row:
    rows = await books.rows(statement, **names)
    if not rows:
        raise not_found()
    return rows[0]


def _status(row: Row) -> str:
    """The status that follows from the books as they stood (accounting section 2)."""
    standing = set(row["standing_types"])
    receivable_minor = row["principal_minor"] + row["interest_minor"] + row["fees_minor"]
    if "chargeoff" in standing:
        return "charged_off"
    if "refinance" in standing and not receivable_minor:
        return "refinanced"
    if row["last_activity_at"] is None or receivable_minor:
        return "active"
    if not standing & _OPENING and "payment_received" not in standing and not row["suspense_minor"]:
        return "cancelled"
    return "paid_off"


def _today() -> date:
    return datetime.now(UTC).date()
