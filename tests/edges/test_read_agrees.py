"""Over HTTP, too: a sample of balances at random pairs of dates is the sum of the lines in SQL.

Here everything was posted over HTTP, too, and both edges are processes of their own;
`tests/books/test_reads_agree_over_http.py` asks `HPTS_ASOF_SAMPLES` times on a ledger with more
in it, this test two in a hundred as often.
"""

import os
from bisect import bisect
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
import pytest

from tests.http import Client

Stack = dict[str, Any]
SAMPLES = max(120, int(os.environ.get("HPTS_ASOF_SAMPLES", "10000")) // 50)

SUM_LOAN: LiteralString = """
    SELECT l.account_code,
           sum(l.amount_minor * CASE l.direction WHEN 'DR' THEN 1 ELSE -1 END)
    FROM hpts.journal_lines AS l
    JOIN hpts.journal_entries AS e USING (partition_id, entry_seq)
    JOIN hpts.journal_entries AS opening
        ON opening.partition_id = e.partition_id AND opening.entry_seq <= e.entry_seq
    WHERE e.tenant_id = %s AND l.loan_id = %s AND e.effective_on <= %s AND e.posted_at <= %s
      AND opening.journal_entry_id = %s
    GROUP BY l.account_code
"""
SUM_ACCOUNT: LiteralString = """
    SELECT coalesce(sum(l.amount_minor) FILTER (WHERE l.direction = 'DR'), 0)::text,
           coalesce(sum(l.amount_minor) FILTER (WHERE l.direction = 'CR'), 0)::text
    FROM hpts.journal_lines AS l
    JOIN hpts.journal_entries AS e USING (partition_id, entry_seq)
    WHERE e.tenant_id = %s AND l.account_code = %s AND l.currency = 'USD' AND l.layer = 'SETTLED'
      AND e.booked_on <= %s AND e.posted_at <= %s
"""


@dataclass(frozen=True)
class Life:
    """One life of a loan: what opened it, when, and for whom."""

    began_at: str
    entry_id: str
    borrower_id: str


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


@pytest.fixture
def admin(stack: Stack) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        yield connection


def test_a_sample_of_balances_is_the_sum_of_the_lines(
    client: Client, stack: Stack, admin: psycopg.Connection[Any]
) -> None:
    chance = Random(20261126)
    loans, instants = posted(client, chance)
    tenant_id = stack["clients"][0]["tenant_id"]
    seen: Counter[str] = Counter()
    for _ in range(SAMPLES):
        loan_id, known_at = chance.choice(list(loans)), chance.choice(instants)
        as_of = date(2026, 1, 1) + timedelta(days=chance.randrange(120))
        query = f"as_of_date={as_of}&known_at={known_at}"
        answer = client.get(f"/v1/loans/{loan_id}/balance?{query}")
        number = bisect([life.began_at for life in loans[loan_id]], known_at)
        assert answer.status_code == (200 if number else 404), answer.text
        if number:
            life = loans[loan_id][number - 1]
            named = (tenant_id, loan_id, as_of, known_at, life.entry_id)
            sums = dict(admin.execute(SUM_LOAN, named).fetchall())
            body = answer.json()
            assert int(body["principal_outstanding_minor"]) == sums.get("1100", 0)
            assert int(body["interest_receivable_minor"]) == sums.get("1200", 0)
            assert int(body["suspense_minor"]) == -sums.get("2100", 0)
            assert body["borrower_id"] == life.borrower_id
            seen.update(("answered", f"life {number}"))
        code = chance.choice(("1000", "1100", "2000", "2100"))
        account = client.get(f"/v1/accounts/{code}/balance?currency=USD&{query}").json()
        [both] = admin.execute(SUM_ACCOUNT, (tenant_id, code, as_of, known_at)).fetchall()
        assert (account["dr_balance_minor"], account["cr_balance_minor"]) == both
    assert seen["answered"] > 0.9 * SAMPLES
    assert seen["life 2"] > SAMPLES // 50


def posted(client: Client, chance: Random) -> tuple[dict[str, list[Life]], list[str]]:
    """Loans with backdated payments, some opened anew, and instants of their lives."""
    loan_ids = [str(uuid4()) for _ in range(16)]
    loans = {loan_id: [opened(client, loan_id, "2026-01-05")] for loan_id in loan_ids}
    instants = [max(lives[0].began_at for lives in loans.values())]
    for loan_id in loan_ids[:4]:
        undone = client.reverse(loans[loan_id][0].entry_id)  # effective 2026-03-01
        loans[loan_id].append(opened(client, loan_id, "2026-02-01"))
        instants += [undone.json()["posted_at"], loans[loan_id][1].began_at]
    for _ in range(60):
        loan_id = chance.choice(loan_ids)
        body = {
            "loan_id": loan_id,
            "borrower_id": loans[loan_id][-1].borrower_id,
            "amount_minor": str(chance.choice((100, 25_000, 70_000))),
            "currency": "USD",
            "effective_at": (date(2026, 1, 5) + timedelta(days=chance.randrange(90))).isoformat(),
            "source_method": "ach",
        }
        answer = client.post("/v1/payments", body)
        assert answer.status_code == 201, answer.text
        instants.append(answer.json()["posted_at"])
        if chance.random() < 0.2:
            assert client.reverse(answer.json()["journal_entry_id"]).status_code in (201, 422)
    early = min(lives[0].began_at for lives in loans.values())
    return loans, [early, *instants]


def opened(client: Client, loan_id: str, day: str) -> Life:
    """The loan, opened or opened anew with 1,000.00 for another borrower."""
    borrower_id = str(uuid4())
    money = {"amount_minor": "100000", "currency": "USD", "effective_at": day, "method": "ach"}
    body = {"loan_id": loan_id, "borrower_id": borrower_id, **money}
    answer = client.post("/v1/disbursements", body)
    assert answer.status_code == 201, answer.text
    told = answer.json()
    return Life(told["posted_at"], told["journal_entry_id"], borrower_id)
