"""Over HTTP, too: a sample of balances at random pairs of dates is the sum of the lines in SQL."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, LiteralString

import psycopg
import pytest

from tests.http import Client

Stack = dict[str, Any]
SUM_LOAN: LiteralString = """
    SELECT l.account_code,
           sum(l.amount_minor * CASE l.direction WHEN 'DR' THEN 1 ELSE -1 END)
    FROM hpts.journal_lines AS l
    JOIN hpts.journal_entries AS e USING (partition_id, entry_seq)
    WHERE e.tenant_id = %s AND l.loan_id = %s AND e.effective_on <= %s AND e.posted_at <= %s
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
    for _ in range(120):
        loan, known_at = chance.choice(loans), chance.choice(instants)
        as_of = date(2026, 1, 1) + timedelta(days=chance.randrange(120))
        query = f"as_of_date={as_of}&known_at={known_at}"
        answer = client.get(f"/v1/loans/{loan['loan_id']}/balance?{query}")
        sums = dict(
            admin.execute(SUM_LOAN, (tenant_id, loan["loan_id"], as_of, known_at)).fetchall()
        )
        if answer.status_code == 404:
            assert sums == {}
        else:
            body = answer.json()
            assert int(body["principal_outstanding_minor"]) == sums.get("1100", 0)
            assert int(body["interest_receivable_minor"]) == sums.get("1200", 0)
            assert int(body["suspense_minor"]) == -sums.get("2100", 0)
        code = chance.choice(("1000", "1100", "2000", "2100"))
        account = client.get(f"/v1/accounts/{code}/balance?currency=USD&{query}").json()
        [both] = admin.execute(SUM_ACCOUNT, (tenant_id, code, as_of, known_at)).fetchall()
        assert (account["dr_balance_minor"], account["cr_balance_minor"]) == both


def posted(client: Client, chance: Random) -> tuple[list[dict[str, str]], list[str]]:
    """Loans with backdated payments and reversals, and instants within their lives."""
    loans = [client.open_loan(amount_minor="100000") for _ in range(12)]
    began_at = datetime.now(UTC) - timedelta(milliseconds=200)
    instants = [began_at.isoformat(timespec="microseconds").replace("+00:00", "Z")]
    for _ in range(60):
        body = {
            **chance.choice(loans),
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
    return loans, instants
