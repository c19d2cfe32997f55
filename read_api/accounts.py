"""Reads of accounts: the chart, one account's balance, the trial balance (contract section 5).

All go by `booked_on`, over all partitions: the totals of whole days, and with `known_at` the
lines of its own day. A past (`as_of_date`, `known_at`) pair gives the same answer for ever.
"""

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from read_api import bodies
from read_api.bodies import Body
from read_api.freshness import wait_for
from read_api.queries import Ask, Desk, not_found, today
from read_api.store import Row, Snapshot
from schemas.chart_of_accounts import CHART
from schemas.commands import LAYERS

AccountKey = tuple[str, str, str]
"""account code, currency, layer."""
Sides = tuple[int, int]
"""Debits and credits in minor units."""

_MICROSECOND: Final = timedelta(microseconds=1)


async def chart(desk: Desk, ask: Ask) -> Body:
    """`GET /accounts`: the chart is the same for every tenant."""
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())
    return bodies.chart()


async def account_balance(desk: Desk, ask: Ask) -> Body:
    """`GET /accounts/{account_code}/balance`."""
    account = CHART.get(ask.ids["account_code"])
    if account is None:
        raise not_found()
    currency, layer = ask.values["currency"], ask.values["layer"]
    key = (account.code, currency, layer)
    sides = await _read(desk, ask, account.code)
    debit_minor, credit_minor = sides.get(key, (0, 0))
    return bodies.account_balance(
        account,
        currency=currency,
        layer=layer,
        as_of=_as_of(ask),
        debit_minor=debit_minor,
        credit_minor=credit_minor,
    )


async def trial_balance(desk: Desk, ask: Ask) -> Body:
    """`GET /trial-balance`: every account that anything was posted to."""
    known_at: datetime | None = ask.values["known_at"]
    sides = await _read(desk, ask, None)
    totals: dict[tuple[str, str], Sides] = defaultdict(lambda: (0, 0))
    for (_, currency, layer), (debit_minor, credit_minor) in sides.items():
        before = totals[currency, layer]
        totals[currency, layer] = (before[0] + debit_minor, before[1] + credit_minor)
    return {
        "as_of_date": _as_of(ask).isoformat(),
        "known_at": bodies.instant(known_at),
        "items": [
            bodies.account_sides(CHART[key[0]], key[1], key[2], *sides[key])
            for key in sorted(sides, key=_in_order)
        ],
        "totals": [
            {"currency": currency, "layer": layer, **bodies.both_sides(*totals[currency, layer])}
            for currency, layer in sorted(totals, key=lambda key: (key[0], _layer_place(key[1])))
        ],
    }


async def _read(desk: Desk, ask: Ask, account_code: str | None) -> dict[AccountKey, Sides]:
    known_at: datetime | None = ask.values["known_at"]
    partition_ids = list(range(await desk.store.partition_count()))
    await wait_for(desk.store, least=ask.least, known_at=known_at, partition_ids=partition_ids)
    names = {
        "partition_ids": partition_ids,
        "account_code": account_code,
        "currency": ask.values["currency"],
        "layer": ask.values["layer"],
        "as_of": ask.values["as_of_date"] or date.max,
    }
    return await desk.store.read(ask.tenant_id, lambda books: sides_at(books, names, known_at))


async def sides_at(
    books: Snapshot, names: dict[str, Any], known_at: datetime | None
) -> dict[AccountKey, Sides]:
    """Both sides of accounts: whole days, and with `known_at` the lines of its own day.

    `names` are the parameters of `sum_account`; `account_code` None asks for every account,
    `currency` and `layer` None for all of them.
    """
    statement = "sum_accounts" if names["account_code"] is None else "sum_account"
    whole_days = {**names, "posted_before": date.max if known_at is None else known_at.date()}
    rows = await books.rows(statement, **whole_days)
    if known_at is not None:
        day_began_at = datetime.combine(known_at.date(), time(), UTC)
        until = {"from_instant": day_began_at, "to_instant": known_at + _MICROSECOND}
        rows += await books.rows("sum_accounts_last_day", **names, **until)
    return _added_up(rows)


def _added_up(rows: list[Row]) -> dict[AccountKey, Sides]:
    sides: dict[AccountKey, Sides] = defaultdict(lambda: (0, 0))
    for row in rows:
        key = (row["account_code"], row["currency"], row["layer"])
        debit_minor, credit_minor = int(row["debit_minor"] or 0), int(row["credit_minor"] or 0)
        sides[key] = (sides[key][0] + debit_minor, sides[key][1] + credit_minor)
    return dict(sides)


def _as_of(ask: Ask) -> date:
    """The day that the answer is of: as asked, else of `known_at`, else today."""
    known_at: datetime | None = ask.values["known_at"]
    as_of: date | None = ask.values["as_of_date"]
    return as_of or (today() if known_at is None else known_at.date())


def _in_order(key: AccountKey) -> tuple[str, int, str]:
    code, currency, layer = key
    return currency, _layer_place(layer), code


def _layer_place(layer: str) -> int:
    return LAYERS.index(layer)
