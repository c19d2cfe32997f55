"""`GET /loans`: a tenant's loans, by borrower and status, in the order of their ids or back.

A loan id stays where it is, while its opening moves when it is opened anew (decision 0010). The
first page fixes which loans the listing has: those that had been opened by then. Each is told as
it is when its page is read. A page may be short, even empty, where few loans have the status; only
a missing `next_page_token` ends the listing.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from read_api import bodies
from read_api.bodies import Body
from read_api.freshness import wait_for
from read_api.paging import Pages, Place
from read_api.queries import Ask, Desk, today
from read_api.store import Row, Snapshot

MOST_SEARCH_S: Final = 2.0
_WIDEST: Final = 4_096
_LAST_ID: Final = UUID(int=2**128 - 1)


async def loans(desk: Desk, ask: Ask) -> Body:
    """Each loan with its state."""
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())
    filters = {name: ask.values[name] for name in ("borrower_id", "status", "order")}
    pages = Pages(desk.page_secret, ask.tenant_id, ask.path, filters)
    token: str | None = ask.values["page_token"]
    place = None if token is None else pages.place(token)
    size: int = ask.values["page_size"]
    is_back = filters["order"] == "desc"
    search = _search if filters["borrower_id"] is None else _of_borrower

    async def turn(books: Snapshot) -> tuple[list[Row], Place | None]:
        start = place or await _beginning(books, is_back=is_back)
        names = {
            "borrower_id": filters["borrower_id"],
            "status": filters["status"],
            "partition_ids": list(start.upto),
            "upto_seqs": list(start.upto.values()),
            "direction": -1 if is_back else 1,
        }
        rows, next_id = await search(books, names, UUID(int=start.after[0]), size)
        return rows, None if next_id is None else Place(start.upto, (next_id.int,))

    rows, left = await desk.store.read(ask.tenant_id, turn)
    body: Body = {"items": [bodies.loan(row, today()) for row in rows]}
    if left is not None:
        body["next_page_token"] = pages.token(left)
    return body


async def _beginning(books: Snapshot, *, is_back: bool) -> Place:
    upto = {p.partition_id: p.last_entry_seq for p in await books.positions()}
    return Place(upto, (_LAST_ID.int if is_back else 0,))


async def _of_borrower(
    books: Snapshot, names: Mapping[str, Any], begin: UUID, size: int
) -> tuple[list[Row], UUID | None]:
    """A page, and the id that the next one begins at: a borrower has few loans."""
    rows = await books.rows("list_loans_of_borrower", **names, from_loan_id=begin, most=size + 1)
    return rows[:size], rows[size]["loan_id"] if len(rows) > size else None


async def _search(
    books: Snapshot, names: Mapping[str, Any], begin: UUID, size: int
) -> tuple[list[Row], UUID | None]:
    """A page, and the id that the next one begins at; wider steps while little is found."""
    clock = asyncio.get_running_loop().time
    deadline = clock() + MOST_SEARCH_S
    direction: int = names["direction"]
    wanted = {name: value for name, value in names.items() if name != "borrower_id"}
    found: list[Row] = []
    width = size + 1
    while True:
        most = size + 1 - len(found)
        rows = await books.rows("scan_loans", **wanted, from_loan_id=begin, width=width, most=most)
        found += [row for row in rows if row["loan_id"] is not None]
        passed: UUID | None = rows[0]["passed_loan_id"]
        if len(found) > size:
            return found[:size], found[size]["loan_id"]
        if passed is None or passed.int == (_LAST_ID.int if direction == 1 else 0):
            return found, None
        begin = UUID(int=passed.int + direction)
        if clock() > deadline:
            return found, begin
        width = min(4 * width, max(width, _WIDEST))
