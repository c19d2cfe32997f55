"""The table of tokens again, over HTTP, on routes of both edges: each refused as a problem with its
status and challenge, and every valid variant served.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import httpx
import jwt
import pytest

from hpts.local.token_key import TokenKey, open_key
from schemas.scopes import ALL_SCOPES
from tests.edges import bodies_of
from tests.http import Client
from tests.security.key_server import ED, OTHER_RSA, base64url

Stack = dict[str, Any]
MISSING: Final = object()
LOAN: Final = "10a40000-0000-4000-8000-000000000001"
ROUTES: Final = {
    "a read": ("GET", f"/v1/loans/{LOAN}/balance", 404),
    "a read of the write edge": ("GET", f"/v1/accruals/{LOAN}", 404),
    "a posting": ("POST", "/v1/payments", 422),
}
"""What is asked for, and the status when the token is right."""
HUGE: Final = 10**30
WRONG: Final[list[tuple[str, object, str]]] = [
    *((name, MISSING, "token_invalid") for name in ("iss", "aud", "exp", "nbf", "tenant_id")),
    *((name, [], "token_invalid") for name in ("iss", "aud", "exp", "nbf", "iat", "tenant_id")),
    *((name, None, "token_invalid") for name in ("iss", "aud", "exp", "nbf", "iat", "scope")),
    *((name, {}, "token_invalid") for name in ("exp", "tenant_id", "scope", "client_id")),
    *((name, HUGE, "token_invalid") for name in ("exp", "nbf", "iat", "tenant_id", "scope")),
    *((name, "x" * 300, "token_invalid") for name in ("iss", "aud", "exp", "client_id")),
    ("exp", -3_600, "token_expired"),
    ("nbf", 3_600, "token_invalid"),
    ("iat", 3_600, "token_invalid"),
    ("client_type", "partner", "token_invalid"),
    ("cnf", {"x5t#S256": "AAAA"}, "token_invalid"),
]
RIGHT: Final[list[tuple[str, object]]] = [
    ("aud", ["other", "hpts"]),
    ("iat", MISSING),
    ("exp", -5),
    ("nbf", 5),
    ("client_type", "internal"),
    ("something", {"more": [None]}),
]


class Minting:
    """Tokens by the stack's own issuer key."""

    def __init__(self, key: TokenKey, issuer: str) -> None:
        self.key = key
        self.claims: dict[str, Any] = {
            "iss": issuer,
            "aud": "hpts",
            "sub": "desk",
            "client_id": "desk",
            "tenant_id": str(uuid4()),
            "scope": " ".join(ALL_SCOPES),
        }

    def token(self, name: str = "", value: object = None, **header: object) -> str:
        """One whose claim `name` is `value`; a small number is in seconds from now."""
        now = int(time.time())
        claims = self.claims | {"iat": now - 60, "nbf": now - 60, "exp": now + 3_600}
        if name:
            is_time = name in ("iat", "nbf", "exp") and isinstance(value, int) and value < 10**6
            claims[name] = now + value if is_time else value  # type: ignore[operator]
        given = {key: one for key, one in claims.items() if one is not MISSING}
        headers = {"typ": "at+jwt", "kid": self.key.key_id, **header}
        return jwt.PyJWS().encode(
            json.dumps(given).encode(), self.key.private, algorithm="RS256", headers=headers
        )


@pytest.fixture(scope="module")
def minting(stack: Stack, stack_dir: Path) -> Minting:
    known = jwt.decode(Client.of(stack).token, options={"verify_signature": False})
    return Minting(open_key(stack_dir / "secrets" / "issuer.pem"), known["iss"])


@pytest.fixture(scope="module")
def http(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=stack["api_url"], timeout=30) as client:
        yield client


def asked(http: httpx.Client, route: str, token: str) -> httpx.Response:
    method, path, _ = ROUTES[route]
    headers = {"Authorization": f"Bearer {token}"}
    if method == "GET":
        return http.get(path, headers=headers)
    headers["Idempotency-Key"] = f"tokens:{uuid4()}"
    return http.post(path, headers=headers, json=bodies_of.payment())


def expect_refusal(answer: httpx.Response, code: str) -> None:
    document = answer.json()
    assert (answer.status_code, document["code"]) == (401, code)
    assert answer.headers["content-type"] == "application/problem+json"
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('Bearer realm="hpts"')
    assert ('error="invalid_token"' in challenge) == (code != "token_missing")
    assert document["trace_id"]


@pytest.mark.parametrize("route", ROUTES)
def test_every_wrong_claim_is_refused(http: httpx.Client, minting: Minting, route: str) -> None:
    for name, value, code in WRONG:
        expect_refusal(asked(http, route, minting.token(name, value)), code)


@pytest.mark.parametrize("route", ROUTES)
def test_every_valid_variant_is_served(http: httpx.Client, minting: Minting, route: str) -> None:
    status = ROUTES[route][2]
    assert asked(http, route, minting.token(typ="JWT")).status_code == status
    for name, value in RIGHT:
        assert asked(http, route, minting.token(name, value)).status_code == status, name


@pytest.mark.parametrize("route", ROUTES)
def test_every_other_header_or_key_is_refused(
    http: httpx.Client, minting: Minting, route: str
) -> None:
    good = minting.token()
    head, claims, signature = good.split(".")
    unsigned = base64url(json.dumps({"alg": "none", "typ": "at+jwt", "kid": "x"}).encode())
    strangers = jwt.PyJWS().encode(
        b"{}", OTHER_RSA, algorithm="RS256", headers={"typ": "at+jwt", "kid": minting.key.key_id}
    )
    elsewhere = jwt.PyJWS().encode(
        b"{}", ED, algorithm="EdDSA", headers={"typ": "at+jwt", "kid": minting.key.key_id}
    )
    for token in (
        minting.token(typ="JOSE"),
        minting.token(kid="another"),
        minting.token(crit=["exp"]),
        minting.token(jku="http://127.0.0.1:1/keys"),
        minting.token(x5u="http://127.0.0.1:1/keys"),
        minting.token(jwk=minting.key.public),
        f"{unsigned}.{claims}.",
        f"{unsigned}.{claims}.{signature}",
        f"{head}.{claims}.{'A' * len(signature)}",
        f"{head}.{claims}.{signature}=",
        f"{head}.{claims} .{signature}",
        strangers,
        elsewhere,
        "x" * 20_000,
    ):
        expect_refusal(asked(http, route, token), "token_invalid")
    assert asked(http, route, good).status_code == ROUTES[route][2]


@pytest.mark.parametrize("route", ROUTES)
def test_a_token_elsewhere_than_in_its_header_is_none(
    http: httpx.Client, minting: Minting, route: str
) -> None:
    method, path, _ = ROUTES[route]
    token = minting.token()
    for headers in ({}, {"Cookie": f"access_token={token}"}, {"X-Access-Token": token}):
        expect_refusal(http.request(method, path, headers=headers), "token_missing")
    expect_refusal(http.request(method, f"{path}?access_token={token}"), "token_missing")
