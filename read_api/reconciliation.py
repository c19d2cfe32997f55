"""What the independent witness says of the books, and banks of the cash: each tenant its own.

Nothing is compared here: `reconciliation` has done that, and a read only tells when and with what
result. Where it has not for `FRESH_S`, nothing is known, and it says so.
"""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from read_api import bodies, queries
from read_api.bodies import Body
from read_api.freshness import wait_for
from read_api.paging import Pages, Place
from read_api.queries import Ask, Desk
from read_api.store import Row, Snapshot

FRESH_S: Final = 300.0
MOST_FINDINGS: Final = 100
_LAST: Final = 2**62
_PLACE: Final = ("rank", "id", "partition", "seq", "sequence")
"""What `list_unmatched` goes by."""


async def status(desk: Desk, ask: Ask) -> Body:
    """`GET /reconciliation/status`."""
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())

    async def look_up(books: Snapshot) -> Body:
        last = await books.rows("load_last_reconciliation")
        [counted] = await books.rows("count_mismatched_accounts")
        findings = await books.rows("list_standing_findings", most=MOST_FINDINGS)
        rollups = await books.rows("load_rollups")
        banks = await books.rows("list_bank_differences")
        is_fresh = bool(last) and last[0]["age_s"] <= FRESH_S
        return {
            "as_of_date": queries.today().isoformat(),
            "ledger_integrity": {
                "status": _status(is_fresh, is_sound=not counted["finding_count"]),
                "mismatched_account_count": counted["account_count"],
                "checked_at": bodies.instant(last[0]["finished_at"]) if last else None,
            },
            "bank_reconciliation": [_bank(row) for row in banks],
            "portfolio_rollup": _rollup(rollups, ask.values["currency"], is_fresh=is_fresh),
            "findings": [_finding(row) for row in findings],
        }

    return await desk.store.read(ask.tenant_id, look_up)


async def runs(desk: Desk, ask: Ask) -> Body:
    """`GET /reconciliation/runs`: each run that has ended, and what it was the first to find."""
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())
    is_descending = ask.values["order"] == "desc"
    pages = Pages(desk.page_secret, ask.tenant_id, ask.path, {"order": ask.values["order"]})
    token: str | None = ask.values["page_token"]
    [from_run_id] = (_LAST if is_descending else 0,) if token is None else pages.place(token).after
    size: int = ask.values["page_size"]

    async def look_up(books: Snapshot) -> tuple[list[Row], list[Row]]:
        found = await books.rows(
            "list_runs", from_run_id=from_run_id, is_descending=is_descending, most=size + 1
        )
        run_ids = [row["run_id"] for row in found[:size]]
        return found, await books.rows("list_findings_of_runs", run_ids=run_ids)

    found, findings = await desk.store.read(ask.tenant_id, look_up)
    body: Body = {"items": [_run(row, findings) for row in found[:size]]}
    if len(found) > size:
        body["next_page_token"] = pages.token(Place({}, (found[size]["run_id"],)))
    return body


async def unmatched(desk: Desk, ask: Ask) -> Body:
    """`GET /bank-statements/unmatched`: what banks and books do not agree on."""
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())
    pages = Pages(desk.page_secret, ask.tenant_id, ask.path, {})
    token: str | None = ask.values["page_token"]
    place = (0,) * len(_PLACE) if token is None else pages.place(token).after
    size: int = ask.values["page_size"]
    names: dict[str, Any] = {f"from_{name}": at for name, at in zip(_PLACE, place, strict=True)}
    names["from_id"] = UUID(int=names["from_id"])
    rows = await desk.store.read(
        ask.tenant_id, lambda books: books.rows("list_unmatched", **names, most=size + 1)
    )
    body: Body = {"items": [_unmatched(row) for row in rows[:size]]}
    if len(rows) > size:
        first = {**rows[size], "id": rows[size]["id"].int}
        body["next_page_token"] = pages.token(Place({}, tuple(first[name] for name in _PLACE)))
    return body


def _status(is_known: bool, *, is_sound: bool) -> str:
    """A finding counts however old it is; that there is none only while somebody looks."""
    if not is_sound:
        return "mismatch"
    return "ok" if is_known else "unknown"


def _rollup(rows: Sequence[Row], currency: str | None, *, is_fresh: bool) -> Body:
    """Of one currency: the one asked for, else the one with the most principal."""
    of_currency = [row for row in rows if currency in (None, row["currency"])]
    row = of_currency[0] if of_currency else None
    gl_minor = 0 if row is None else int(row["gl_principal_minor"])
    loans_minor = 0 if row is None else int(row["loans_principal_minor"])
    return {
        "status": _status(is_fresh, is_sound=gl_minor == loans_minor),
        "gl_principal_minor": bodies.minor(gl_minor),
        "sum_of_loan_balances_minor": bodies.minor(loans_minor),
        "currency": currency if row is None else row["currency"],
        "checked_at": None if row is None else bodies.instant(row["checked_at"]),
    }


def _bank(row: Row) -> Body:
    unmatched_count = row["unmatched_line_count"] + row["unmatched_entry_count"]
    return {
        "bank_account_ref": row["bank_account_ref"],
        "status": "mismatch" if unmatched_count or row["difference_minor"] else "ok",
        "difference_minor": bodies.minor(row["difference_minor"]),
        "currency": row["currency"],
        "unmatched_line_count": row["unmatched_line_count"],
        "unmatched_entry_count": row["unmatched_entry_count"],
        "checked_at": bodies.instant(row["checked_at"]),
    }


def _run(row: Row, findings: Sequence[Row]) -> Body:
    standing: int = row["finding_count"]
    is_whole = row["incomplete_because"] is None
    return {
        "run_id": row["run_id"],
        "trigger": row["trigger"],
        "started_at": bodies.instant(row["started_at"]),
        "finished_at": bodies.instant(row["finished_at"]),
        "status": "mismatch" if standing else "ok" if is_whole else "incomplete",
        "incomplete_because": row["incomplete_because"],
        "finding_count": standing,
        "findings": [_finding(one) for one in findings if one["found_by"] == row["run_id"]],
    }


def _finding(row: Row) -> Body:
    booked_on = row["booked_on"]
    return {
        "finding_id": row["finding_id"],
        "kind": row["kind"],
        "detail": row["detail"],
        "partition_id": row["partition_id"],
        "entry_seq": row["entry_seq"],
        "journal_entry_id": bodies.text(row["journal_entry_id"]),
        "loan_id": bodies.text(row["loan_id"]),
        "account_code": row["account_code"],
        "currency": row["currency"],
        "layer": row["layer"],
        "booked_on": None if booked_on is None else booked_on.isoformat(),
        "expected": row["expected"],
        "found": row["found"],
        "found_at": bodies.instant(row["found_at"]),
        "cleared_at": bodies.instant(row["cleared_at"]),
    }


def _unmatched(row: Row) -> Body:
    return {
        "source": row["source"],
        "bank_account_ref": row["bank_account_ref"],
        "moved_on": row["moved_on"].isoformat(),
        "direction": row["direction"],
        "amount_minor": bodies.minor(row["amount_minor"]),
        "currency": row["currency"],
        "reference": row["reference"],
        "description": row["description"],
        "journal_entry_id": bodies.text(row["journal_entry_id"]),
    }
