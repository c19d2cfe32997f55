"""`GET /journal-entries`: everything a tenant has posted, in the order posted.

`posted_at` never goes back within a partition, so the order (posted_at, partition, entry_seq) is a
merge of the partitions' journals. An entry in parts is told once a part, with all lines of that
part and its number: so every line of the ledger is told exactly once. The first page fixes how far
the listing goes in each partition. A page may be short, even empty, where filters match little or
entries are long; only a missing `next_page_token` ends the listing.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from read_api import bodies
from read_api.bodies import Body
from read_api.freshness import wait_for
from read_api.paging import Pages, Place
from read_api.parameters import check_dates
from read_api.queries import Ask, Desk
from read_api.store import Row, Snapshot

MOST_LINES: Final = 10_000
"""Of one page; an entry that would pass it begins the next page."""
MOST_SEARCH_S: Final = 2.0
_WIDEST: Final = 4_096
_BEHIND_ALL: Final = 2**62
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_FILTERS: Final = (
    *("from_date", "to_date", "event_type", "account_code", "external_ref", "order"),
)

Key = tuple[datetime, int, int]
"""posted_at, partition, entry_seq: the order of the listing."""


@dataclass(frozen=True, slots=True)
class _Reach:
    """Where a page begins. `after`: what was passed in each partition, which may lag behind the
    `behind` key; `upto`: how far the listing goes. A partition that is done is in neither.
    """

    upto: Mapping[int, int]
    after: Mapping[int, int]
    behind: Key | None = None


async def whole_journal(desk: Desk, ask: Ask) -> Body:
    """One page."""
    check_dates(ask.values)
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())
    filters = {name: ask.values[name] for name in _FILTERS}
    pages = Pages(desk.page_secret, ask.tenant_id, ask.path, filters)
    token: str | None = ask.values["page_token"]
    begin = None if token is None else _reach_of(pages.place(token))
    size: int = ask.values["page_size"]

    async def turn(books: Snapshot) -> tuple[list[Body], _Reach]:
        start = begin or await _beginning(books, is_back=filters["order"] == "desc")
        found, end = await _search(books, filters, start, size + 1)
        shown, items = await told(books, found[:size])
        return items, _next(start, end, shown, is_whole=len(shown) == len(found))

    items, left = await desk.store.read(ask.tenant_id, turn)
    body: Body = {"items": items}
    if left.after:
        body["next_page_token"] = pages.token(_place_of(left))
    return body


async def _beginning(books: Snapshot, *, is_back: bool) -> _Reach:
    upto = {p.partition_id: p.last_entry_seq for p in await books.positions() if p.last_entry_seq}
    return _Reach(upto, dict.fromkeys(upto, _BEHIND_ALL if is_back else 0))


async def _search(
    books: Snapshot, filters: Mapping[str, Any], start: _Reach, most: int
) -> tuple[list[Key], _Reach]:
    """Up to `most` keys, or fewer where the books end or the time is up; what is left then."""
    is_back = filters["order"] == "desc"
    names = {name: value for name, value in filters.items() if name != "order"} | {
        "from_date": filters["from_date"] or date.min,
        "to_date": filters["to_date"] or date.max,
        "direction": -1 if is_back else 1,
        **_bound(start.behind),
    }
    clock = asyncio.get_running_loop().time
    deadline = clock() + MOST_SEARCH_S
    found: list[Key] = []
    left, width = start, most
    while left.after and len(found) < most:
        reach = {
            "partition_ids": list(left.after),
            "after_seqs": list(left.after.values()),
            "upto_seqs": [left.upto[partition_id] for partition_id in left.after],
        }
        rows = await books.rows("scan_entries", **names, **reach, width=width)
        found += sorted(_keys_of(rows), reverse=is_back)
        left = replace(left, after=_passed(left, rows))
        width = min(4 * width, max(width, _WIDEST))
        if clock() > deadline:
            break
    return found[:most], left


def _passed(left: _Reach, rows: list[Row]) -> dict[int, int]:
    return {
        row["partition_id"]: (
            left.after[row["partition_id"]] if row["passed_seq"] is None else row["passed_seq"]
        )
        for row in rows
        if row["has_more"]
    }


def _keys_of(rows: list[Row]) -> list[Key]:
    return [
        (posted_at, row["partition_id"], entry_seq)
        for row in rows
        for posted_at, entry_seq in zip(row["found_at"], row["found_seqs"], strict=True)
    ]


def _bound(behind: Key | None) -> dict[str, Any]:
    names = ("behind_at", "behind_partition", "behind_seq")
    return dict(zip(names, behind or (None, None, None), strict=True))


async def told(books: Snapshot, keys: list[Key]) -> tuple[list[Key], list[Body]]:
    """The entries of some keys, up to the first that would make the page too long."""
    if not keys:
        return [], []
    places = {"partition_ids": [key[1] for key in keys], "entry_seqs": [key[2] for key in keys]}
    entries = await books.rows("list_entries", **places)
    rows = await books.rows("list_entry_lines", **places, after_sequence=0, most=2 * MOST_LINES)
    lines = {
        place: list(some)
        for place, some in groupby(rows, key=itemgetter("partition_id", "entry_seq"))
    }
    items: list[Body] = []
    told_lines = 0
    for entry in entries:
        own = lines.get((entry["partition_id"], entry["entry_seq"]), [])
        told_lines += len(own)
        if items and (told_lines > MOST_LINES or not own):
            break
        items.append(_item(entry, own))
    return keys[: len(items)], items


def _item(entry: Row, lines: list[Row]) -> Body:
    reversed_count = entry["reversed_count"]
    # One row reverses a whole part; of an accrual, one row a loan.
    shares = 1 if entry["is_whole"] else sum(row["loan_id"] is not None for row in lines)
    is_reversed = reversed_count and reversed_count >= shares
    row = {
        **entry,
        "reversed_by_entry_id": entry["reversed_by_entry_id"] if is_reversed else None,
    }
    told = bodies.entry(row, [bodies.line(one, one["sequence"]) for one in lines])
    return {**told, "part": entry["part"]}


def _next(start: _Reach, end: _Reach, told: list[Key], *, is_whole: bool) -> _Reach:
    """Where the next page begins; nowhere (`after` is empty) when all has been told."""
    if is_whole:
        return replace(end, behind=told[-1] if told else start.behind)
    # Found but not told: go on behind the last one told, from where this page itself began.
    after = dict(start.after)
    after.update({partition_id: entry_seq for _, partition_id, entry_seq in told})
    return replace(start, after=after, behind=told[-1])


def _place_of(reach: _Reach) -> Place:
    at, partition_id, entry_seq = reach.behind or (_EPOCH, -1, 0)
    passed = [number for pair in reach.after.items() for number in pair]
    upto = {partition_id: reach.upto[partition_id] for partition_id in reach.after}
    return Place(upto, ((at - _EPOCH) // _MICROSECOND, partition_id, entry_seq, *passed))


def _reach_of(place: Place) -> _Reach:
    microseconds, partition_id, entry_seq, *passed = place.after
    behind = (_EPOCH + microseconds * _MICROSECOND, partition_id, entry_seq)
    after = dict(zip(passed[::2], passed[1::2], strict=True))
    return _Reach(place.upto, after, None if partition_id < 0 else behind)
