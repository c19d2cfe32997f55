"""`GET /periods`: the tenant's months, and how far their books are closed.

A month is `closed` once every partition has applied a close that covers it, `closing` while only
some have. The close that covers a month need not be its own: the first one closes all before it.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any

from read_api import bodies
from read_api.bodies import Body
from read_api.freshness import wait_for
from read_api.queries import Ask, Desk, today
from read_api.store import Row, Snapshot

Closes = dict[int, list[tuple[date, datetime]]]
"""Partition -> (closed through, applied at), ascending."""


async def periods(desk: Desk, ask: Ask) -> Body:
    """From the first month with anything booked, or closed, to the current one."""
    count = await desk.store.partition_count()
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())
    names: dict[str, Any] = {"partition_ids": list(range(count))}

    async def look_up(books: Snapshot) -> tuple[list[Row], list[Row]]:
        first = await books.rows("find_first_booking", **names)
        return first, await books.rows("list_closes", **names)

    [first], rows = await desk.store.read(ask.tenant_id, look_up)
    closes: Closes = defaultdict(list)
    for row in rows:
        closes[row["partition_id"]].append((row["closed_through"], row["closed_at"]))
    days = [row["closed_through"] for row in rows]
    if first["first_booked_on"] is not None:
        days.append(first["first_booked_on"])
    return {"items": [period(month, closes, count) for month in months(days, today())]}


def months(days: Iterable[date], until: date) -> list[date]:
    """The last days of the months from the earliest of `days` to that of `until`."""
    last = month_end(until)
    month = month_end(min((*days, until)))
    ends = [month]
    while month < last:
        month = month_end(month + timedelta(days=1))
        ends.append(month)
    return ends


def month_end(day: date) -> date:
    """The last day of a day's month."""
    if day.month == 12:
        return day.replace(day=31)
    return day.replace(month=day.month + 1, day=1) - timedelta(days=1)


def period(ends_on: date, closes: Closes, partition_count: int) -> Body:
    """One month, from every partition's closes."""
    covered_at = [
        next(closed_at for through, closed_at in applied if through >= ends_on)
        for applied in closes.values()
        if applied[-1][0] >= ends_on
    ]
    is_closed = len(covered_at) == partition_count
    status = "closed" if is_closed else "closing" if covered_at else "open"
    return {
        "period": ends_on.isoformat()[:7],
        "status": status,
        "closed_at": bodies.instant(max(covered_at)) if is_closed else None,
    }
