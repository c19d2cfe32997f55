"""Loans in the states that tests of the write edge begin with, and what the books then hold."""

from typing import Any
from uuid import uuid4

import psycopg
from jwt import decode

from tests.edges import bodies_of
from tests.http import Client

Stack = dict[str, Any]


def posted(
    client: Client, path: str, body: dict[str, Any], *, key: str | None = None
) -> dict[str, Any]:
    """The result of what must post."""
    answer = client.post(path, body, key=key)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def settled_loan(client: Client) -> dict[str, str]:
    """A loan of 1,000.00 whose disbursement has been settled."""
    loan = {"loan_id": str(uuid4()), "borrower_id": str(uuid4())}
    disbursed = posted(client, "/v1/disbursements", bodies_of.disbursement() | loan)
    settlement = bodies_of.settlement(disbursed["disbursement_event_id"])
    posted(client, "/v1/disbursement-settlements", settlement)
    return loan


def tenant_of(client: Client) -> str:
    return str(decode(client.token, options={"verify_signature": False})["tenant_id"])


def rows(stack: Stack, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What the books themselves say, asked as their administrator."""
    with psycopg.connect(stack["postgres_dsn"]) as connection:
        return connection.execute(query.encode(), parameters).fetchall()


def trace_of(stack: Stack, client: Client) -> dict[str, int]:
    """How much of a tenant there is, of everything that posting leaves behind."""
    tables = {
        "hpts_edge": ("idempotency_reservations", "accrual_batches"),
        "hpts": (
            *("command_outcomes", "journal_entries", "journal_lines", "account_days"),
            *("loans", "disbursements", "reversal_targets", "outgoing_commands", "period_closes"),
        ),
    }
    counts = {
        table: rows(
            stack, f"SELECT count(*) FROM {schema}.{table} WHERE tenant_id = %s", tenant_of(client)
        )[0][0]
        for schema, names in tables.items()
        for table in names
    }
    versions = rows(
        stack, "SELECT sum(version) FROM hpts.loans WHERE tenant_id = %s", tenant_of(client)
    )
    return counts | {"versions": int(versions[0][0] or 0)}
