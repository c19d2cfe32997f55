"""A second, independent way to the balances: plain sums of lines by the three dates.

In a ledger with thousands of mixed, backdated events and closes between, what the read edge's own
statements answer for any pair of dates is held against those sums, and against what the engine
had of each loan at the time. `HPTS_ASOF_SAMPLES` says how many pairs are drawn; the API itself
is asked for as many in `test_reads_agree_over_http.py`.
"""

import os
from bisect import bisect
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest

from posting_engine.posting.loan import Loan
from read_api import queries, standing
from read_api.store import Snapshot, Store
from schemas.chart_of_accounts import CHART
from schemas.commands import LAYERS
from schemas.partitioning import partition_of_loan
from schemas.problems import ProblemError
from tests.books.filled_ledger import SEED, FilledLedger, Sides, trial_balance
from tests.books.ledger import PARTITIONS
from tests.books.mixed_books import TENANTS
from tests.books.second_way import Life, SecondWay, put_samples

SAMPLES = int(os.environ.get("HPTS_ASOF_SAMPLES", "10000"))
SUB_BALANCES = {
    "1100": ("principal_minor", 1),
    "1200": ("interest_minor", 1),
    "1300": ("fees_minor", 1),
    "2100": ("suspense_minor", -1),
    "2000": ("unsettled_minor", -1),
}

SUM_LOANS: LiteralString = """
    SELECT s.number, l.account_code,
           sum(l.amount_minor * CASE l.direction WHEN 'DR' THEN 1 ELSE -1 END)
    FROM samples AS s
    JOIN hpts.journal_lines AS l ON l.tenant_id = s.tenant_id AND l.loan_id = s.loan_id
        AND l.entry_seq >= s.life_began_seq AND l.layer = 'SETTLED'
    JOIN hpts.journal_entries AS e
        ON e.partition_id = l.partition_id AND e.entry_seq = l.entry_seq
        AND e.effective_on <= s.as_of AND e.posted_at <= s.known_at
    GROUP BY s.number, l.account_code
"""
SUM_ACCOUNTS: LiteralString = """
    SELECT l.account_code, l.currency, l.layer,
           coalesce(sum(l.amount_minor) FILTER (WHERE l.direction = 'DR'), 0),
           coalesce(sum(l.amount_minor) FILTER (WHERE l.direction = 'CR'), 0)
    FROM hpts.journal_lines AS l
    JOIN hpts.journal_entries AS e USING (partition_id, entry_seq)
    WHERE e.tenant_id = %s AND e.booked_on <= %s AND e.posted_at <= %s
    GROUP BY l.account_code, l.currency, l.layer
"""


@pytest.fixture
def admin(filled_ledger: FilledLedger) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(filled_ledger.admin_dsn) as connection:
        yield connection
        connection.rollback()


def test_the_books_hold_everything_that_can_happen(filled_ledger: FilledLedger) -> None:
    taken = filled_ledger.mixed.taken
    events = set(taken) - {"posted", "rejected"}
    assert len(events) == 14, events
    assert taken["posted"] > 1_000
    assert {loan.status for loan in filled_ledger.mixed.loans.values()} == {
        *("active", "paid_off", "charged_off", "refinanced", "cancelled")
    }
    assert max(loan.life for loan in filled_ledger.mixed.loans.values()) > 1
    assert len(filled_ledger.at_close) >= 6


def instants(filled_ledger: FilledLedger, chance: Random) -> list[datetime]:
    """Instants at which something was posted, and a moment before and after."""
    told = [one.known_at for one in filled_ledger.mixed.told]
    posted = [e.posted_at for entries in filled_ledger.mixed.entries.values() for e in entries]
    chosen = chance.sample(told + posted, 400)
    moments = (timedelta(), timedelta(microseconds=1), timedelta(microseconds=-1))
    return [one + chance.choice(moments) for one in chosen]


async def read_loans(store: Store, asked: list[tuple[Any, ...]]) -> list[dict[str, Any] | None]:
    """What the read edge answers to each (tenant, loan, as_of, known_at); None for 404."""
    answers: list[dict[str, Any] | None] = [None] * len(asked)

    async def look(books: Snapshot, numbers: list[int]) -> None:
        for number in numbers:
            tenant_id, loan_id, as_of, known_at = asked[number]
            partition_id = partition_of_loan(tenant_id, loan_id, PARTITIONS)
            names = {"partition_id": partition_id, "loan_id": loan_id}
            with suppress(ProblemError):
                answers[number] = await queries.loan_at(books, names, as_of, known_at)

    for tenant_id in TENANTS:
        numbers = [number for number, ask in enumerate(asked) if ask[0] == tenant_id]
        for begin in range(0, len(numbers), 200):
            some = numbers[begin : begin + 200]
            await store.read(tenant_id, lambda books, some=some: look(books, some))  # type: ignore[misc]
    return answers


def drawn(
    filled_ledger: FilledLedger, second_way: SecondWay, chance: Random
) -> list[tuple[UUID, UUID, date, datetime]]:
    """Tenant, loan, as_of and known_at: most of loans that were there, as of some day near it."""
    known = sorted(instants(filled_ledger, chance))
    asked = []
    for _ in range(SAMPLES):
        key = chance.choice(list(filled_ledger.mixed.loans))
        lives = second_way.lives[key]
        since = known
        if lives and chance.random() < 0.95:
            began_at = chance.choice(lives).began_at
            since = known[bisect(known, began_at) :] or [began_at]
        known_at = chance.choice(since)
        days_back = chance.choice((0, 0, 1, 3, 10, 30, 60, 90, 150, -40))
        as_of = chance.choice((date.max, *[known_at.date() - timedelta(days=days_back)] * 9))
        asked.append((*key, as_of, known_at))
    return asked


def summed_loans(
    admin: psycopg.Connection[Any], asked: list[tuple[Any, ...]], lives: list[Life | None]
) -> list[dict[str, int]]:
    """The sub-balances of each loan that was there: sums of the lines of the life it was in."""
    put_samples(admin, asked, lives)
    sums = [{name: 0 for name, _ in SUB_BALANCES.values()} for _ in asked]
    for number, account_code, debit_minor in admin.execute(SUM_LOANS):
        if account_code in SUB_BALANCES:
            name, side = SUB_BALANCES[account_code]
            sums[number][name] = side * int(debit_minor)
    return sums


@pytest.mark.slow
def test_a_loan_at_any_pair_of_dates_is_the_sum_of_its_lines(
    filled_ledger: FilledLedger, admin: psycopg.Connection[Any]
) -> None:
    second_way = SecondWay(filled_ledger.mixed)
    asked = drawn(filled_ledger, second_way, Random(SEED))
    answers = filled_ledger.read(lambda store: read_loans(store, asked))
    lives = [second_way.life_at(ask[:2], ask[3]) for ask in asked]
    sums = summed_loans(admin, asked, lives)
    seen: Counter[str] = Counter()
    for ask, answer, life, summed in zip(asked, answers, lives, sums, strict=True):
        tenant_id, loan_id, as_of, known_at = ask
        assert (answer is None) == (life is None), ask
        if answer is None or life is None:
            continue
        assert {name: int(answer[name]) for name in summed} == summed, ask
        assert answer["status"] == second_way.status_at((tenant_id, loan_id), as_of, known_at), ask
        assert answer["currency"] == life.loan.currency, ask
        assert answer["borrower_id"] == life.loan.borrower_id, ask
        seen.update(("answered", answer["status"]))
        seen["with something effective"] += answer["last_activity_at"] is not None
        seen["below zero"] += min(summed.values()) < 0
        seen["in a later life"] += life.loan.life > 1
        seen["in an earlier life"] += life != second_way.lives[tenant_id, loan_id][-1]
    assert seen["answered"] > 0.9 * SAMPLES, seen
    assert seen["with something effective"] > 0.7 * SAMPLES, seen
    rare = ("active", "paid_off", "charged_off", "refinanced", "cancelled")
    rare += ("below zero", "in a later life", "in an earlier life")
    assert min(seen[one] for one in rare) > SAMPLES // 200, seen


def test_a_life_begins_at_the_entry_with_which_the_engine_opened_the_loan(
    filled_ledger: FilledLedger,
) -> None:
    codes = list(SUB_BALANCES)

    async def derived(store: Store, key: tuple[UUID, UUID], known_at: datetime) -> int:
        names = {"partition_id": partition_of_loan(*key, PARTITIONS), "loan_id": key[1]}
        names |= {"known_at": known_at, "account_codes": codes}
        rows = await store.read(key[0], lambda books: books.rows("list_loan_history", **names))
        return standing.last_life_began(rows)

    all_lives = SecondWay(filled_ledger.mixed).lives
    for key, lives in all_lives.items():
        ends = [life.began_at - timedelta(microseconds=1) for life in lives]
        for number, known_at in enumerate([*ends, queries.END_OF_TIME]):
            began_seq = lives[number - 1].loan.life_began_seq if number else 0
            found = filled_ledger.read(lambda s, k=key, at=known_at: derived(s, k, at))  # type: ignore[misc]
            assert found == began_seq, (key, known_at)
    assert sum(len(lives) > 1 for lives in all_lives.values()) > 5


def test_at_any_instant_a_loan_was_what_the_engine_had_of_it(filled_ledger: FilledLedger) -> None:
    told = Random(SEED).sample(filled_ledger.mixed.told, 1_000)
    asked = [(one.loan.tenant_id, one.loan.loan_id, date.max, one.known_at) for one in told]
    answers = filled_ledger.read(lambda store: read_loans(store, asked))
    for one, answer in zip(told, answers, strict=True):
        assert (answer is None) == (one.loan.life == 0)
        if answer is not None:
            assert as_told(answer) == as_had(one.loan), one


def test_everything_posted_says_the_same_with_and_without_dates(
    filled_ledger: FilledLedger,
) -> None:
    loans = [loan for loan in filled_ledger.mixed.loans.values() if loan.life]
    asked = [(x.tenant_id, x.loan_id, date.max, queries.END_OF_TIME) for x in loans]
    answers = filled_ledger.read(lambda store: read_loans(store, asked))
    assert [None if a is None else as_told(a) for a in answers] == [as_had(x) for x in loans]


def as_told(answer: dict[str, Any]) -> dict[str, Any]:
    balances = {name: int(answer[name]) for name, _ in SUB_BALANCES.values()}
    names = ("status", "currency", "borrower_id", "last_activity_at")
    return balances | {name: answer[name] for name in names}


def as_had(loan: Loan) -> dict[str, Any]:
    names = [name for name, _ in SUB_BALANCES.values()]
    names += ["status", "currency", "borrower_id", "last_activity_at"]
    return {name: getattr(loan, name) for name in names}


def summed_accounts(
    admin: psycopg.Connection[Any], tenant_id: UUID, as_of: date, known_at: datetime
) -> Sides:
    rows = admin.execute(SUM_ACCOUNTS, (tenant_id, as_of, known_at)).fetchall()
    return {row[:3]: (int(row[3]), int(row[4])) for row in rows}


def test_trial_balances_at_any_pair_of_dates_are_the_sums_of_all_lines(
    filled_ledger: FilledLedger, admin: psycopg.Connection[Any]
) -> None:
    chance = Random(SEED)
    known = instants(filled_ledger, chance)
    for _ in range(max(20, SAMPLES // 100)):
        tenant_id = chance.choice(TENANTS)
        as_of = date(2025, 12, 20) + timedelta(days=chance.randrange(240))
        known_at = chance.choice(known)
        expected = summed_accounts(admin, tenant_id, as_of, known_at)
        assert trial_balance(filled_ledger, tenant_id, known_at, as_of=as_of) == expected
        for currency in ("USD", "EUR"):
            for layer in LAYERS:
                pair = {k: v for k, v in expected.items() if k[1:] == (currency, layer)}
                assert sum(v[0] for v in pair.values()) == sum(v[1] for v in pair.values())
        narrowed: dict[str, Any] = {
            "currency": chance.choice(("USD", "EUR")),
            "layer": chance.choice(LAYERS),
        }
        code = chance.choice(sorted(CHART))
        key = (code, narrowed["currency"], narrowed["layer"])
        one = trial_balance(
            filled_ledger, tenant_id, known_at, as_of=as_of, account_code=code, **narrowed
        )
        assert one.get(key, (0, 0)) == expected.get(key, (0, 0))


def test_without_known_at_everything_applied_counts(
    filled_ledger: FilledLedger, admin: psycopg.Connection[Any]
) -> None:
    for tenant_id in TENANTS:
        for as_of in (date(2026, 2, 28), date.max):
            expected = summed_accounts(admin, tenant_id, as_of, datetime(2999, 1, 1, tzinfo=UTC))
            assert trial_balance(filled_ledger, tenant_id, as_of=as_of) == expected


def test_the_trial_balance_of_a_closed_month_never_changes(filled_ledger: FilledLedger) -> None:
    backdated = [
        e for es in filled_ledger.mixed.entries.values() for e in es if e.booked_on > e.effective_on
    ]
    assert len(backdated) > 100
    for (tenant_id, closed_through), at_close in filled_ledger.at_close.items():
        assert trial_balance(filled_ledger, tenant_id, as_of=closed_through) == at_close
