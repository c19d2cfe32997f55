"""Reads of the journal: an entry with all its parts, and a loan's journal, page by page.

An entry in parts (an accrual batch) lies in many partitions. Its parts are told as one entry:
lines are numbered through, in order of partition and posting.
"""

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from read_api import bodies
from read_api.bodies import Body
from read_api.freshness import wait_for
from read_api.paging import Pages, Place
from read_api.parameters import check_dates
from read_api.queries import Ask, Desk, loan_partition, not_found
from read_api.store import Row, Snapshot
from schemas import ids

MOST_LINES: Final = 1_000
_FIRST_PARTS: Final = 4
BEHIND_ALL: Final = 2**62
"""An entry_seq that no partition reaches."""


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Where in an entry the page begins: behind `sequence` of a part, `shown` lines before it."""

    partition_id: int
    entry_seq: int
    sequence: int
    shown: int


async def journal_entry(desk: Desk, ask: Ask) -> Body:
    """`GET /journal-entries/{journal_entry_id}`."""
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())
    entry_id = ask.ids["journal_entry_id"]
    count = await desk.store.partition_count()
    named = ids.partition_in(entry_id)
    if named == ids.IN_PARTS:
        partition_ids = list(range(count))
    elif named is not None and named < count:
        partition_ids = [named]
    else:
        raise not_found()
    pages = Pages(desk.page_secret, ask.tenant_id, ask.path, {})
    token: str | None = ask.values["page_token"]
    place = None if token is None else pages.place(token)
    names = {"partition_ids": partition_ids, "journal_entry_id": entry_id}
    return await desk.store.read(
        ask.tenant_id, lambda books: _entry_page(books, names, pages, place)
    )


async def _entry_page(
    books: Snapshot, names: dict[str, Any], pages: Pages, place: Place | None
) -> Body:
    parts = await books.rows("find_entry", **names)
    if place is not None:
        last_seqs = place.upto
        parts = [p for p in parts if p["entry_seq"] <= last_seqs.get(p["partition_id"], -1)]
    if not parts:
        raise not_found()
    cursor = _Cursor(-1, 0, 0, 0) if place is None else _Cursor(*place.after)
    lines = await _lines_behind(books, parts, cursor, MOST_LINES + 1)
    told = lines[:MOST_LINES]
    numbered = [bodies.line(row, cursor.shown + n) for n, row in enumerate(told, start=1)]
    row = parts[0] | {
        "posted_at": max(part["posted_at"] for part in parts),
        "reversed_by_entry_id": await _reversed_by(books, names, parts),
    }
    body = bodies.entry(row, numbered)
    if len(lines) > MOST_LINES:
        last = told[-1]
        after = (
            last["partition_id"],
            last["entry_seq"],
            last["sequence"],
            cursor.shown + MOST_LINES,
        )
        upto = {part["partition_id"]: part["entry_seq"] for part in parts}
        body["next_page_token"] = pages.token(Place(upto, after))
    return body


async def _lines_behind(books: Snapshot, parts: list[Row], cursor: _Cursor, most: int) -> list[Row]:
    """Up to `most` lines, asking for ever more parts at a time until there are enough."""
    begun = (cursor.partition_id, cursor.entry_seq)
    left = [part for part in parts if (part["partition_id"], part["entry_seq"]) >= begun]
    is_within = bool(left) and (left[0]["partition_id"], left[0]["entry_seq"]) == begun
    lines: list[Row] = []
    after_sequence, width = (cursor.sequence if is_within else 0), _FIRST_PARTS
    while left and len(lines) < most:
        some, left = left[:width], left[width:]
        lines += await books.rows(
            "list_entry_lines", **_places(some), after_sequence=after_sequence, most=most
        )
        after_sequence, width = 0, 2 * width
    return lines[:most]


async def _reversed_by(books: Snapshot, names: dict[str, Any], parts: list[Row]) -> str | None:
    """The (last) reversal of an entry of which nothing is left unreversed."""
    [found] = await books.rows("find_reversals", **names)
    if not found["reversed_count"]:
        return None
    if found["is_whole"]:
        is_all = found["reversed_count"] >= len(parts)
    else:
        [shares] = await books.rows("count_shares", **_places(parts))
        is_all = found["reversed_count"] >= shares["share_count"]
    return str(found["reversed_by_entry_id"]) if is_all else None


def _places(parts: list[Row]) -> dict[str, object]:
    return {
        "partition_ids": [part["partition_id"] for part in parts],
        "entry_seqs": [part["entry_seq"] for part in parts],
    }


async def loan_journal(desk: Desk, ask: Ask) -> Body:
    """`GET /loans/{loan_id}/journal-entries`: each entry with its lines that name the loan."""
    check_dates(ask.values)
    partition_id = await loan_partition(desk, ask)
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())
    filters = {name: ask.values[name] for name in ("from_date", "to_date", "event_type", "order")}
    pages = Pages(desk.page_secret, ask.tenant_id, ask.path, filters)
    token: str | None = ask.values["page_token"]
    place = None if token is None else pages.place(token)
    names = {
        "partition_id": partition_id,
        "loan_id": ask.ids["loan_id"],
        "from_date": filters["from_date"] or date.min,
        "to_date": filters["to_date"] or date.max,
        "event_type": filters["event_type"],
        "direction": -1 if filters["order"] == "desc" else 1,
        "is_by_date": False,
    }
    size: int = ask.values["page_size"]
    return await desk.store.read(
        ask.tenant_id, lambda books: _journal_page(books, names, pages, place, size)
    )


async def _journal_page(
    books: Snapshot, names: dict[str, Any], pages: Pages, place: Place | None, size: int
) -> Body:
    loan = {name: names[name] for name in ("partition_id", "loan_id")}
    partition_id: int = names["partition_id"]
    if not await books.rows("find_loan", **loan):
        raise not_found()
    if place is None:
        end = next(p for p in await books.positions() if p.partition_id == partition_id)
        beginning = 0 if names["direction"] == 1 else BEHIND_ALL
        place = Place({partition_id: end.last_entry_seq}, (beginning,))
    entries = await books.rows(
        "list_loan_entries",
        **names,
        after_seq=place.after[0],
        upto_seq=place.upto.get(partition_id, 0),
        most=size + 1,
    )
    told = entries[:size]
    seqs = [row["entry_seq"] for row in told]
    rows = await books.rows("list_loan_lines", **loan, entry_seqs=seqs)
    lines = {seq: list(some) for seq, some in groupby(rows, key=itemgetter("entry_seq"))}
    body: Body = {"items": [bodies.entry(row, _told(lines[row["entry_seq"]])) for row in told]}
    if len(entries) > size:
        body["next_page_token"] = pages.token(Place(place.upto, (seqs[-1],)))
    return body


def _told(rows: list[Row]) -> list[Body]:
    return [bodies.line(row, row["sequence"]) for row in rows]
