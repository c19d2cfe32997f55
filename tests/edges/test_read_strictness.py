"""What the read edge refuses, and that nothing makes it answer with a fault of its own."""

from typing import Any

import httpx
import pytest

from tests.http import UNKNOWN_ID, Client

Stack = dict[str, Any]
LOAN = "10a40000-0000-4000-8000-000000000001"
READS = (
    f"/v1/loans/{LOAN}/balance",
    f"/v1/loans/{LOAN}",
    f"/v1/loans/{LOAN}/journal-entries",
    f"/v1/journal-entries/{LOAN}",
    "/v1/accounts",
    "/v1/accounts/1000/balance?currency=USD",
    "/v1/trial-balance",
    "/v1/periods",
    "/v1/loans",
    f"/v1/loans/{LOAN}/statement",
    "/v1/journal-entries",
)
FINANCE = ("balance", "accounts", "periods")


@pytest.fixture(scope="module")
def client(stack: Stack) -> Client:
    return Client.of(stack)


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document, which must be this one and whole."""
    document = dict(answer.json())
    assert (answer.status_code, document["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["type"] == f"/problems/{code}"
    assert answer.headers["traceparent"].split("-")[1] == document["trace_id"]
    return document


@pytest.mark.parametrize("path", READS)
def test_nothing_is_read_without_a_token(client: Client, path: str) -> None:
    answer = client.http.get(path)
    problem(answer, 401, "token_missing")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    forged = client.http.get(path, headers={"Authorization": f"Bearer {client.token[:-2]}"})
    problem(forged, 401, "token_invalid")
    assert 'error="invalid_token"' in forged.headers["www-authenticate"]


@pytest.mark.parametrize("path", READS)
def test_each_read_has_its_scope(stack: Stack, client: Client, path: str) -> None:
    is_finance = any(word in path for word in FINANCE)
    needed = "hpts:balances:read" if is_finance else "hpts:ledger:read"
    for scope in {"hpts:balances:read", "hpts:ledger:read"}:
        answer = client.http.get(path, headers={"Authorization": f"Bearer {token(stack, scope)}"})
        if scope == needed:
            assert answer.status_code in (200, 404)
        else:
            problem(answer, 403, "insufficient_scope")
            assert needed in answer.headers["www-authenticate"]


def token(stack: Stack, scope: str) -> str:
    """A token of the first client, narrowed to one scope."""
    first = stack["clients"][0]
    answer = httpx.post(
        stack["token_url"],
        data={"grant_type": "client_credentials", "scope": scope},
        auth=(first["client_id"], first["client_secret"]),
    )
    return str(answer.json()["access_token"])


@pytest.mark.parametrize(
    "query",
    [
        "tenant_id=aaaaaaaa-0000-4000-8000-000000000001",
        "as_of_date=2026-01-01&as_of_date=2026-01-01",
        "as_of_date=",
        "as_of_date",
        "as_of_date=2026-1-1",
        "as_of_date=2026-02-30",
        "as_of_date=0000-01-01",
        "as_of_date=20260101",
        "as_of_date=2026-W01-1",
        "as_of_date=2026-01-01T00:00:00Z",
        "as_of_date=%D9%A2%D9%A0%D9%A2%D9%A6-01-01",
        "as_of_date=2026-01-01%00",
        "as_of_date=%00",
        "as_of_date=%zz",
        "as_of_date=%",
        "as_of_date=%ff%fe",
        "as_of_date=%ED%A0%80",
        "AS_OF_DATE=2026-01-01",
        "known_at=2026-01-01",
        "known_at=2026-01-01T00:00:00",
        "known_at=2026-01-01T00:00:00%2B00:00",
        "known_at=2026-01-01T24:00:00Z",
        "known_at=2026-01-01T00:00:60Z",
        "known_at=2026-01-01T00:00:00.0000001Z",
        "known_at=2999-01-01T00:00:00Z",
        "page_size=1",
        "=1",
        "%00=1",
        "a" * 40_000,
        "&".join(f"a{n}=1" for n in range(500)),
    ],
)
def test_a_query_that_is_not_understood_is_refused(client: Client, query: str) -> None:
    document = problem(client.get(f"{READS[0]}?{query}"), 400, "invalid_parameter")
    assert document["errors"]


def test_every_fault_of_a_query_is_told(client: Client) -> None:
    path = "/v1/accounts/1000/balance?layer=x&as_of_date=y&z=1"
    document = problem(client.get(path), 400, "invalid_parameter")
    told = {(one["field"], one["code"]) for one in document["errors"]}
    assert told == {
        ("/layer", "invalid_value"),
        ("/as_of_date", "invalid_format"),
        ("/z", "unknown_field"),
        ("/currency", "required"),
    }


@pytest.mark.parametrize(
    "query",
    [
        f"/v1/loans/{LOAN}/statement?to_date=2026-01-01&from_date=2026-01-02",
        f"/v1/loans/{LOAN}/journal-entries?to_date=2026-01-01&from_date=2026-01-02",
        "/v1/journal-entries?to_date=2026-01-01&from_date=2026-01-02",
        "/v1/journal-entries?account_code=110",
        "/v1/journal-entries?external_ref=",
        "/v1/journal-entries?external_ref=%00",
        f"/v1/journal-entries?external_ref={'a' * 256}",
        "/v1/journal-entries?order=up",
        "/v1/journal-entries?event_type=A",
        "/v1/journal-entries?event_type=no_such_event",
        "/v1/journal-entries?loan_id=x",
        "/v1/loans?status=open",
        "/v1/loans?borrower_id=x",
        "/v1/loans?order=up",
        "/v1/trial-balance?currency=usd",
        "/v1/trial-balance?layer=settled",
        "/v1/trial-balance?account_code=1000",
        "/v1/trial-balance?known_at=2999-01-01T00:00:00Z",
        "/v1/periods?period=2026-01",
    ],
)
def test_a_query_of_the_whole_book_is_read_strictly(client: Client, query: str) -> None:
    assert problem(client.get(query), 400, "invalid_parameter")["errors"]


@pytest.mark.parametrize("path", READS)
def test_a_head_answers_as_a_get_without_the_body(client: Client, path: str) -> None:
    headers = {"Authorization": f"Bearer {client.token}"}
    head = client.http.head(path, headers=headers)
    assert head.status_code == client.get(path).status_code
    assert head.content == b""
    assert int(head.headers["content-length"]) > 0


@pytest.mark.parametrize("currency", ["usd", "US", "USDX", "ZZZ", "XAU", "%00", "U$D", "", "ÙSD"])
def test_a_currency_must_be_one(client: Client, currency: str) -> None:
    answer = client.get(f"/v1/accounts/1000/balance?currency={currency}")
    problem(answer, 400, "invalid_parameter")


@pytest.mark.parametrize("size", ["0", "-1", "501", "1e2", "01", "1.0", "", "٣", "9" * 5_000])
def test_a_page_has_1_to_500_items(client: Client, size: str) -> None:
    problem(client.get(f"{READS[2]}?page_size={size}"), 400, "invalid_parameter")


@pytest.mark.parametrize(
    "loan_id",
    [
        "x",
        LOAN[:-1],
        f"{LOAN}0",
        LOAN.replace("-", ""),
        f"{{{LOAN}}}",
        "%00",
        "%zz",
        "%ff",
        "..",
        "٣",
    ],
)
def test_an_id_must_be_a_uuid(client: Client, loan_id: str) -> None:
    answer = client.get(f"/v1/loans/{loan_id}/balance")
    assert answer.status_code in (400, 404)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/accounts/9999/balance?currency=USD",
        f"/v1/journal-entries/{UNKNOWN_ID}",
        f"/v1/loans/{LOAN}/nothing",
        f"/v1/loans/{LOAN}/",
        "/v1/loans/",
        "/v1/trial-balance/",
        "/v1/periods/2026-01",
        f"/v1//loans/{LOAN}",
        "/",
        "/v1/problems/no_such_code",
        "/v1/problems/..%2f..%2fsettings",
    ],
)
def test_what_is_not_there_is_not_found(client: Client, path: str) -> None:
    problem(client.get(path), 404, "not_found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", READS)
def test_history_cannot_be_changed(client: Client, method: str, path: str) -> None:
    headers = {"Authorization": f"Bearer {client.token}"}
    answer = client.http.request(method, path, headers=headers)
    problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["allow"]


def test_health_says_what_runs(client: Client) -> None:
    live = client.http.get("/v1/health/live")
    assert (live.status_code, set(live.json())) == (200, {"status", "version", "git_sha"})
    assert client.http.get("/v1/health/ready").status_code == 200
