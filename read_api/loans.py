"""`GET /loans`: a tenant's loans, by borrower and status, in the order of their ids.

Loans that are opened while somebody turns the pages may appear; none is skipped or told twice. A
page may be short, even empty, where few loans have the status; only a missing `next_page_token`
ends the listing.
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
    partition_ids = list(range(await desk.store.partition_count()))
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())
    filters = {name: ask.values[name] for name in ("borrower_id", "status")}
    pages = Pages(desk.page_secret, ask.tenant_id, ask.path, filters)
    token: str | None = ask.values["page_token"]
    begin = UUID(int=0 if token is None else pages.place(token).after[0])
    size: int = ask.values["page_size"]
    names = {**filters, "partition_ids": partition_ids}
    search = _search if filters["borrower_id"] is None else _of_borrower
    rows, next_id = await desk.store.read(
        ask.tenant_id, lambda books: search(books, names, begin, size)
    )
    body: Body = {"items": [bodies.loan(row, today()) for row in rows]}
    if next_id is not None:
        body["next_page_token"] = pages.token(Place({}, (next_id.int,)))
    return body


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
    wanted = {"partition_ids": names["partition_ids"], "status": names["status"]}
    found: list[Row] = []
    width = size + 1
    while True:
        most = size + 1 - len(found)
        rows = await books.rows("scan_loans", **wanted, from_loan_id=begin, width=width, most=most)
        found += [row for row in rows if row["loan_id"] is not None]
        passed: UUID | None = rows[0]["passed_loan_id"]
        if len(found) > size:
            return found[:size], found[size]["loan_id"]
        if passed is None or passed == _LAST_ID:
            return found, None
        begin = UUID(int=passed.int + 1)
        if clock() > deadline:
            return found, begin
        width = min(4 * width, max(width, _WIDEST))
