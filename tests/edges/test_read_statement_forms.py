"""A statement as CSV and as a page: every cell, whatever the text in it was meant to do."""

import csv
import io
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from posting_engine.posting.rules import EVENT_KINDS
from read_api import statement_forms

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "&amp;<!--",
    "</td></table><style>*{display:none}</style>",
)


def owed(principal: int, interest: int = 0, fees: int = 0, suspense: int = 0) -> dict[str, str]:
    return {
        "principal_outstanding_minor": str(principal),
        "interest_receivable_minor": str(interest),
        "fees_receivable_minor": str(fees),
        "total_exposure_minor": str(principal + interest + fees),
        "suspense_minor": str(suspense),
    }


def entry(balance: dict[str, str], **changes: Any) -> dict[str, Any]:
    usual = {
        "journal_entry_id": "01a20e3f-6c11-8009-a4da-86692d649f8b",
        "event_type": "payment_received",
        "effective_at": "2026-02-02",
        "posted_at": "2026-02-02T09:12:44.018231Z",
        "description": None,
        "external_ref": None,
        "reverses_entry_id": None,
        "reversed_by_entry_id": None,
        "lines": [],
        "balance": balance,
    }
    return {**usual, **changes}


def statement(*entries: dict[str, Any], currency: str = "USD") -> dict[str, Any]:
    return {
        "loan_id": "1a0a0675-e250-446b-a48d-7d8719bde35e",
        "borrower_id": "4b0a6e0e-51a5-4a3c-8a3c-6f4b4f1c2a57",
        "currency": currency,
        "from_date": "2026-02-01",
        "to_date": "2026-02-28",
        "opening_balance": owed(1_000_00, 8_22),
        "entries": list(entries),
        "closing_balance": entries[-1]["balance"] if entries else owed(1_000_00, 8_22),
    }


def rows_of(told: dict[str, Any]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(statement_forms.csv(told), newline="")))


@pytest.mark.parametrize(
    ("amount_minor", "currency", "written"),
    [
        (0, "USD", "0.00"),
        (5, "USD", "0.05"),
        (-5, "USD", "-0.05"),
        (123_456_789, "USD", "1234567.89"),
        (-100, "JPY", "-100"),
        (1, "BHD", "0.001"),
        (999_999_999_999_999, "USD", "9999999999999.99"),
    ],
)
def test_an_amount_has_exactly_its_currencys_decimals(
    amount_minor: int, currency: str, written: str
) -> None:
    assert statement_forms.decimal(amount_minor, currency) == written


def test_the_csv_has_the_edges_and_a_row_an_entry() -> None:
    opening, paid, closing = rows_of(statement(entry(owed(900_00, 0, 0, 1))))
    assert opening["event_type"] == "opening_balance"
    assert (opening["principal"], opening["interest"]) == ("1000.00", "8.22")
    assert (paid["principal_change"], paid["interest_change"]) == ("-100.00", "-8.22")
    assert (paid["suspense_change"], paid["total_exposure"]) == ("0.01", "900.00")
    assert closing["event_type"] == "closing_balance"
    assert (closing["effective_at"], closing["principal"]) == ("2026-02-28", "900.00")


def test_the_csv_is_as_rfc_4180_has_it() -> None:
    text = statement_forms.csv(statement(entry(owed(0), description='a "b", c\r\nd')))
    assert '"a ""b"", c\r\nd"' in text
    assert text.endswith("\r\n")
    assert rows_of(statement(entry(owed(0), description='a "b", c\r\nd')))[1]["description"] == (
        'a "b", c\r\nd'
    )


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
@pytest.mark.parametrize("member", ["description", "external_ref"])
def test_no_text_in_the_csv_is_a_formula(begins: str, member: str) -> None:
    text = f'{begins}HYPERLINK("x","y")'
    cell = rows_of(statement(entry(owed(0), **{member: text})))[1][member]
    assert cell == f"'{text}"


class Tags(HTMLParser):
    """The tags and the words of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize("text", HOSTILE)
def test_the_page_shows_hostile_text_and_does_nothing_with_it(text: str) -> None:
    told = statement(entry(owed(0), description=text, external_ref=text, event_type=text))
    page = statement_forms.page(told)
    read = Tags(page)
    assert read.words.count(text) == 3
    assert read.tags.isdisjoint({"script", "img", "link", "iframe"})
    assert page.count("<style>") == 1
    assert page.count("<table") == page.count("</table>") == 1


def test_the_page_fetches_nothing() -> None:
    page = statement_forms.page(statement(entry(owed(0))))
    assert not re.search(r"https?:|//|url\(|@import|src=", page)


def printed(page: str) -> str:
    """The rules that hold on paper, however many blocks they stand in."""
    [style] = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    blocks = re.findall(r"@media print\{((?:[^{}]|\{[^{}]*\})*)\}", style)
    assert len(blocks) == style.count("@media print") == 2
    return "".join(blocks)


def test_the_page_is_made_for_paper() -> None:
    page = statement_forms.page(statement(*(entry(owed(n)) for n in range(200))))
    rules = printed(page)
    for rule in (
        "thead{display:table-header-group}",  # the heads of the columns on every sheet
        "tr,dl,figure{break-inside:avoid}",  # no entry across two sheets
        "@page{margin:16mm 14mm}",
        "body{max-width:none;padding:0}",
        ".scroll{overflow:visible}",  # nothing cut off at the edge
        "color-scheme:light",  # no dark paper, whatever the screen was
    ):
        assert rule in rules, rule
    [heads] = re.findall(r"<thead>(.*?)</thead>", page)
    assert re.findall(r"<th [^>]*>([^<]+)</th>", heads) == [
        *("Date", "Event", "Principal", "Interest", "Fees", "Unapplied", "Total owed")
    ]
    [rows] = re.findall(r"<tbody>(.*?)</tbody>", page)
    assert rows.count("<tr") == 200 + 2
    read = Tags(page)
    assert "script" not in read.tags
    policy = dict(statement_forms.PAGE_HEADERS)[b"content-security-policy"]
    assert b"default-src 'none'" in policy
    assert b"script-src" not in policy


def test_the_page_writes_amounts_for_people() -> None:
    told = statement(entry(owed(1_234_567_00, -5, 0), reversed_by_entry_id="x"))
    words = Tags(statement_forms.page(told)).words
    assert "1,234,567.00" in words
    assert "−0.05" in words
    assert "Corrected by a later entry" in words
    assert "1 Feb 2026 to 28 Feb 2026" in words


def test_a_currency_without_decimals_has_none() -> None:
    words = Tags(statement_forms.page(statement(entry(owed(5_000)), currency="JPY"))).words
    assert "5,000" in words
    assert "5,000." not in words


def test_every_event_type_has_a_word_for_borrowers() -> None:
    assert set(statement_forms.EVENT_WORDS) == set(EVENT_KINDS)
