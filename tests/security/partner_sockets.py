"""Partners of the running stack: certificates of its authority, tokens, and raw TLS sockets."""

import json
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import jwt

from hpts.local.pki import Pki
from hpts.local.token_key import open_key
from schemas.partners.certificates import thumbprint_of
from schemas.scopes import PARTNER_SCOPES

ANSWERED_WITHIN_S = 20


@dataclass(frozen=True)
class Answer:
    """One HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The problem's code; empty for what is no problem."""
        return str(json.loads(self.body).get("code", "")) if self.body[:1] == b"{" else ""

    @property
    def told(self) -> tuple[int, str]:
        return self.status, self.code


class Partners:
    """Everybody who could ask: names with a certificate of the stack's authority, and tokens."""

    def __init__(self, stack: dict[str, Any], stack_dir: Path) -> None:
        self.pki = Pki(stack_dir / "pki")
        self.stack = stack
        self._key = open_key(stack_dir / "secrets" / "issuer.pem")

    @cached_property
    def address(self) -> tuple[str, int]:
        url = urlsplit(self.stack["partner_api_url"])
        return url.hostname or "", url.port or 0

    def named(self, name: str) -> str:
        """A partner with a new certificate; its name."""
        self.pki.issue(name)
        return name

    def der(self, name: str) -> bytes:
        return ssl.PEM_cert_to_DER_cert(self.pki.certificate_file(name).read_text())

    def thumbprint(self, name: str) -> str:
        return thumbprint_of(self.der(name))

    def token(self, name: str | None = None, **changed: Any) -> str:
        """A token of the stack's issuer, bound to a partner's certificate; `changed` claims, None
        for one that is to be absent.
        """
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.stack["token_url"].removesuffix("/oauth/token"),
            "aud": "hpts",
            "sub": name or "nobody",
            "client_id": name or "nobody",
            "iat": now,
            "nbf": now,
            "exp": now + 600,
            "tenant_id": self.stack["clients"][0]["tenant_id"],
            "scope": " ".join(PARTNER_SCOPES),
            "client_type": "partner",
        }
        if name is not None:
            claims["cnf"] = {"x5t#S256": self.thumbprint(name)}
        claims |= changed
        kept = {claim: value for claim, value in claims.items() if value is not None}
        header = {"typ": "at+jwt", "kid": self._key.key_id}
        return jwt.encode(kept, self._key.private, algorithm="RS256", headers=header)

    def trusting(self, name: str | None) -> ssl.SSLContext:
        """A client's context: it trusts the authority, and comes with a partner's certificate."""
        context = ssl.create_default_context(cafile=self.stack["ca_cert"])
        if name is not None:
            context.load_cert_chain(self.pki.certificate_file(name), self.pki.key_file(name))
        return context

    @contextmanager
    def connected(
        self, context: ssl.SSLContext, *, source: str = "127.0.0.1"
    ) -> Iterator[ssl.SSLSocket]:
        """A connection to the partner listener; raises `ssl.SSLError` where it is refused."""
        with (
            socket.create_connection(self.address, ANSWERED_WITHIN_S, (source, 0)) as plain,
            context.wrap_socket(plain, server_hostname=self.address[0]) as secure,
        ):
            yield secure

    def ask(self, name: str, sent: bytes, *, source: str = "127.0.0.1") -> Answer:
        """What one request on a connection of its own is answered."""
        with self.connected(self.trusting(name), source=source) as connection:
            return exchange(connection, sent)


def exchange(connection: socket.socket, sent: bytes) -> Answer:
    """Send, and read one response."""
    connection.sendall(sent)
    return read_answer(connection)


def read_answer(connection: socket.socket) -> Answer:
    """One response, by its Content-Length; raises `ConnectionError` where there is none."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += _more(connection)
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {n.lower(): v.strip() for n, _, v in (line.partition(":") for line in lines)}
    while len(body) < int(headers["content-length"]):
        body += _more(connection)
    return Answer(int(status.split()[1]), headers, body)


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(65_536)
    if not piece:
        raise ConnectionError("closed without an answer")
    return piece


def get(token: str, *lines: bytes, path: str = "/v1/accounts") -> bytes:
    """A read; `lines` are headers, as they go over the wire."""
    return _request(f"GET {path} HTTP/1.1", token, lines)


def payment(token: str, *lines: bytes, body: bytes | None = None) -> bytes:
    """A payment for a loan that does not exist: what is let in is refused by the books, 422."""
    sent = loan_payment() if body is None else body
    length = b"Content-Length: %d" % len(sent)
    kind = b"Content-Type: application/json"
    key = b"Idempotency-Key: partner:%s" % uuid4().hex.encode()
    return _request("POST /v1/payments HTTP/1.1", token, (length, kind, key, *lines)) + sent


def loan_payment() -> bytes:
    body = {
        "loan_id": str(uuid4()),
        "borrower_id": str(uuid4()),
        "amount_minor": "100",
        "currency": "USD",
        "effective_at": "2026-02-02",
        "source_method": "ach",
    }
    return json.dumps(body).encode()


def _request(first: str, token: str, lines: tuple[bytes, ...]) -> bytes:
    head = [first.encode(), b"Host: localhost", b"Authorization: Bearer " + token.encode(), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n"
