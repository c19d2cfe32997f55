"""An issuer for tests: real keys, a real HTTP server for the key set, and tokens of any shape.

Signs with the primitives themselves, so that a test can sign what no token library would write.
"""

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Final
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from schemas.access_token import AccessToken, TokenVerifier
from schemas.problems import ProblemError

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey

RSA: Final = generate_rsa(65_537, 2_048)
OTHER_RSA: Final = generate_rsa(65_537, 2_048)
WEAK_RSA: Final = generate_rsa(65_537, 1_024)
EC: Final = generate_private_key(SECP256R1())
ED: Final = Ed25519PrivateKey.generate()

NOW: Final = 1_800_000_000
TENANT: Final = UUID("0e1d2c3b-4a59-4687-8796-a5b4c3d2e1f0")
HEADER: Final = {"alg": "RS256", "typ": "at+jwt", "kid": "one"}
CLAIMS: Final[dict[str, Any]] = {
    "iss": "https://issuer.test",
    "aud": "hpts",
    "sub": "loan-desk",
    "client_id": "loan-desk",
    "iat": NOW - 60,
    "nbf": NOW - 60,
    "exp": NOW + 3_540,
    "jti": "1",
    "tenant_id": str(TENANT),
    "scope": "hpts:payments:write hpts:ledger:read",
}


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int, length: int | None = None) -> str:
    return base64url(value.to_bytes(length or (value.bit_length() + 7) // 8))


def public(key: PrivateKey, kid: str, **members: Any) -> dict[str, Any]:
    """The public form of a key (RFC 7517); `members` are added or replace its own."""
    jwk: dict[str, Any]
    if isinstance(key, RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        jwk = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
    elif isinstance(key, EllipticCurvePrivateKey):
        point = key.public_key().public_numbers()
        jwk = {"kty": "EC", "crv": "P-256", "x": number(point.x, 32), "y": number(point.y, 32)}
    else:
        x = base64url(key.public_key().public_bytes_raw())
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": x}
    return jwk | {"kid": kid, "use": "sig"} | members


def as_json(value: Mapping[str, Any] | bytes) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def signed(
    header: Mapping[str, Any] | bytes,
    claims: Mapping[str, Any] | bytes,
    key: PrivateKey = RSA,
    algorithm: str = "RS256",
) -> str:
    """A rightly signed token, whatever its header claims; bytes are taken as they are."""
    text = f"{base64url(as_json(header))}.{base64url(as_json(claims))}"
    return f"{text}.{base64url(signature(text.encode(), key, algorithm))}"


def signature(data: bytes, key: PrivateKey, algorithm: str) -> bytes:
    if isinstance(key, Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(data, ECDSA(SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)
    if algorithm == "PS256":
        return key.sign(data, PSS(MGF1(SHA256()), 32), SHA256())
    return key.sign(data, PKCS1v15(), SHA256())


@dataclass
class KeyServer:
    """What the key set's address answers now, and how often it was asked."""

    url: str
    body: bytes = b""
    status: int = 200
    delay_s: float = 0
    paths: list[str] = field(default_factory=list)

    @property
    def fetches(self) -> int:
        return len(self.paths)

    def publish(self, *keys: dict[str, Any]) -> None:
        self.body = json.dumps({"keys": keys}).encode()


@contextmanager
def key_server() -> Iterator[KeyServer]:
    """A key set server on a free port of the loopback interface."""

    stopping = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.paths.append(self.path)
            stopping.wait(state.delay_s)
            self.send_response(state.status)
            self.send_header("Content-Length", str(len(state.body)))
            self.end_headers()
            self.wfile.write(state.body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = KeyServer(f"http://127.0.0.1:{server.server_port}/keys")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield state
    finally:
        stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def verifier_of(keys: KeyServer, algorithm: str = "RS256", now_s: float = NOW) -> TokenVerifier:
    return TokenVerifier(
        issuer=CLAIMS["iss"],
        audience=CLAIMS["aud"],
        jwks_url=keys.url,
        algorithm=algorithm,
        now=lambda: now_s,
    )


def verify(keys: KeyServer, *values: bytes | str, **settings: Any) -> AccessToken:
    """The caller that a fresh verifier sees in these values of `Authorization`."""
    sent = [one if isinstance(one, bytes) else f"Bearer {one}".encode() for one in values]
    return asyncio.run(verifier_of(keys, **settings).verify(sent))


def refusal(keys: KeyServer, *values: bytes | str, **settings: Any) -> str:
    """The code of the 401 that these values get."""
    with pytest.raises(ProblemError) as raised:
        verify(keys, *values, **settings)
    problem = raised.value.problem
    assert problem.status == 401
    assert problem.headers["WWW-Authenticate"].startswith("Bearer ")
    return problem.code
