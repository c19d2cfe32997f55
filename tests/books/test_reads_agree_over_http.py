"""The second way to the balances, held against the API itself: every draw is a request.

The read edge's app answers over the filled ledger as it does anywhere, routes, token, waiting and
bodies included; every member of what it says is recomputed from lines alone.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, LiteralString
from urllib.parse import urlencode
from uuid import UUID

import httpx
import psycopg
import pytest
from starlette.types import ASGIApp

from read_api.app import create
from read_api.settings import Settings
from schemas import scopes
from schemas.chart_of_accounts import CHART
from schemas.commands import LAYERS
from tests.books.filled_ledger import SEED, FilledLedger, Sides
from tests.books.mixed_books import TENANTS
from tests.books.second_way import Life, SecondWay, put_samples
from tests.books.test_reads_agree import SAMPLES, drawn, instants, summed_accounts
from tests.security.key_server import CLAIMS, HEADER, RSA, key_server, public, signed

Asked = tuple[UUID, str]
"""Whose token, and the path with its query."""

AT_ONCE = 16
ACCOUNT_SAMPLES = max(300, SAMPLES // 20)
FIRST_DAY = date(2025, 12, 20)

SUM_LOANS: LiteralString = """
    SELECT s.number, l.account_code, max(e.posted_at),
           coalesce(sum(l.amount_minor * CASE l.direction WHEN 'DR' THEN 1 ELSE -1 END)
                    FILTER (WHERE l.layer = 'SETTLED'), 0)
    FROM samples AS s
    JOIN hpts.journal_lines AS l ON l.tenant_id = s.tenant_id AND l.loan_id = s.loan_id
        AND l.entry_seq >= s.life_began_seq
    JOIN hpts.journal_entries AS e
        ON e.partition_id = l.partition_id AND e.entry_seq = l.entry_seq
        AND e.effective_on <= s.as_of AND e.posted_at <= s.known_at
    GROUP BY s.number, l.account_code
"""


@pytest.fixture
def admin(filled_ledger: FilledLedger) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(filled_ledger.admin_dsn) as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def read(
    filled_ledger: FilledLedger, reader_dsn_of: Callable[[str], str], tmp_path: Path
) -> Iterator[Callable[[Sequence[Asked]], list[httpx.Response]]]:
    """Asks the read edge's app; its answers, in the order asked."""
    secret = tmp_path / "page_token_secret"
    secret.write_bytes(b"of a test " * 4)
    with key_server() as keys:
        keys.publish(public(RSA, "one"))
        settings = Settings.model_validate(
            {
                "read_postgres_dsn": reader_dsn_of(filled_ledger.admin_dsn),
                "page_token_secret_file": secret,
                "token_issuer": CLAIMS["iss"],
                "token_audience": CLAIMS["aud"],
                "jwks_url": keys.url,
            }
        )
        yield lambda asked: asyncio.run(answers_of(settings, asked))


async def answers_of(settings: Settings, asked: Sequence[Asked]) -> list[httpx.Response]:
    app = create(settings)
    turns = asyncio.Semaphore(AT_ONCE)
    headers = {tenant: {"Authorization": f"Bearer {token_of(tenant)}"} for tenant in TENANTS}

    async def ask(client: httpx.AsyncClient, one: Asked) -> httpx.Response:
        async with turns:
            return await client.get(one[1], headers=headers[one[0]])

    async with app.router.lifespan_context(app), client_of(app) as client:
        return await asyncio.gather(*(ask(client, one) for one in asked))


def client_of(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://books.test")


def token_of(tenant_id: UUID) -> str:
    now = int(time.time())
    times = {"iat": now, "nbf": now, "exp": now + 3_600}
    whose = {"tenant_id": str(tenant_id), "scope": scopes.BALANCES_READ}
    return signed(HEADER, {**CLAIMS, **times, **whose})


def instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def query(as_of: date, known_at: datetime | None, **more: str | None) -> str:
    """The dates as a client sends them; the end of time is none at all."""
    asked = {
        "as_of_date": None if as_of == date.max else as_of.isoformat(),
        "known_at": None if known_at is None else instant(known_at),
        **more,
    }
    return urlencode({name: value for name, value in asked.items() if value is not None})


def summed(
    admin: psycopg.Connection[Any], asked: list[tuple[Any, ...]], lives: list[Life | None]
) -> list[tuple[Counter[str], datetime | None]]:
    """Of each loan that was there: debits less credits by account, and the last instant posted."""
    put_samples(admin, asked, lives)
    sums: list[Counter[str]] = [Counter() for _ in asked]
    last_at: list[datetime | None] = [None] * len(asked)
    for number, code, posted_at, debit_minor in admin.execute(SUM_LOANS):
        sums[number][code] = int(debit_minor)
        last_at[number] = max(last_at[number] or posted_at, posted_at)
    return list(zip(sums, last_at, strict=True))


@pytest.mark.slow
def test_every_balance_that_the_api_tells_is_the_sum_of_its_lines(
    filled_ledger: FilledLedger,
    admin: psycopg.Connection[Any],
    read: Callable[[Sequence[Asked]], list[httpx.Response]],
) -> None:
    second_way = SecondWay(filled_ledger.mixed)
    asked = drawn(filled_ledger, second_way, Random(SEED + 1))
    lives = [second_way.life_at(ask[:2], ask[3]) for ask in asked]
    answers = read([(t, f"/v1/loans/{n}/balance?{query(*dates)}") for t, n, *dates in asked])
    seen: Counter[str] = Counter()
    sums = summed(admin, asked, lives)
    for ask, answer, life, (sides, last_at) in zip(asked, answers, lives, sums, strict=True):
        tenant_id, loan_id, as_of, known_at = ask
        assert answer.status_code == (404 if life is None else 200), (ask, answer.text)
        if life is None:
            assert answer.json()["code"] == "not_found"
            continue
        owed = [sides[code] for code in ("1100", "1200", "1300")]
        status = second_way.status_at((tenant_id, loan_id), as_of, known_at)
        assert answer.json() == {
            "loan_id": str(loan_id),
            "currency": life.loan.currency,
            "as_of_date": str(known_at.date() if as_of == date.max else as_of),
            "principal_outstanding_minor": str(owed[0]),
            "interest_receivable_minor": str(owed[1]),
            "fees_receivable_minor": str(owed[2]),
            "total_exposure_minor": str(sum(owed)),
            "suspense_minor": str(-sides["2100"]),
            "status": status,
            "borrower_id": str(life.loan.borrower_id),
            "last_activity_at": None if last_at is None else instant(last_at),
        }, ask
        seen.update(("answered", status or ""))
        seen["with fees"] += owed[2] > 0
        seen["in a later life"] += life.loan.life > 1
    assert seen["answered"] > 0.9 * SAMPLES, seen
    rare = ("active", "paid_off", "charged_off", "refinanced", "cancelled")
    assert min(seen[one] for one in (*rare, "with fees", "in a later life")) > SAMPLES // 200, seen


def days_and_instants(
    filled_ledger: FilledLedger, chance: Random
) -> list[tuple[UUID, date, datetime]]:
    """Tenant, day and instant of each question about accounts."""
    known = instants(filled_ledger, chance)
    return [
        (
            chance.choice(TENANTS),
            FIRST_DAY + timedelta(days=chance.randrange(240)),
            chance.choice(known),
        )
        for _ in range(ACCOUNT_SAMPLES)
    ]


def both(sides: tuple[int, int]) -> dict[str, str]:
    return {"dr_balance_minor": str(sides[0]), "cr_balance_minor": str(sides[1])}


def in_order(key: tuple[str, str, str]) -> tuple[str, int, str]:
    return key[1], LAYERS.index(key[2]), key[0]


def as_trial_balance(sums: Sides, as_of: date, known_at: datetime) -> dict[str, Any]:
    """The whole answer that these sums ask for."""
    keys = sorted((key for key in sums if any(sums[key])), key=in_order)
    items = [
        {
            "account_code": code,
            "account_name": CHART[code].name,
            "currency": currency,
            "layer": layer,
            **both(sums[code, currency, layer]),
        }
        for code, currency, layer in keys
    ]
    pairs = dict.fromkeys(key[1:] for key in keys)
    totals = []
    for pair in pairs:
        sides = [sums[key] for key in keys if key[1:] == pair]
        total = (sum(side[0] for side in sides), sum(side[1] for side in sides))
        assert total[0] == total[1], pair
        totals.append({"currency": pair[0], "layer": pair[1], **both(total)})
    told = {"as_of_date": str(as_of), "known_at": instant(known_at)}
    return {**told, "items": items, "totals": totals}


@pytest.mark.slow
def test_every_trial_balance_that_the_api_tells_is_the_sum_of_all_lines(
    filled_ledger: FilledLedger,
    admin: psycopg.Connection[Any],
    read: Callable[[Sequence[Asked]], list[httpx.Response]],
) -> None:
    chance = Random(SEED + 2)
    asked = days_and_instants(filled_ledger, chance)
    narrowed = [
        (chance.choice((None, None, "USD", "EUR")), chance.choice((None, None, *LAYERS)))
        for _ in asked
    ]
    answers = read(
        [
            (tenant, f"/v1/trial-balance?{query(*dates, currency=currency, layer=layer)}")
            for (tenant, *dates), (currency, layer) in zip(asked, narrowed, strict=True)
        ]
    )
    lines = 0
    for ask, (currency, layer), answer in zip(asked, narrowed, answers, strict=True):
        assert answer.status_code == 200, answer.text
        sums = {
            key: sides
            for key, sides in summed_accounts(admin, *ask).items()
            if currency in (None, key[1]) and layer in (None, key[2])
        }
        assert answer.json() == as_trial_balance(sums, *ask[1:]), ask
        lines += len(sums)
    assert lines > 5 * ACCOUNT_SAMPLES


@pytest.mark.slow
def test_every_account_balance_that_the_api_tells_is_the_sum_of_its_lines(
    filled_ledger: FilledLedger,
    admin: psycopg.Connection[Any],
    read: Callable[[Sequence[Asked]], list[httpx.Response]],
) -> None:
    chance = Random(SEED + 3)
    asked = days_and_instants(filled_ledger, chance)
    keys = [
        (chance.choice(sorted(CHART)), chance.choice(("USD", "USD", "EUR")), chance.choice(LAYERS))
        for _ in asked
    ]
    answers = read(
        [
            (t, f"/v1/accounts/{code}/balance?{query(*dates, currency=currency, layer=layer)}")
            for (t, *dates), (code, currency, layer) in zip(asked, keys, strict=True)
        ]
    )
    not_zero = 0
    for ask, key, answer in zip(asked, keys, answers, strict=True):
        assert answer.status_code == 200, answer.text
        sides = summed_accounts(admin, *ask).get(key, (0, 0))
        account = CHART[key[0]]
        left_minor = sides[0] - sides[1] if account.normal_side == "DR" else sides[1] - sides[0]
        assert answer.json() == {
            "account_code": account.code,
            "account_name": account.name,
            "currency": key[1],
            "layer": key[2],
            "as_of_date": str(ask[1]),
            **both(sides),
            "normal_balance_minor": str(left_minor),
        }, ask
        not_zero += any(sides)
    assert not_zero > ACCOUNT_SAMPLES // 10
