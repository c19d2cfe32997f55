"""`GET /loans`: a tenant's loans, by borrower and status, in the order of their ids.

Loans that are opened while somebody turns the pages may appear; none is skipped or told twice.
"""

from typing import Any
from uuid import UUID

from read_api import bodies
from read_api.bodies import Body
from read_api.freshness import wait_for
from read_api.paging import Pages, Place
from read_api.queries import Ask, Desk, today


async def loans(desk: Desk, ask: Ask) -> Body:
    """Each loan with its state."""
    partition_ids = list(range(await desk.store.partition_count()))
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())
    filters = {name: ask.values[name] for name in ("borrower_id", "status")}
    pages = Pages(desk.page_secret, ask.tenant_id, ask.path, filters)
    token: str | None = ask.values["page_token"]
    begin = UUID(int=0 if token is None else pages.place(token).after[0])
    size: int = ask.values["page_size"]
    names: dict[str, Any] = {
        **filters,
        "partition_ids": partition_ids,
        "from_loan_id": begin,
        "most": size + 1,
    }
    if filters["borrower_id"] is None:
        del names["borrower_id"]
    statement = "list_loans" if filters["borrower_id"] is None else "list_loans_of_borrower"
    rows = await desk.store.read(ask.tenant_id, lambda books: books.rows(statement, **names))
    body: Body = {"items": [bodies.loan(row, today()) for row in rows[:size]]}
    if len(rows) > size:
        body["next_page_token"] = pages.token(Place({}, (rows[size]["loan_id"].int,)))
    return body
