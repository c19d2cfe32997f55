"""`GET /loans/{loan_id}/statement`: what a loan owed, what happened to it, what it owes then.

By effective date, then as posted. Of the loan's present life only: a loan id that was cancelled
and opened anew may have another borrower. The balances count `SETTLED` lines.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from read_api import bodies
from read_api.bodies import Body
from read_api.freshness import wait_for
from read_api.journal import BEHIND_ALL
from read_api.parameters import check_dates, refuse
from read_api.queries import SUB_BALANCE_ACCOUNTS, Ask, Desk, loan_partition, only, today
from read_api.store import Row, Snapshot
from schemas.problems import FieldError

MOST_ENTRIES: Final = 10_000
_RECEIVABLES: Final = ("principal", "interest", "fees")
_NAME_OF: Final = {code: name for name, code in SUB_BALANCE_ACCOUNTS.items()}


@dataclass(frozen=True, slots=True)
class _Found:
    """What the books have for a statement."""

    loan: Row
    before: list[Row]
    entries: list[Row]
    lines: list[Row]


async def statement(desk: Desk, ask: Ask) -> Body:
    """Without `from_date` from the loan's beginning, without `to_date` through today."""
    check_dates(ask.values)
    from_date: date | None = ask.values["from_date"]
    to_date: date | None = ask.values["to_date"]
    names = {"partition_id": await loan_partition(desk, ask), "loan_id": ask.ids["loan_id"]}
    await wait_for(desk.store, least=ask.least, known_at=None, partition_ids=())
    begin = from_date or date.min
    days = {"from_date": begin, "to_date": to_date or max(begin, today())}
    found = await desk.store.read(ask.tenant_id, lambda books: _look_up(books, names, days))
    if len(found.entries) > MOST_ENTRIES:
        fault = f"more than {MOST_ENTRIES} entries: ask for fewer days"
        raise refuse(FieldError("/to_date", "out_of_range", fault))
    return _told(found, from_date, days["to_date"])


async def _look_up(books: Snapshot, names: dict[str, Any], days: dict[str, date]) -> _Found:
    loan = await only(books, "find_loan", names)
    began_seq: int = loan["life_began_seq"]
    before = await books.rows(
        "sum_loan_before", **names, life_began_seq=began_seq, before=days["from_date"]
    )
    entries = await books.rows(
        "list_loan_entries",
        **names,
        **days,
        after_seq=began_seq - 1,
        upto_seq=BEHIND_ALL,
        event_type=None,
        direction=1,
        is_by_date=True,
        most=MOST_ENTRIES + 1,
    )
    seqs = [row["entry_seq"] for row in entries[:MOST_ENTRIES]]
    lines = await books.rows("list_loan_lines", **names, entry_seqs=seqs) if seqs else []
    return _Found(loan, before, entries, lines)


def _told(found: _Found, from_date: date | None, to_date: date) -> Body:
    held_minor = dict.fromkeys(SUB_BALANCE_ACCOUNTS, 0)
    for row in found.before:
        _count(held_minor, row["account_code"], int(row["debit_minor"]))
    opening_balance = _balance(held_minor)
    lines = {
        entry_seq: list(some) for entry_seq, some in groupby(found.lines, itemgetter("entry_seq"))
    }
    entries = []
    for row in found.entries:
        own = lines[row["entry_seq"]]
        _count_lines(held_minor, own)
        entries.append(_entry(row, own, _balance(held_minor)))
    loan = found.loan
    first = entries[0]["effective_at"] if entries else loan["opened_on"].isoformat()
    return {
        "loan_id": str(loan["loan_id"]),
        "borrower_id": str(loan["borrower_id"]),
        "currency": loan["currency"],
        "from_date": min(first, to_date.isoformat())
        if from_date is None
        else from_date.isoformat(),
        "to_date": to_date.isoformat(),
        "opening_balance": opening_balance,
        "entries": entries,
        "closing_balance": _balance(held_minor),
    }


def _entry(row: Row, lines: list[Row], balance: Body) -> Body:
    references = (line["external_ref"] for line in lines if line["external_ref"] is not None)
    return {
        "journal_entry_id": str(row["journal_entry_id"]),
        "event_type": row["event_type"],
        "effective_at": row["effective_on"].isoformat(),
        "posted_at": bodies.instant(row["posted_at"]),
        "description": row["description"],
        "external_ref": next(references, None),
        "reverses_entry_id": bodies.text(row["reverses_entry_id"]),
        "reversed_by_entry_id": bodies.text(row["reversed_by_entry_id"]),
        "lines": [bodies.line(line, line["sequence"]) for line in lines],
        "balance": balance,
    }


def _count_lines(held_minor: dict[str, int], lines: Iterable[Row]) -> None:
    for line in lines:
        if line["layer"] == "SETTLED":
            amount_minor = line["amount_minor"]
            debit_minor = amount_minor if line["direction"] == "DR" else -amount_minor
            _count(held_minor, line["account_code"], debit_minor)


def _count(held_minor: dict[str, int], account_code: str, debit_minor: int) -> None:
    name = _NAME_OF.get(account_code)
    if name is not None:
        held_minor[name] += debit_minor if name in _RECEIVABLES else -debit_minor


def _balance(held_minor: dict[str, int]) -> Body:
    return {
        "principal_outstanding_minor": bodies.minor(held_minor["principal"]),
        "interest_receivable_minor": bodies.minor(held_minor["interest"]),
        "fees_receivable_minor": bodies.minor(held_minor["fees"]),
        "total_exposure_minor": bodies.minor(sum(held_minor[name] for name in _RECEIVABLES)),
        "suspense_minor": bodies.minor(held_minor["suspense"]),
    }
