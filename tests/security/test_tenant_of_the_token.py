"""The tenant comes from the token and from nowhere else: no header, query or body names one."""

import json
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest

from tests.edges import bodies_of
from tests.edges.lending import tenant_of, trace_of
from tests.edges.new_tenant import client_of_new_tenant
from tests.http import Client
from tests.security.mutated import DOCUMENT

Stack = dict[str, Any]
HEADERS: Final = ("X-Tenant-Id", "Tenant-Id", "X-Tenant", "HPTS-Tenant-Id", "X-Forwarded-Tenant")
GETS: Final = [
    path
    for path, methods in DOCUMENT["paths"].items()
    if "get" in methods and methods["get"].get("security") and not path.endswith("/stream")
]
"""Without the stream, which never ends (tests/edges/test_journal_stream.py)."""


@pytest.fixture(scope="module")
def two(stack: Stack, stack_dir: Path) -> tuple[Client, Client, dict[str, str]]:
    """Two tenants, and a loan of the second, which has a payment."""
    first, second = (client_of_new_tenant(stack, stack_dir) for _ in range(2))
    loan = second.open_loan(amount_minor="100000")
    return first, second, loan | second.pay(loan, amount_minor="100")


@pytest.mark.parametrize("template", GETS)
def test_naming_another_tenant_changes_no_read(
    two: tuple[Client, Client, dict[str, str]], template: str
) -> None:
    first, second, known = two
    named = {
        "account_code": "1100",
        "loan_id": known["loan_id"],
        "journal_entry_id": known["journal_entry_id"],
        "command_id": known["correlation_id"],
        "accrual_event_id": known["journal_entry_id"],
        "webhook_endpoint_id": known["journal_entry_id"],
    }
    path = template.format(**named)
    query = "currency=USD&" if template == "/v1/accounts/{account_code}/balance" else ""
    other = tenant_of(second)
    plain = first.get(f"{path}?{query}")
    disguised = first.get(f"{path}?{query}", headers=dict.fromkeys(HEADERS, other))
    assert disguised.status_code == plain.status_code
    for one in (known["loan_id"], known["borrower_id"], other):
        assert one not in disguised.text.replace(path, "")
    queried = first.get(f"{path}?{query}tenant_id={other}")
    assert (queried.status_code, queried.json()["code"]) in (
        (400, "invalid_parameter"),
        (403, "insufficient_scope"),  # for operators alone
        (404, "not_found"),  # an endpoint that is not there comes first
    )


@pytest.mark.parametrize("path", bodies_of.SOUND)
def test_naming_another_tenant_changes_no_posting(
    stack: Stack, two: tuple[Client, Client, dict[str, str]], path: str
) -> None:
    first, second, _ = two
    other = tenant_of(second)
    before = trace_of(stack, second)
    body = bodies_of.SOUND[path]()
    for answer in (
        first.post(path, body | {"tenant_id": other}),
        first.post(path, body | {"tenant_id": tenant_of(first)}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
        assert ("/tenant_id", "unknown_field") in {
            (error["field"], error["code"]) for error in answer.json()["errors"]
        }
    queried = first.post(f"{path}?tenant_id={other}", body)
    assert (queried.status_code, queried.json()["code"]) == (400, "invalid_parameter")
    key = f"named:{uuid4()}"
    plain = first.post(path, body, key=key)
    again = first.post(path, body, key=key, headers=dict.fromkeys(HEADERS, other))
    assert json.loads(again.content).get("code") == json.loads(plain.content).get("code")
    assert again.headers.get("idempotency-replayed") == "true"
    assert trace_of(stack, second) == before
