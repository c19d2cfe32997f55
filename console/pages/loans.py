"""`/loans`: search by borrower and status."""

from typing import Final

from console.api import Body
from console.fragments import Cell, Column, amount, chip, identifier, join, loan, table
from console.frame import Visit, draw, heading, page, panel
from console.lists import PAGE_SIZE, choice, filters, further, text

_STATUSES: Final = ("active", "paid_off", "charged_off", "refinanced", "cancelled")
_COLUMNS: Final = (
    Column("Loan"),
    Column("Borrower"),
    Column("Status"),
    Column("Opened"),
    Column("Currency"),
    Column("Principal", is_number=True),
    Column("Interest", is_number=True),
    Column("Fees", is_number=True),
    Column("Exposure", is_number=True),
    Column("Suspense", is_number=True),
)
_AMOUNTS: Final = (
    "principal_outstanding_minor",
    "interest_receivable_minor",
    "fees_receivable_minor",
    "total_exposure_minor",
    "suspense_minor",
)


@page("/loans", title="Loans", section="/loans")
async def loans(visit: Visit) -> None:
    """A page of loans."""
    query = visit.query
    heading(
        "Loans", "Every loan of this tenant, in order of its id. To find one, paste its id above."
    )
    with panel("Find"):
        draw(
            filters(
                "/loans",
                text("Borrower id", "borrower_id", query, size="36"),
                choice("Status", "status", query, [(s, s.replace("_", " ")) for s in _STATUSES]),
            )
        )
    found = await visit.session.api.get(
        "/loans",
        borrower_id=query.get("borrower_id"),
        status=query.get("status"),
        page_token=query.get("page_token"),
        page_size=PAGE_SIZE,
    )
    empty = (
        "No loan fits. Clear the filters to see all."
        if query
        else "There is no loan yet: a disbursement opens one. Turn on “Demo traffic” above, or "
        "paste what `hpts up` printed."
    )
    with panel("Loans"):
        draw(table(_COLUMNS, map(_row, found["items"]), empty=empty, label="Loans"))
        draw(further("/loans", query, found))


def _row(one: Body) -> tuple[Cell, ...]:
    return (
        loan(one["loan_id"]),
        identifier(one["borrower_id"], f"/loans?borrower_id={one['borrower_id']}"),
        join(chip(one["status"]), chip("quarantined") if one["quarantined"] else None),
        one["opened_on"],
        one["currency"],
        *(amount(one[member], one["currency"]) for member in _AMOUNTS),
    )
