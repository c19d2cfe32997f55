"""`GET /periods`: the tenant's months, and how far their books are closed.

A month is `closed` once every partition has applied a close that covers it, `closing` while only
some have. The close that covers a month need not be its own: the first one closes all before it.
The first page fixes the months of the listing.
"""

from bisect import bisect_left
from collections import defaultdict
from datetime import date, datetime, timedelta
from typing import Any

from read_api import bodies
from read_api.bodies import Body
from read_api.freshness import wait_for
from read_api.paging import Pages, Place
from read_api.queries import Ask, Desk, today
from read_api.store import Row, Snapshot

Closes = dict[int, list[tuple[date, datetime]]]
"""Partition -> (closed through, applied at), ascending."""


async def periods(desk: Desk, ask: Ask) -> Body:
    """A page of the months from the first with anything booked, or closed, to the current one."""
    count = await desk.store.partition_count()
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())
    order, size = ask.values["order"], ask.values["page_size"]
    pages = Pages(desk.page_secret, ask.tenant_id, ask.path, {"order": order})
    token: str | None = ask.values["page_token"]
    place = None if token is None else pages.place(token)
    names: dict[str, Any] = {"partition_ids": list(range(count))}

    async def turn(books: Snapshot) -> tuple[range, range, list[Row]]:
        left = await _months(books, names) if place is None else range(*place.after)
        told = left[-size:] if order == "desc" else left[:size]
        begin = {"first_ends_on": ends_on(told[0]), "most": len(told)}
        return left, told, await books.rows("list_closes", **names, **begin)

    left, told, rows = await desk.store.read(ask.tenant_id, turn)
    closes: Closes = defaultdict(list)
    for row in rows:
        closes[row["partition_id"]].append((row["closed_through"], row["closed_at"]))
    is_back = order == "desc"
    shown = reversed(told) if is_back else told
    body: Body = {"items": [period(ends_on(month), closes, count) for month in shown]}
    if len(told) < len(left):
        rest = (left.start, told.start) if is_back else (told.stop, left.stop)
        body["next_page_token"] = pages.token(Place({}, rest))
    return body


async def _months(books: Snapshot, names: dict[str, Any]) -> range:
    [first] = await books.rows("find_first_day", **names)
    return months(first["first_day"], today())


def months(first_day: date | None, until: date) -> range:
    """The months from that of the first day to that of `until`, counted from the year 0."""
    last = _month_of(until)
    return range(last if first_day is None else min(last, _month_of(first_day)), last + 1)


def ends_on(month: int) -> date:
    """The last day of a month that is counted from the year 0."""
    return month_end(date(month // 12, month % 12 + 1, 1))


def month_end(day: date) -> date:
    """The last day of a day's month."""
    if day.month == 12:
        return day.replace(day=31)
    return day.replace(month=day.month + 1, day=1) - timedelta(days=1)


def period(last_day: date, closes: Closes, partition_count: int) -> Body:
    """One month, by its last day, from the closes that every partition has of it or later ones."""
    covered_at = []
    for applied in closes.values():
        place = bisect_left(applied, last_day, key=lambda close: close[0])
        covered_at += [closed_at for _, closed_at in applied[place : place + 1]]
    is_closed = len(covered_at) == partition_count
    status = "closed" if is_closed else "closing" if covered_at else "open"
    return {
        "period": last_day.isoformat()[:7],
        "status": status,
        "closed_at": bodies.instant(max(covered_at)) if is_closed else None,
    }


def _month_of(day: date) -> int:
    return 12 * day.year + day.month - 1
