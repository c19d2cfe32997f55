"""The development token issuer: OAuth 2.0 client credentials (RFC 6749 section 4.4).

`python -m hpts.local.issuer`. For `hpts up` only: its clients are a file, its key lies beside
it. What verifies its tokens (`schemas.access_token`) does not know it from any other issuer.
POST /oauth/token, GET /.well-known/jwks.json, GET /health.
"""

import binascii
import hmac
import secrets
import signal
import ssl
import sys
import time
from base64 import b64decode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus

import jwt
import uvicorn
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from hpts.local.token_key import TokenKey, open_key
from schemas.partners.certificates import thumbprint_of

TOKEN_LIFETIME_S: Final = 3_600
MOST_FORM_BYTES: Final = 16_384
_NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class Settings(BaseSettings):
    """What the issuer is told from outside."""

    model_config = SettingsConfigDict(
        env_prefix="HPTS_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    issuer_clients_file: Path
    issuer_key_file: Path
    token_issuer: str = Field(min_length=1)
    token_audience: str = Field(min_length=1)
    host: str = "127.0.0.1"
    port: int = Field(ge=0, le=65535)


class Client(BaseModel, frozen=True, extra="forbid"):
    """One registered client. Partners' tokens carry `client_type`, operators' `operator`.

    A partner's are bound to the certificate (PEM) that is in its file when the token is given.
    """

    client_id: str = Field(min_length=1, max_length=255)
    client_secret: SecretStr
    tenant_id: str
    scopes: tuple[str, ...]
    partner: bool = False
    operator: bool = False
    certificate_file: Path | None = None

    @model_validator(mode="after")
    def _has_what_its_tokens_are_bound_to(self) -> "Client":
        if self.partner != (self.certificate_file is not None):
            raise ValueError("a partner, and nobody else, has a certificate_file")
        return self


_CLIENTS: Final = TypeAdapter(list[Client], config=ConfigDict(hide_input_in_errors=True))


class ClientsFile(Mapping[str, Client]):
    """The registered clients, by id; read again once the file has changed."""

    def __init__(self, file: Path) -> None:
        """Raises `OSError` or `ValidationError`."""
        self._file = file
        self._read_at, self._clients = 0, dict[str, Client]()
        self._refresh()

    def __getitem__(self, client_id: str) -> Client:
        self._refresh()
        return self._clients[client_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._clients)

    def __len__(self) -> int:
        return len(self._clients)

    def _refresh(self) -> None:
        changed_at = self._file.stat().st_mtime_ns
        if changed_at != self._read_at:
            listed = _CLIENTS.validate_json(self._file.read_bytes())
            self._clients = {client.client_id: client for client in listed}
            self._read_at = changed_at


class OAuthError(Exception):
    """An error answer of RFC 6749 section 5.2."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.description, self.status = code, description, status

    def response(self) -> Response:
        headers = dict(_NO_STORE)
        if self.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="hpts", charset="UTF-8"'
        body = {"error": self.code, "error_description": self.description}
        return JSONResponse(body, self.status, headers)


class Issuer:
    """Gives tokens to registered clients. `now` is seconds since the epoch."""

    def __init__(
        self, clients: Mapping[str, Client], key: TokenKey, *, issuer: str, audience: str
    ) -> None:
        self.key_set = {"keys": [key.public]}
        self._clients = clients
        self._key = key
        self._issuer = issuer
        self._audience = audience

    def answer(
        self, form: Mapping[str, str], authorization: str | None, now: int
    ) -> dict[str, Any]:
        """The token response to one request; raises `OAuthError`."""
        if "grant_type" not in form:
            raise OAuthError("invalid_request", "grant_type is missing")
        client = self._authenticated(*_credentials(form, authorization))
        if form["grant_type"] != "client_credentials":
            raise OAuthError("unsupported_grant_type", "only client_credentials is given here")
        scope = _granted(form.get("scope"), client)
        return {
            "access_token": self._token(client, scope, now),
            "token_type": "Bearer",
            "expires_in": TOKEN_LIFETIME_S,
            "scope": scope,
        }

    def _authenticated(self, client_id: str, secret: str) -> Client:
        """Takes as long for an unknown client as for a wrong secret."""
        client = self._clients.get(client_id)
        expected = client.client_secret.get_secret_value() if client else secrets.token_hex()
        is_right = hmac.compare_digest(_digest(expected), _digest(secret))
        if client is None or not is_right:
            raise OAuthError("invalid_client", "the client is unknown or its secret wrong", 401)
        return client

    def _token(self, client: Client, scope: str, now: int) -> str:
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": client.client_id,
            "client_id": client.client_id,
            "aud": self._audience,
            "iat": now,
            "nbf": now,
            "exp": now + TOKEN_LIFETIME_S,
            "jti": secrets.token_hex(16),
            "tenant_id": client.tenant_id,
            "scope": scope,
        }
        if client.certificate_file is not None:
            claims["client_type"] = "partner"
            claims["cnf"] = {"x5t#S256": _thumbprint(client.certificate_file)}
        if client.operator:
            claims["operator"] = True
        header = {"typ": "at+jwt", "kid": self._key.key_id}
        return jwt.encode(claims, self._key.private, algorithm="RS256", headers=header)


def create(issuer: Issuer) -> Starlette:
    """The ASGI app."""

    async def token(request: Request) -> Response:
        try:
            form = await _form(request)
            answer = issuer.answer(form, request.headers.get("authorization"), int(time.time()))
        except OAuthError as error:
            return error.response()
        return JSONResponse(answer, headers=_NO_STORE)

    async def key_set(_request: Request) -> Response:
        return JSONResponse(issuer.key_set, headers={"Cache-Control": "public, max-age=60"})

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers=_NO_STORE)

    return Starlette(
        routes=[
            Route("/oauth/token", token, methods=["POST"]),
            Route("/.well-known/jwks.json", key_set, methods=["GET"]),
            Route("/health", health, methods=["GET"]),
        ]
    )


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; 2 when the settings or their files are wrong."""
    try:
        settings = Settings()  # type: ignore[call-arg]  # from the environment
        clients = ClientsFile(settings.issuer_clients_file)
        key = open_key(settings.issuer_key_file)
    except (ValidationError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    issuer = Issuer(
        clients,
        key,
        issuer=settings.token_issuer,
        audience=settings.token_audience,
    )
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        # uvicorn ends in order, then raises the signal again.
        signal.signal(signal_number, lambda *_: sys.exit(0))
    uvicorn.run(
        create(issuer),
        host=settings.host,
        port=settings.port,
        access_log=False,
        log_level="warning",
    )
    return 0


async def _form(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != (
        "application/x-www-form-urlencoded"
    ):
        raise OAuthError("invalid_request", "send application/x-www-form-urlencoded")
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_FORM_BYTES:
            raise OAuthError("invalid_request", "the form is too large")
    try:
        fields = parse_qsl(body.decode("ascii"), errors="strict", max_num_fields=50)
    except ValueError:
        raise OAuthError("invalid_request", "the form is malformed") from None
    if len(dict(fields)) != len(fields):
        raise OAuthError("invalid_request", "a parameter is repeated")
    return dict(fields)


def _credentials(form: Mapping[str, str], authorization: str | None) -> tuple[str, str]:
    """Client id and secret, from Basic or from the form but not from both."""
    in_form = "client_secret" in form
    if authorization is None:
        if not in_form or "client_id" not in form:
            raise OAuthError("invalid_client", "the client does not authenticate itself", 401)
        return form["client_id"], form["client_secret"]
    if in_form:
        raise OAuthError("invalid_request", "authenticate by Basic or in the form, not by both")
    scheme, _, encoded = authorization.partition(" ")
    try:
        client_id, colon, secret = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise OAuthError("invalid_client", "the Authorization header is malformed", 401) from None
    if scheme.lower() != "basic" or not colon:
        raise OAuthError("invalid_client", "authenticate by Basic", 401)
    client_id, secret = unquote_plus(client_id), unquote_plus(secret)
    if form.get("client_id", client_id) != client_id:
        raise OAuthError("invalid_request", "two clients are named")
    return client_id, secret


def _granted(asked: str | None, client: Client) -> str:
    """The scopes asked for, in the client's order; all of its own where none are named."""
    if asked is None:
        return " ".join(client.scopes)
    wanted = set(asked.split(" ")) - {""}
    if not wanted or not wanted <= set(client.scopes):
        raise OAuthError("invalid_scope", "the client may not have every scope it asks for")
    return " ".join(scope for scope in client.scopes if scope in wanted)


def _thumbprint(certificate_file: Path) -> str:
    """Of the certificate that is registered now; raises `OAuthError`."""
    try:
        return thumbprint_of(ssl.PEM_cert_to_DER_cert(certificate_file.read_text("ascii")))
    except (OSError, ValueError):
        raise OAuthError("invalid_client", "the certificate cannot be read", 401) from None


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogateescape")).digest()


if __name__ == "__main__":
    sys.exit(main())
