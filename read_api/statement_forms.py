"""A loan's statement as CSV for spreadsheets and as a page to print. Pure, from the JSON body.

Amounts are written with the currency's decimals. In the CSV they are plain decimals (`-12.50`);
text that a spreadsheet would take for a formula is led by an apostrophe. On the page everything
that comes from outside is escaped.
"""

import csv as csv_module
from html import escape
from io import StringIO
from typing import Final

from read_api import page_frame
from read_api.bodies import Body
from schemas.currencies import MINOR_UNITS

CSV_HEADERS: Final = (
    (b"content-type", b"text/csv; charset=utf-8; header=present"),
    (b"content-disposition", b'attachment; filename="statement.csv"'),
    (b"x-content-type-options", b"nosniff"),
)
PAGE_HEADERS: Final = page_frame.HEADERS

_BALANCES: Final = {
    "principal": "principal_outstanding_minor",
    "interest": "interest_receivable_minor",
    "fees": "fees_receivable_minor",
    "suspense": "suspense_minor",
}
_OWED: Final = "total_exposure_minor"
_COLUMNS: Final = (
    *("effective_at", "posted_at", "event_type", "journal_entry_id", "description"),
    *("external_ref", "currency"),
    *(f"{name}_change" for name in _BALANCES),
    *_BALANCES,
    "total_exposure",
)
_FORMULA_BEGINS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_MONTHS: Final = (
    "Jan",
    "Feb",
    "Mar",
    "Apr",
    "May",
    "Jun",
    "Jul",
    "Aug",
    "Sep",
    "Oct",
    "Nov",
    "Dec",
)
EVENT_WORDS: Final = {
    "disbursement": "Paid out to you",
    "disbursement_settled": "Payout confirmed",
    "accrual": "Interest",
    "payment_received": "Payment",
    "payment_allocated": "Earlier payment applied",
    "payment_returned": "Payment returned by the bank",
    "fee_assessed": "Fee",
    "fee_waived": "Fee waived",
    "chargeoff": "Charged off",
    "recovery": "Payment after charge-off",
    "restructure": "Interest and fees added to principal",
    "refinance": "Refinanced",
    "reversal": "Correction",
    "manual_adjustment": "Adjustment",
}
"""Event type -> what it is called to a borrower."""

_STYLE: Final = (
    "header{display:flex;flex-wrap:wrap;justify-content:space-between;gap:.5rem 2rem;"
    "align-items:baseline;border-bottom:2px solid var(--ink);padding-bottom:.75rem}"
    "header p{margin:0;font-size:1.05rem}"
    "dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(13rem,1fr));gap:1rem 2rem;"
    "margin:1.25rem 0 0}dt{color:var(--soft);font-size:.8125rem}dd{margin:0}"
    ".ids{display:flex;flex-wrap:wrap;justify-content:space-between;gap:.75rem 2rem}"
    ".ids dd{font-size:.8125rem;font-variant-numeric:tabular-nums}"
    ".sums{grid-template-columns:repeat(auto-fit,minmax(7.5rem,1fr));gap:1rem;background:var(--wash);"
    "border-radius:8px;padding:1rem 1.25rem;margin:1.5rem 0 1rem;print-color-adjust:exact}"
    ".sums dd{font-size:1.125rem;font-weight:600;font-variant-numeric:tabular-nums}"
    ".entries{font-size:.9rem}.entries th{border-bottom-color:var(--soft);vertical-align:bottom}"
    ".n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums;padding-right:0;"
    "padding-left:.75rem}"
    ".entries :is(th,td):first-child{padding-left:.5rem}"
    ".entries :is(th,td):last-child{padding-right:.5rem}"
    ".date{white-space:nowrap}.entries .soft{display:block;font-size:.8125rem}"
    ".total{font-weight:600}.line td{background:var(--wash);print-color-adjust:exact}"
    "footer{margin-top:1.5rem;font-size:.8125rem;color:var(--soft)}"
    ".scroll{overflow-x:auto}"
    "@media print{.entries td{padding-top:.35rem;padding-bottom:.35rem}.scroll{overflow:visible}}"
    "@media screen and (max-width:40rem){.entries{min-width:40rem}}"
)


def csv(statement: Body) -> str:
    """RFC 4180: a header, the opening balance, a row an entry, the closing balance."""
    text = StringIO()
    writer = csv_module.writer(text, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    currency: str = statement["currency"]
    before = statement["opening_balance"]
    writer.writerow(_edge_row(statement["from_date"], "opening_balance", currency, before))
    for entry in statement["entries"]:
        after = entry["balance"]
        told = (entry["description"], entry["external_ref"])
        writer.writerow(
            (
                *(entry["effective_at"], entry["posted_at"], entry["event_type"]),
                *(entry["journal_entry_id"], *map(_safe, told), currency),
                *(decimal(_change(before, after, name), currency) for name in _BALANCES.values()),
                *_amounts(after, currency),
            )
        )
        before = after
    closing = statement["closing_balance"]
    writer.writerow(_edge_row(statement["to_date"], "closing_balance", currency, closing))
    return text.getvalue()


def _edge_row(day: str, what: str, currency: str, balance: Body) -> tuple[str, ...]:
    empty = ("",) * len(_BALANCES)
    return (day, "", what, "", "", "", currency, *empty, *_amounts(balance, currency))


def _amounts(balance: Body, currency: str) -> list[str]:
    return [decimal(int(balance[name]), currency) for name in (*_BALANCES.values(), _OWED)]


def _safe(text: str | None) -> str:
    """Text that no spreadsheet takes for a formula."""
    if text is None:
        return ""
    return f"'{text}" if text.startswith(_FORMULA_BEGINS) else text


def decimal(amount_minor: int, currency: str, *, thousands: str = "", minus: str = "-") -> str:
    """An amount in the currency's major unit, with exactly its decimals."""
    places = MINOR_UNITS.get(currency, 0)
    whole, rest = divmod(abs(amount_minor), 10**places)
    digits = f"{whole:,}".replace(",", thousands)
    fraction = f".{rest:0{places}}" if places else ""
    return f"{minus if amount_minor < 0 else ''}{digits}{fraction}"


def page(statement: Body) -> str:
    """A page fit to print and to send to the borrower."""
    first, last = shown_date(statement["from_date"]), shown_date(statement["to_date"])
    content = (
        f"<header><h1>Loan statement</h1><p>{first} to {last}</p></header>"
        f"{_facts(statement)}{_sums(statement)}{_table(statement)}"
        f"<footer>Amounts in {escape(statement['currency'])}. By the day an event counts; "
        "a correction is an entry of its own. “Unapplied” is money received that has not been "
        "applied to anything owed yet.</footer>"
    )
    return page_frame.page(f"Loan statement, {first} to {last}", content, _STYLE)


def shown_date(day: str) -> str:
    """`2026-02-01` as `1 Feb 2026`."""
    year, month, number = day.split("-")
    return f"{int(number)} {_MONTHS[int(month) - 1]} {year}"


def _facts(statement: Body) -> str:
    facts = {
        "Loan": statement["loan_id"],
        "Borrower": statement["borrower_id"],
        "Currency": statement["currency"],
    }
    told = "".join(f"<div><dt>{name}</dt><dd>{escape(of)}</dd></div>" for name, of in facts.items())
    return f'<dl class="ids">{told}</dl>'


def _sums(statement: Body) -> str:
    currency, closing = statement["currency"], statement["closing_balance"]
    sums = {
        "Total owed": closing[_OWED],
        "Principal": closing["principal_outstanding_minor"],
        "Interest": closing["interest_receivable_minor"],
        "Fees": closing["fees_receivable_minor"],
        "Unapplied": closing["suspense_minor"],
    }
    told = "".join(
        f"<div><dt>{name}</dt><dd>{_shown(int(amount), currency)}</dd></div>"
        for name, amount in sums.items()
    )
    return f'<dl class="sums">{told}</dl>'


def _table(statement: Body) -> str:
    currency, before = statement["currency"], statement["opening_balance"]
    rows = [_edge(statement["from_date"], "Balance brought forward", before, currency)]
    for entry in statement["entries"]:
        rows.append(_row(entry, before, currency))
        before = entry["balance"]
    rows.append(_edge(statement["to_date"], "Closing balance", before, currency))
    names = ("Principal", "Interest", "Fees", "Unapplied", "Total owed")
    heads = "".join(f'<th scope="col" class="n">{name}</th>' for name in names)
    return (
        '<div class="scroll"><table class="entries"><thead><tr><th scope="col">Date</th>'
        f'<th scope="col">Event</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _edge(day: str, what: str, balance: Body, currency: str) -> str:
    amounts = "".join(
        f'<td class="n">{_shown(int(balance[name]), currency)}</td>' for name in _BALANCES.values()
    )
    return (
        f'<tr class="line total"><td class="date">{shown_date(day)}</td><td>{what}</td>{amounts}'
        f'<td class="n">{_shown(int(balance[_OWED]), currency)}</td></tr>'
    )


def _row(entry: Body, before: Body, currency: str) -> str:
    after = entry["balance"]
    changes = (_change(before, after, name) for name in _BALANCES.values())
    amounts = "".join(
        f'<td class="n">{_shown(change, currency) if change else ""}</td>' for change in changes
    )
    texts: tuple[str | None, ...] = (entry["description"], entry["external_ref"])
    notes = [escape(text) for text in texts if text is not None]
    if entry["reversed_by_entry_id"] is not None:
        notes.append("Corrected by a later entry")
    told = f'<span class="soft">{" · ".join(notes)}</span>' if notes else ""
    event_type: str = entry["event_type"]
    return (
        f'<tr><td class="date">{shown_date(entry["effective_at"])}</td>'
        f"<td>{escape(EVENT_WORDS.get(event_type, event_type))}{told}</td>{amounts}"
        f'<td class="n total">{_shown(int(after[_OWED]), currency)}</td></tr>'
    )


def _shown(amount_minor: int, currency: str) -> str:
    return decimal(amount_minor, currency, thousands=",", minus="−")


def _change(before: Body, after: Body, name: str) -> int:
    return int(after[name]) - int(before[name])
