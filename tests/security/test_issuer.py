"""The development issuer: client credentials (RFC 6749), and tokens that our verifier takes."""

import asyncio
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import httpx
import pytest

from hpts.local.pki import PARTNER, Pki
from schemas.access_token import AccessToken, TokenVerifier
from schemas.partners.certificates import thumbprint_of
from schemas.problems import ProblemError

ISSUER: Final = "http://issuer.test"
TENANT: Final = UUID("0e1d2c3b-4a59-4687-8796-a5b4c3d2e1f0")
SCOPES: Final = "hpts:payments:write hpts:ledger:read"
CLIENTS: Final[list[dict[str, Any]]] = [
    {
        "client_id": "desk",
        "client_secret": "s3cret:with colon",
        "tenant_id": str(TENANT),
        "scopes": SCOPES.split(),
        "operator": True,
    },
    {
        "client_id": "shop",
        "client_secret": "other",
        "tenant_id": str(TENANT),
        "scopes": ["hpts:payments:write"],
        "partner": True,
    },
]
DESK: Final = {"client_id": "desk", "client_secret": "s3cret:with colon"}
GRANT: Final = {"grant_type": "client_credentials"}


@dataclass(frozen=True)
class Running:
    url: str
    process: subprocess.Popen[bytes]
    key_file: Path

    def post(self, form: Mapping[str, str], authorization: str | None = None) -> httpx.Response:
        headers = {} if authorization is None else {"Authorization": authorization}
        return httpx.post(f"{self.url}/oauth/token", data=form, headers=headers)


def basic(client_id: str, secret: str) -> str:
    return "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()


def certificate_of_shop(folder: Path) -> Path:
    pki = Pki(folder / "pki")
    pki.prepare()
    return pki.certificate_file(PARTNER)


def environment(folder: Path, port: int) -> dict[str, str]:
    desk, shop = CLIENTS
    clients = [desk, shop | {"certificate_file": str(certificate_of_shop(folder))}]
    (folder / "clients.json").write_text(json.dumps(clients), encoding="utf-8")
    return os.environ | {
        "HPTS_ISSUER_CLIENTS_FILE": str(folder / "clients.json"),
        "HPTS_ISSUER_KEY_FILE": str(folder / "key.pem"),
        "HPTS_TOKEN_ISSUER": ISSUER,
        "HPTS_TOKEN_AUDIENCE": "hpts",
        "HPTS_HOST": "127.0.0.1",
        "HPTS_PORT": str(port),
    }


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("issuer")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "hpts.local.issuer"], env=environment(folder, port)
    )
    running = Running(f"http://127.0.0.1:{port}", process, folder / "key.pem")
    try:
        await_health(running)
        yield running
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def await_health(running: Running) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            assert httpx.get(f"{running.url}/health").status_code == 200
            return
        except httpx.TransportError:
            assert running.process.poll() is None
            assert time.monotonic() < deadline


def caller(issuer: Running, token: str, thumbprint: str | None = None) -> AccessToken:
    verifier = TokenVerifier(
        issuer=ISSUER, audience="hpts", jwks_url=f"{issuer.url}/.well-known/jwks.json"
    )
    return asyncio.run(verifier.verify([f"Bearer {token}".encode()], thumbprint))


@pytest.mark.parametrize("how", ["form", "basic", "encoded basic"])
def test_a_client_gets_a_token_of_an_hour_that_our_verifier_takes(
    issuer: Running, how: str
) -> None:
    answer = {
        "form": lambda: issuer.post(GRANT | DESK),
        "basic": lambda: issuer.post(GRANT, basic("desk", "s3cret:with colon")),
        "encoded basic": lambda: issuer.post(GRANT, basic("desk", "s3cret%3Awith+colon")),
    }[how]()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    token = caller(issuer, body.pop("access_token"))
    assert body == {"token_type": "Bearer", "expires_in": 3_600, "scope": SCOPES}
    assert (token.tenant_id, token.actor, token.is_operator) == (TENANT, "desk", True)
    assert token.scopes == set(SCOPES.split())
    assert 3_590 <= token.expires_at.timestamp() - time.time() <= 3_600


def test_scope_narrows_the_token(issuer: Running) -> None:
    body = issuer.post(GRANT | DESK | {"scope": "hpts:ledger:read"}).json()
    assert body["scope"] == "hpts:ledger:read"
    assert caller(issuer, body["access_token"]).scopes == {"hpts:ledger:read"}


def test_a_partner_gets_a_token_that_the_internal_listener_refuses(issuer: Running) -> None:
    token = issuer.post(GRANT, basic("shop", "other")).json()["access_token"]
    with pytest.raises(ProblemError) as raised:
        caller(issuer, token)
    assert raised.value.problem.code == "certificate_required"


def test_a_partners_token_is_bound_to_the_certificate_that_is_registered_now(
    issuer: Running,
) -> None:
    shop = basic("shop", "other")
    pki = Pki(issuer.key_file.parent / "pki")
    for _ in range(2):
        der = ssl.PEM_cert_to_DER_cert(pki.certificate_file(PARTNER).read_text())
        token = issuer.post(GRANT, shop).json()["access_token"]
        assert caller(issuer, token, thumbprint_of(der)).client_type == "partner"
        pki.issue(PARTNER)
    with pytest.raises(ProblemError) as raised:
        caller(issuer, token, "A" * 43)
    assert raised.value.problem.code == "certificate_mismatch"
    text = pki.certificate_file(PARTNER).read_text()
    pki.certificate_file(PARTNER).unlink()
    assert issuer.post(GRANT, shop).json()["error"] == "invalid_client"
    pki.certificate_file(PARTNER).write_text(text)


@pytest.mark.parametrize("wrong", [{"partner": True}, {"certificate_file": "partner.pem"}])
def test_a_partner_and_nobody_else_has_a_certificate(tmp_path: Path, wrong: dict[str, Any]) -> None:
    settings = environment(tmp_path, 0)
    desk, _ = CLIENTS
    (tmp_path / "clients.json").write_text(json.dumps([desk | wrong]))
    run = subprocess.run(
        [sys.executable, "-m", "hpts.local.issuer"], env=settings, capture_output=True, text=True
    )
    assert run.returncode == 2
    assert "certificate_file" in run.stderr


WRONG_DESK: Final = DESK | {"client_secret": "s3cret"}


@pytest.mark.parametrize(
    ("form", "authorization", "status", "error"),
    [
        (DESK, None, 400, "invalid_request"),
        (GRANT, None, 401, "invalid_client"),
        (GRANT | WRONG_DESK, None, 401, "invalid_client"),
        (GRANT | {"client_id": "nobody", "client_secret": "x"}, None, 401, "invalid_client"),
        (GRANT | {"client_id": "desk"}, None, 401, "invalid_client"),
        (GRANT, basic("desk", ""), 401, "invalid_client"),
        (GRANT, "Basic !!!", 401, "invalid_client"),
        (GRANT, "Basic /w==", 401, "invalid_client"),
        (GRANT, "Bearer abc", 401, "invalid_client"),
        (GRANT | DESK, basic("desk", "s3cret:with colon"), 400, "invalid_request"),
        (DESK | {"grant_type": "password"}, None, 400, "unsupported_grant_type"),
        (GRANT | DESK | {"scope": "hpts:fees:write"}, None, 400, "invalid_scope"),
        (GRANT | DESK | {"scope": f"{SCOPES} other"}, None, 400, "invalid_scope"),
        (GRANT | DESK | {"scope": " "}, None, 400, "invalid_scope"),
    ],
)
def test_errors_of_rfc_6749(
    issuer: Running, form: dict[str, str], authorization: str | None, status: int, error: str
) -> None:
    answer = issuer.post(form, authorization)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["cache-control"] == "no-store"
    assert ("www-authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("application/x-www-form-urlencoded", b"grant_type=a&grant_type=a"),
        ("application/x-www-form-urlencoded", b"grant_type=%ff"),
        ("application/x-www-form-urlencoded", b"\xff"),
        ("application/x-www-form-urlencoded", b"a" * 100_000),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(60))),
    ],
)
def test_what_is_no_form(issuer: Running, content_type: str, body: bytes) -> None:
    answer = httpx.post(
        f"{issuer.url}/oauth/token", content=body, headers={"Content-Type": content_type}
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_the_key_is_its_owners_alone_and_published_without_its_private_part(
    issuer: Running,
) -> None:
    assert stat.S_IMODE(issuer.key_file.stat().st_mode) == 0o600
    (key,) = httpx.get(f"{issuer.url}/.well-known/jwks.json").json()["keys"]
    assert key.keys() == {"kty", "n", "e", "kid", "use", "alg"}


def test_every_fault_of_the_settings_is_reported_at_once(tmp_path: Path) -> None:
    settings = environment(tmp_path, 0)
    del settings["HPTS_TOKEN_ISSUER"], settings["HPTS_TOKEN_AUDIENCE"]
    run = subprocess.run(
        [sys.executable, "-m", "hpts.local.issuer"], env=settings, capture_output=True, text=True
    )
    assert run.returncode == 2
    assert "token_issuer" in run.stderr
    assert "token_audience" in run.stderr
    assert "s3cret" not in run.stderr
