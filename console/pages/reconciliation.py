"""`/reconciliation`: whether balances equal the journal, the bank, and the sum of the loans."""

from typing import Final

from markupsafe import Markup

from console import money
from console.api import Api, Body
from console.fragments import Cell, Column, chip, entry, instant, join, loan, pairs, table, tag
from console.frame import Visit, draw, heading, page, panel, shielded
from console.lists import PAGE_SIZE, further

_BANK: Final = (
    Column("Bank account"),
    Column("State"),
    Column("Difference", is_number=True),
    Column("Unmatched lines", is_number=True),
    Column("Unmatched entries", is_number=True),
    Column("Checked (UTC)"),
)
_RUNS: Final = (
    Column("Run"),
    Column("Finished (UTC)"),
    Column("State"),
    Column("Trigger"),
    Column("Findings"),
)
_UNMATCHED: Final = (
    Column("Moved on"),
    Column("Known to"),
    Column("Bank account"),
    Column("Direction"),
    Column("Amount", is_number=True),
    Column("Reference"),
    Column("What it is"),
)


@page("/reconciliation", title="Reconciliation", section="/reconciliation")
async def reconciliation(visit: Visit) -> None:
    """The standing now, and the runs with their findings."""
    heading("Reconciliation", "What the ledger says, held against itself, the bank and the loans.")
    with panel("Now"):
        draw(await shielded(_status(visit.session.api)))
    with panel("Unmatched", "what the bank has and account 1000 has not, or the other way round"):
        draw(await shielded(_unmatched(visit.session.api)))
    with panel("Runs", "the last one first"):
        draw(await shielded(_runs(visit)))


async def _status(api: Api) -> Markup:
    found = await api.get("/reconciliation/status")
    integrity, portfolio = found["ledger_integrity"], found["portfolio_rollup"]
    told = pairs(
        {
            "As of": found["as_of_date"],
            "Balances equal the journal": join(
                chip(integrity["status"]),
                f" {integrity['mismatched_account_count']} accounts differ; checked ",
                instant(integrity["checked_at"]),
            ),
            "Loans sum to the ledger": join(
                chip(portfolio["status"]),
                " principal: general ledger ",
                tag("strong", _money(portfolio, "gl_principal_minor")),
                ", loans ",
                tag("strong", _money(portfolio, "sum_of_loan_balances_minor")),
            ),
        }
    )
    empty = "No bank statement was imported yet (`hpts bank`)."
    rows = [_bank(one) for one in found["bank_reconciliation"]]
    return join(
        told,
        tag("h3", "Bank accounts", class_="apart"),
        table(_BANK, rows, empty=empty, label="Bank accounts"),
        tag("h3", "Findings that stand", class_="apart"),
        _findings(found.get("findings", [])) or tag("p", "None.", class_="empty"),
    )


def _bank(one: Body) -> tuple[Cell, ...]:
    return (
        one["bank_account_ref"],
        chip(one["status"]),
        _money(one, "difference_minor"),
        str(one.get("unmatched_line_count", "–")),
        str(one.get("unmatched_entry_count", "–")),
        instant(one.get("checked_at")),
    )


async def _unmatched(api: Api) -> Markup:
    """The first of them: whoever has more needs them as JSON."""
    found = await api.get("/bank-statements/unmatched", page_size=PAGE_SIZE)
    rows = [
        (
            one["moved_on"],
            "the bank alone" if one["source"] == "bank" else "the ledger alone",
            one["bank_account_ref"],
            one["direction"],
            _money(one, "amount_minor"),
            one.get("reference"),
            join(one.get("description"), _linked(one.get("journal_entry_id"))),
        )
        for one in found["items"]
    ]
    more = "There are more: GET /v1/bank-statements/unmatched lists all of them."
    return join(
        table(_UNMATCHED, rows, empty="Nothing is unmatched.", label="Unmatched"),
        tag("p", more, class_="small") if found.get("next_page_token") else None,
    )


def _linked(journal_entry_id: str | None) -> Markup | None:
    return None if journal_entry_id is None else join(" entry ", entry(journal_entry_id))


async def _runs(visit: Visit) -> Markup:
    query = visit.query
    found = await visit.session.api.get(
        "/reconciliation/runs",
        order="desc",
        page_size=PAGE_SIZE,
        page_token=query.get("page_token"),
    )
    rows = [
        (
            str(one["run_id"]),
            instant(one["finished_at"]),
            join(chip(one["status"]), " ", one.get("incomplete_because")),
            one.get("trigger"),
            _findings(one["findings"]) or f"{one.get('finding_count', 0)}, none new",
        )
        for one in found["items"]
    ]
    listed = table(_RUNS, rows, empty="No run has ended yet.", label="Runs")
    return join(listed, further("/reconciliation", query, found))


def _findings(findings: list[Body]) -> Markup | None:
    items = [
        tag(
            "li",
            tag("strong", str(one["kind"]).replace("_", " ")),
            ": ",
            one["detail"],
            join(" loan ", loan(one["loan_id"])) if one.get("loan_id") else None,
            _linked(one.get("journal_entry_id")),
        )
        for one in findings
    ]
    return tag("ul", *items, class_="plain wide") if items else None


def _money(body: Body, member: str) -> str:
    """With its currency; without one, as the contract's minor units."""
    currency = body.get("currency")
    if currency:
        return money.with_currency(body[member], currency)
    return f"{int(body[member]):,} minor units"
