"""A key is one command's: for one loan of all, and for ever."""

from collections import Counter
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from schemas.partitioning import partition_of_loan
from tests import audit
from tests.edges import bodies_of
from tests.edges.test_ingress_idempotency import entries_of
from tests.faults.payers import each
from tests.http import Client

Stack = dict[str, Any]
PARTITIONS = 12
DAYS = 400


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


def two_loans(stack: Stack, client: Client) -> list[dict[str, str]]:
    """Two loans that different partitions own: two writers that know nothing of each other."""
    tenant_id = UUID(stack["clients"][0]["tenant_id"])
    found: dict[int, dict[str, str]] = {}
    while len(found) < 2:
        loan = client.open_loan(amount_minor="100000")
        found[partition_of_loan(tenant_id, UUID(loan["loan_id"]), PARTITIONS)] = loan
    return list(found.values())


def test_one_key_for_two_loans_posts_to_one_of_them(stack: Stack, client: Client) -> None:
    for _ in range(5):
        loans, key = two_loans(stack, client), f"payment:{uuid4()}"
        bodies = [bodies_of.payment() | loan for loan in loans]
        answers = each(16, lambda n: client.post("/v1/payments", bodies[n % 2], key=key))  # noqa: B023

        counts = Counter(answer.status_code for answer in answers)
        assert counts[201] == 1, counts
        assert set(counts) <= {200, 201, 409, 422}
        refused = [answer.json()["code"] for answer in answers if answer.status_code == 422]
        assert set(refused) == {"idempotency_mismatch"}
        won = next(n % 2 for n, answer in enumerate(answers) if answer.status_code == 201)
        assert [entries_of(stack, loan["loan_id"]) for loan in (loans[won], loans[1 - won])] == [
            2,
            1,
        ]
        # Whoever comes later is told the same.
        assert client.post("/v1/payments", bodies[won], key=key).status_code == 200
        assert client.post("/v1/payments", bodies[1 - won], key=key).status_code == 422
    assert audit.faults_of_books(stack["postgres_dsn"]) == []


AGE_OUTCOME = (
    "UPDATE hpts.command_outcomes SET posted_at = posted_at - make_interval(days => %s)"
    " WHERE idempotency_key = %s"
)


def test_a_key_is_known_after_400_days(stack: Stack, client: Client) -> None:
    """No clock is moved: the key's row is made as old as it then would be."""
    loan = client.open_loan(amount_minor="100000")
    body, key = bodies_of.payment() | loan, f"payment:{uuid4()}"
    first = client.post("/v1/payments", body, key=key)
    assert first.status_code == 201
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        aged = connection.execute(
            "UPDATE hpts_edge.idempotency_reservations SET"
            " accepted_at = accepted_at - make_interval(days => %(days)s),"
            " sent_at = sent_at - make_interval(days => %(days)s)"
            " WHERE idempotency_key = %(key)s",
            {"days": DAYS, "key": key},
        )
        assert aged.rowcount == 1
        connection.execute(AGE_OUTCOME, [DAYS, key])

    again = client.post("/v1/payments", body, key=key)

    assert (again.status_code, again.content) == (200, first.content)
    changed = client.post("/v1/payments", body | {"amount_minor": "1"}, key=key)
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        connection.execute(AGE_OUTCOME, [-DAYS, key])  # others verify these books
    assert (changed.status_code, changed.json().get("code")) == (422, "idempotency_mismatch")
    assert entries_of(stack, loan["loan_id"]) == 2
