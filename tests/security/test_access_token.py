"""Only a token of our issuer, for us, now, in its one strict form, says who is calling."""

import hmac
import json
from collections.abc import Iterator
from enum import Enum
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from schemas.problems import ProblemError
from tests.security.key_server import (
    CLAIMS,
    EC,
    ED,
    HEADER,
    NOW,
    OTHER_RSA,
    RSA,
    TENANT,
    KeyServer,
    PrivateKey,
    as_json,
    base64url,
    key_server,
    public,
    refusal,
    signed,
    verifier_of,
    verify,
)


class Claim(Enum):
    """What stands for a claim or a header that is left out; named so that tests' names are."""

    MISSING = "missing"


MISSING: Final = Claim.MISSING
HUGE: Final = 10**307


@pytest.fixture(scope="module")
def keys() -> Iterator[KeyServer]:
    with key_server() as server:
        server.publish(public(RSA, "one"))
        yield server


def with_claims(**changed: object) -> str:
    claims = CLAIMS | changed
    return signed(HEADER, {name: value for name, value in claims.items() if value is not MISSING})


def test_a_token_says_tenant_client_scopes_and_until_when(keys: KeyServer) -> None:
    token = verify(keys, signed(HEADER, CLAIMS))
    assert (token.tenant_id, token.actor, token.client_type) == (TENANT, "loan-desk", "internal")
    assert token.scopes == {"hpts:payments:write", "hpts:ledger:read"}
    assert token.expires_at.timestamp() == CLAIMS["exp"]
    assert not token.is_operator


def test_a_scope_that_the_token_lacks_is_403(keys: KeyServer) -> None:
    token = verify(keys, signed(HEADER, CLAIMS))
    token.require("hpts:payments:write")
    with pytest.raises(ProblemError) as raised:
        token.require("hpts:payments")
    assert (raised.value.problem.status, raised.value.problem.code) == (403, "insufficient_scope")


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": ["other", "hpts"]},
        {"tenant_id": str(TENANT).upper()},
        {"scope": ""},
        {"iat": MISSING},
        {"exp": NOW + 0.5},
        {"exp": NOW - 9},
        {"nbf": NOW + 10},
        {"client_type": "internal"},
        {"something": {"more": [None]}},
    ],
    ids=str,
)
def test_what_is_allowed(keys: KeyServer, changed: dict[str, Any]) -> None:
    assert verify(keys, with_claims(**changed)).tenant_id == TENANT


WRONG: Final[dict[str, list[object]]] = {
    "iss": ["https://issuer.test/", "HTTPS://ISSUER.TEST", ["https://issuer.test"]],
    "aud": ["hpts ", "HPTS", [], ["other"], ["hpts", None], [["hpts"]], {"hpts": "hpts"}],
    "exp": [str(NOW + 60), [NOW + 60], -1, -HUGE],
    "nbf": [str(NOW), [NOW], NOW + 11, NOW + 3_600, -1],
    "iat": [str(NOW), None, -1],
    "tenant_id": ["", "*", str(TENANT) + " ", f"{{{TENANT}}}", TENANT.hex, f"urn:uuid:{TENANT}"],
    "scope": [["hpts:payments:write"]],
    "client_id": ["", "x" * 256, "a\0b", ["loan-desk"]],
    "client_type": ["partner", "Partner", "", ["internal"], None],
    "cnf": [{"x5t#S256": "AAAA"}, None],
}
REQUIRED: Final = ("iss", "aud", "exp", "nbf", "tenant_id", "scope")
ANY_WRONG: Final[list[object]] = [None, True, {}, [], HUGE, 1e308]
TABLE: Final = [
    *((name, MISSING) for name in REQUIRED),
    *((name, value) for name in REQUIRED for value in ANY_WRONG),
    *((name, value) for name, values in WRONG.items() for value in values),
]


@pytest.mark.parametrize(
    ("name", "value"),
    TABLE,
    ids=lambda value: "missing" if value is MISSING else repr(value)[:24],
)
def test_a_claim_that_is_missing_or_wrong(keys: KeyServer, name: str, value: object) -> None:
    assert refusal(keys, with_claims(**{name: value})) == "token_invalid"


def test_neither_client_id_nor_sub_names_no_one(keys: KeyServer) -> None:
    assert refusal(keys, with_claims(client_id=MISSING, sub=MISSING)) == "token_invalid"


@pytest.mark.parametrize("expired_s", [10, 11, 3_600, NOW])
def test_an_expired_token(keys: KeyServer, expired_s: int) -> None:
    assert refusal(keys, with_claims(exp=NOW - expired_s)) == "token_expired"


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"", "token_missing"),
        (b"Bearer", "token_missing"),
        (b"Bearer  ", "token_missing"),
        (b"Basic YTpi", "token_missing"),
        (b"Bearer \xff", "token_invalid"),
        (b"Bearer a b", "token_invalid"),
        (b"Bearer " + b"a" * 100_000, "token_invalid"),
        (b"Bearer ..", "token_invalid"),
    ],
)
def test_headers_without_a_token(keys: KeyServer, value: bytes, code: str) -> None:
    assert refusal(keys, value) == code


def test_no_header_and_two_headers(keys: KeyServer) -> None:
    token = signed(HEADER, CLAIMS)
    assert refusal(keys) == "token_missing"
    assert refusal(keys, token, token) == "token_invalid"
    assert verify(keys, f"bEARER {token}".encode()).tenant_id == TENANT


@pytest.mark.parametrize(
    ("algorithm", "key"), [("RS256", RSA), ("PS256", RSA), ("ES256", EC), ("EdDSA", ED)]
)
def test_each_algorithm_verifies_its_own_tokens_only(algorithm: str, key: PrivateKey) -> None:
    with key_server() as server:
        server.publish(public(key, "one"))
        header = HEADER | {"alg": algorithm}
        good = signed(header, CLAIMS, key, algorithm)
        assert verify(server, good, algorithm=algorithm).tenant_id == TENANT
        for other in {"RS256", "PS256", "ES256", "EdDSA"} - {algorithm}:
            disguised = signed(HEADER | {"alg": other}, CLAIMS, key, algorithm)
            assert refusal(server, disguised, algorithm=algorithm) == "token_invalid"


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "RS512", "rs256", "", "RS1"])
def test_an_algorithm_that_no_key_is_for_is_not_configurable(
    keys: KeyServer, algorithm: str
) -> None:
    with pytest.raises(ValueError, match="none of"):
        verifier_of(keys, algorithm)


def forged(header: dict[str, Any], secret: bytes | None) -> str:
    text = f"{base64url(as_json(header))}.{base64url(as_json(CLAIMS))}"
    mac = b"" if secret is None else hmac.digest(secret, text.encode(), "sha256")
    return f"{text}.{base64url(mac)}"


@pytest.mark.parametrize("claimed", ["none", "NONE", "HS256", "RS256"])
def test_a_public_key_is_no_secret_and_no_signature_is_no_signature(
    keys: KeyServer, claimed: str
) -> None:
    pem = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    secrets = (None, b"", pem, pem.strip(), keys.body, json.dumps(public(RSA, "one")).encode())
    for secret in secrets:
        assert refusal(keys, forged(HEADER | {"alg": claimed}, secret)) == "token_invalid"


@pytest.mark.parametrize(
    "changed",
    [
        {"typ": MISSING},
        {"typ": "JOSE"},
        {"typ": "dpop+jwt"},
        {"typ": ["at+jwt"]},
        {"typ": None},
        {"alg": MISSING},
        {"alg": ["RS256"]},
        {"alg": "RS256 "},
        {"kid": MISSING},
        {"kid": 1},
        {"kid": ["one"]},
        {"kid": None},
        {"kid": ""},
        {"kid": "x" * 256},
        {"kid": "one\0"},
        {"kid": "../one"},
        {"crit": []},
        {"crit": ["exp"], "exp": 1},
        {"b64": True},
        {"jku": "http://127.0.0.1:1/keys"},
        {"x5u": "http://127.0.0.1:1/keys"},
        {"x5c": ["AAAA"]},
        {"jwk": public(OTHER_RSA, "one")},
    ],
    ids=lambda changed: str(changed)[:24],
)
def test_header_tricks(keys: KeyServer, changed: dict[str, Any]) -> None:
    header = {name: value for name, value in (HEADER | changed).items() if value is not MISSING}
    assert refusal(keys, signed(header, CLAIMS)) == "token_invalid"
    assert set(keys.paths) <= {"/keys"}


def test_a_key_in_the_header_is_not_believed(keys: KeyServer) -> None:
    header = HEADER | {"jwk": public(OTHER_RSA, "one")}
    assert refusal(keys, signed(header, CLAIMS, OTHER_RSA)) == "token_invalid"
    assert refusal(keys, signed(HEADER, CLAIMS, OTHER_RSA)) == "token_invalid"


@pytest.mark.parametrize(
    "document",
    [b"", b"[]", b"null", b'"x"', b"{", b"\xff", b"\xef\xbb\xbf{}", b"[" * 3_000, b'{"a":NaN}'],
)
def test_parts_that_are_no_object(keys: KeyServer, document: bytes) -> None:
    assert refusal(keys, signed(document, CLAIMS)) == "token_invalid"
    assert refusal(keys, signed(HEADER, document)) == "token_invalid"


def test_duplicate_members(keys: KeyServer) -> None:
    header = as_json(HEADER)[:-1] + b', "alg": "RS256"}'
    claims = as_json(CLAIMS)[:-1] + b', "tenant_id": "%s"}' % str(TENANT).encode()
    assert refusal(keys, signed(header, CLAIMS)) == "token_invalid"
    assert refusal(keys, signed(HEADER, claims)) == "token_invalid"
