"""Listings of the filled ledger: each tells exactly what plain SQL finds, page by page."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from random import Random
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest

from read_api import loans, periods, queries, statement, whole_journal
from read_api.bodies import Body, instant
from read_api.paging import Pages, Place
from read_api.queries import Ask, Desk
from schemas.partitioning import partition_of_loan
from schemas.problems import ProblemError
from tests.books.filled_ledger import SEED, FilledLedger, trial_balance
from tests.books.ledger import PARTITIONS
from tests.books.mixed_books import BORROWERS, TENANTS
from tests.books.second_way import SecondWay

NO_FILTER = dict.fromkeys(
    ("from_date", "to_date", "event_type", "account_code", "external_ref", "page_token")
)
FILTERS: list[dict[str, Any]] = [
    {},
    {"event_type": "recovery"},
    {"event_type": "no_such_event"},
    {"account_code": "4100"},
    {"external_ref": "ref-a"},
    {"external_ref": "=1+1", "event_type": "payment_received"},
    {"external_ref": "never given"},
    {"from_date": date(2026, 2, 3), "to_date": date(2026, 2, 20)},
    {"from_date": date(2026, 3, 1), "account_code": "1200", "event_type": "reversal"},
]

FIND_ENTRIES: LiteralString = """
    SELECT e.journal_entry_id::text, e.part
    FROM hpts.journal_entries AS e
    WHERE e.tenant_id = %(tenant_id)s
      AND e.effective_on BETWEEN coalesce(%(from_date)s, '-infinity'::date)
          AND coalesce(%(to_date)s, 'infinity'::date)
      AND (%(event_type)s::text IS NULL OR e.event_type = %(event_type)s)
      AND EXISTS (
          SELECT FROM hpts.journal_lines AS l
          WHERE l.partition_id = e.partition_id AND l.entry_seq = e.entry_seq
            AND (%(account_code)s::text IS NULL OR l.account_code = %(account_code)s)
      )
      AND EXISTS (
          SELECT FROM hpts.journal_lines AS l
          WHERE l.partition_id = e.partition_id AND l.entry_seq = e.entry_seq
            AND (%(external_ref)s::text IS NULL OR l.external_ref = %(external_ref)s)
      )
    ORDER BY e.posted_at, e.partition_id, e.entry_seq
"""


@pytest.fixture
def admin(filled_ledger: FilledLedger) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(filled_ledger.admin_dsn) as connection:
        yield connection


def ask(tenant_id: UUID, path: str, ids: dict[str, Any] | None = None, **values: Any) -> Ask:
    return Ask(tenant_id, path, ids or {}, values, {})


def journal_pages(filled_ledger: FilledLedger, tenant_id: UUID, **values: Any) -> list[Body]:
    """Every page of a tenant's journal."""

    async def turn_all(store: Any) -> list[Body]:
        desk = Desk(store, b"a secret")
        pages: list[Body] = []
        token = None
        while not pages or token is not None:
            given = {**NO_FILTER, "order": "asc", "page_size": 100, **values, "page_token": token}
            page = await whole_journal.whole_journal(desk, ask(tenant_id, "/v1/x", **given))
            token = page.get("next_page_token")
            pages.append(page)
        return pages

    return filled_ledger.read(turn_all)


def told(pages: list[Body]) -> list[tuple[str, int]]:
    return [(item["journal_entry_id"], item["part"]) for page in pages for item in page["items"]]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("number", range(len(FILTERS)))
def test_a_tenants_journal_is_told_once_in_the_order_posted(
    filled_ledger: FilledLedger, admin: psycopg.Connection[Any], number: int, order: str
) -> None:
    filters = FILTERS[number]
    for tenant_id in TENANTS:
        names = {**NO_FILTER, **filters, "tenant_id": tenant_id}
        expected = admin.execute(FIND_ENTRIES, names).fetchall()
        expected = expected if order == "asc" else expected[::-1]
        for size in (7, 120):
            pages = journal_pages(filled_ledger, tenant_id, order=order, page_size=size, **filters)
            assert told(pages) == expected
            assert all(len(page["items"]) == size for page in pages[:-1])
            assert pages[-1]["items"] or len(pages) == 1


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_that_are_cut_short_skip_and_repeat_nothing(
    filled_ledger: FilledLedger, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    whole = told(journal_pages(filled_ledger, TENANTS[0], order=order, event_type="accrual"))
    everything = told(journal_pages(filled_ledger, TENANTS[0], order=order))
    monkeypatch.setattr(whole_journal, "MOST_SEARCH_S", 0.0)
    monkeypatch.setattr(whole_journal, "MOST_LINES", 40)
    pages = journal_pages(filled_ledger, TENANTS[0], order=order, event_type="accrual", page_size=3)
    assert told(pages) == whole
    assert any(len(page["items"]) < 3 for page in pages[:-1])
    assert told(journal_pages(filled_ledger, TENANTS[0], order=order)) == everything


def test_all_lines_of_the_listing_make_the_trial_balance(filled_ledger: FilledLedger) -> None:
    sides: dict[tuple[str, str, str], list[int]] = {}
    for page in journal_pages(filled_ledger, TENANTS[1], page_size=500):
        for line in (line for item in page["items"] for line in item["lines"]):
            key = (line["account_code"], line["currency"], line["layer"])
            place = sides.setdefault(key, [0, 0])
            place[line["direction"] == "CR"] += int(line["amount_minor"])
    assert {key: tuple(of) for key, of in sides.items()} == trial_balance(filled_ledger, TENANTS[1])


def test_reversed_parts_name_their_reversal(filled_ledger: FilledLedger) -> None:
    items = [
        item
        for page in journal_pages(filled_ledger, TENANTS[0], page_size=500)
        for item in page["items"]
    ]
    reversing = {item["journal_entry_id"]: item["reverses_entry_id"] for item in items}
    named = [item for item in items if item["reversed_by_entry_id"] is not None]
    assert {item["event_type"] for item in named} >= {"refinance", "accrual", "payment_received"}
    for item in named:
        assert reversing[item["reversed_by_entry_id"]] == item["journal_entry_id"]
    returned = {x["reverses_entry_id"] for x in items if x["event_type"] == "payment_returned"}
    by_id = {item["journal_entry_id"]: item for item in items}
    assert returned
    assert all(by_id[one]["reversed_by_entry_id"] for one in returned)


async def turn_loans(store: Any, token: str | None = None, **values: Any) -> list[Body]:
    """The pages of a tenant's loans, from a token on."""
    pages: list[Body] = []
    given = {"borrower_id": None, "status": None, "order": "asc", "page_size": 4, **values}
    while not pages or token is not None:
        one = ask(TENANTS[0], "/v1/loans", **given, page_token=token)
        pages.append(await loans.loans(Desk(store, b"a secret"), one))
        token = pages[-1].get("next_page_token")
    return pages


def loan_ids(pages: list[Body]) -> list[str]:
    return [item["loan_id"] for page in pages for item in page["items"]]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("most_search_s", [2.0, 0.0])
@pytest.mark.parametrize("status", [None, "active", "refinanced", "cancelled"])
@pytest.mark.parametrize("borrower_id", [None, BORROWERS[1]])
def test_loans_are_told_once_by_their_ids(
    filled_ledger: FilledLedger,
    monkeypatch: pytest.MonkeyPatch,
    status: str | None,
    borrower_id: UUID | None,
    most_search_s: float,
    order: str,
) -> None:
    monkeypatch.setattr(loans, "MOST_SEARCH_S", most_search_s)
    expected = sorted(
        str(loan.loan_id)
        for loan in filled_ledger.mixed.loans.values()
        if loan.tenant_id == TENANTS[0] and loan.life
        if status in (None, loan.status) and borrower_id in (None, loan.borrower_id)
    )
    expected = expected if order == "asc" else expected[::-1]
    filters = {"status": status, "borrower_id": borrower_id, "order": order}
    pages = filled_ledger.read(lambda store: turn_loans(store, **filters))
    assert loan_ids(pages) == expected
    assert expected or borrower_id or status


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("borrower_id", [None, BORROWERS[1]])
def test_the_first_page_fixes_which_loans_the_listing_has(
    filled_ledger: FilledLedger, borrower_id: UUID | None, order: str
) -> None:
    """As if the first page had been read when half of the books were not there yet."""
    second_way = SecondWay(filled_ledger.mixed)
    half = max(entry_seq for _, entry_seq in filled_ledger.mixed.placed) // 2
    filters = {"borrower_id": borrower_id, "status": None, "order": order}
    pages = Pages(b"a secret", TENANTS[0], "/v1/loans", filters)
    begin = 2**128 - 1 if order == "desc" else 0
    token = pages.token(Place(dict.fromkeys(range(PARTITIONS), half), (begin,)))
    told = filled_ledger.read(lambda store: turn_loans(store, token, **filters))
    opened = {
        key: lives[0].loan.life_began_seq <= half
        for key, lives in second_way.lives.items()
        if key[0] == TENANTS[0]
        and borrower_id in (None, filled_ledger.mixed.loans[key].borrower_id)
    }
    ids = sorted(str(loan_id) for (_, loan_id), was_there in opened.items() if was_there)
    assert loan_ids(told) == (ids if order == "asc" else ids[::-1])
    assert borrower_id or 0 < len(ids) < len(opened)
    reopened = [
        key
        for key, lives in second_way.lives.items()
        if opened.get(key) and lives[-1].loan.life_began_seq > half
    ]
    assert reopened or borrower_id


def test_a_loan_that_is_only_reserved_is_unseen(
    filled_ledger: FilledLedger, admin: psycopg.Connection[Any]
) -> None:
    reserved = UUID("10a40000-0000-4000-8000-0000000000aa")
    partition_id = partition_of_loan(TENANTS[0], reserved, PARTITIONS)
    admin.execute(
        "INSERT INTO hpts.loans SELECT partition_id, tenant_id, %s, borrower_id, 'XXX',"
        " 'cancelled', opened_on,"
        " 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL, 0, 0, false, %s, 1, now()"
        " FROM hpts.loans WHERE partition_id = %s AND tenant_id = %s LIMIT 1",
        (reserved, reserved, partition_id, TENANTS[0]),
    )
    admin.commit()
    one = ask(TENANTS[0], "", {"loan_id": reserved}, as_of_date=None, known_at=None)
    for read in (queries.loan, queries.loan_balance):
        with pytest.raises(ProblemError) as refused:
            filled_ledger.read(lambda store, read=read: read(Desk(store, b""), one))  # type: ignore[misc]
        assert refused.value.problem.code == "not_found"
    admin.execute("DELETE FROM hpts.loans WHERE loan_id = %s", (reserved,))


def test_a_statement_begins_and_ends_with_the_balances_of_those_days(
    filled_ledger: FilledLedger,
) -> None:
    chance = Random(SEED)
    living = [loan for loan in filled_ledger.mixed.loans.values() if loan.life]
    reopened = [loan for loan in living if loan.life > 1]
    assert reopened
    for loan in chance.sample(living, 40) + reopened:
        from_date, to_date = sorted(
            date(2026, chance.randrange(1, 7), chance.randrange(1, 28)) for _ in range(2)
        )
        ids = {"loan_id": loan.loan_id}
        asked = ask(loan.tenant_id, "", ids, from_date=from_date, to_date=to_date)
        found = filled_ledger.read(lambda s, a=asked: statement.statement(Desk(s, b""), a))  # type: ignore[misc]
        before = balance_at(filled_ledger, loan.tenant_id, loan.loan_id, from_date, -1)
        after = balance_at(filled_ledger, loan.tenant_id, loan.loan_id, to_date, 0)
        assert found["opening_balance"] == {name: before[name] for name in found["opening_balance"]}
        assert found["closing_balance"] == {name: after[name] for name in found["closing_balance"]}
        days = [entry["effective_at"] for entry in found["entries"]]
        assert days == sorted(days)
        assert all(from_date.isoformat() <= day <= to_date.isoformat() for day in days)


def balance_at(
    filled_ledger: FilledLedger, tenant_id: UUID, loan_id: UUID, day: date, shift: int
) -> Body:
    as_of = date.fromordinal(day.toordinal() + shift)
    one = ask(tenant_id, "", {"loan_id": loan_id}, as_of_date=as_of, known_at=None)
    return filled_ledger.read(lambda store: queries.loan_balance(Desk(store, b""), one))


def read_months(filled_ledger: FilledLedger, tenant_id: UUID, **values: Any) -> Body:
    """A page of a tenant's months."""
    given = {"order": "asc", "page_size": 100, "page_token": None, **values}
    asked = ask(tenant_id, "/v1/periods", **given)
    return filled_ledger.read(lambda store: periods.periods(Desk(store, b"a secret"), asked))


def test_months_are_closed_once_every_partition_has_applied_the_close(
    filled_ledger: FilledLedger, admin: psycopg.Connection[Any]
) -> None:
    for tenant_id in TENANTS:
        closed = [day for tenant, day in filled_ledger.at_close if tenant == tenant_id]
        items = read_months(filled_ledger, tenant_id)["items"]
        assert [x["period"] for x in items if x["status"] == "closed"][-1] == f"{max(closed):%Y-%m}"
        assert items[-1]["period"] == f"{datetime.now(UTC):%Y-%m}"
        [first] = admin.execute(
            "SELECT min(booked_on) FROM hpts.account_days WHERE tenant_id = %s", (tenant_id,)
        ).fetchall()
        assert items[0]["period"] == f"{first[0]:%Y-%m}"
        assert [x["period"] for x in items] == sorted(x["period"] for x in items)
        for day in closed:
            [applied] = admin.execute(
                "SELECT max(closed_at) FROM hpts.period_closes"
                " WHERE tenant_id = %s AND closed_through = %s",
                (tenant_id, day),
            ).fetchall()
            [item] = [x for x in items if x["period"] == f"{day:%Y-%m}"]
            assert item["closed_at"] == instant(applied[0])


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("page_size", [1, 2, 5])
def test_months_are_told_once_page_by_page(
    filled_ledger: FilledLedger, page_size: int, order: str
) -> None:
    told: list[Body] = []
    token = None
    while not told or token is not None:
        page = read_months(
            filled_ledger, TENANTS[1], order=order, page_size=page_size, page_token=token
        )
        assert len(page["items"]) <= page_size
        told, token = told + page["items"], page.get("next_page_token")
    whole = read_months(filled_ledger, TENANTS[1])["items"]
    assert told == (whole if order == "asc" else whole[::-1])


def test_an_entry_of_the_year_1_makes_no_long_answer(
    filled_ledger: FilledLedger, admin: psycopg.Connection[Any]
) -> None:
    newcomer = UUID("7d3ffb8e-6d2b-4f37-8fd2-6d33b6b2a0c9")
    admin.execute(
        "INSERT INTO hpts.account_days VALUES"
        " (0, %s, '4000', 'USD', 'SETTLED', '0001-01-05', '2026-01-05', 1, 1),"
        " (0, %s, '1000', 'USD', 'SETTLED', '2026-01-05', '2026-01-05', 1, 1)",
        (newcomer, newcomer),
    )
    admin.commit()
    for order, begin in (("asc", "0001-01"), ("desc", f"{datetime.now(UTC):%Y-%m}")):
        body = read_months(filled_ledger, newcomer, order=order)
        assert (len(body["items"]), body["items"][0]["period"]) == (100, begin)
        assert body["next_page_token"]
    admin.execute("DELETE FROM hpts.account_days WHERE tenant_id = %s", (newcomer,))
