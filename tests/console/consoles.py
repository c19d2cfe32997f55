"""A console of its own for tests: for a tenant that nobody else uses, on the session's stack.

Its issuer has the stack's key, so the stack's API takes its tokens.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from hpts.local.ports import free_port
from schemas.scopes import ALL_SCOPES, READ_SCOPES
from tests.http import Client

KEY = "the key of the test"
READY_WITHIN_S = 60
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@dataclass(frozen=True)
class Running:
    """Where it is, and who may sign in: by client id, all with the tenant of `tenant_id`."""

    url: str
    token_url: str
    api_url: str
    tenant_id: str
    secrets: Mapping[str, str]
    log: Path

    def client(self, client_id: str = "lender") -> Client:
        """The same client over the API."""
        return Client.of(
            {
                "clients": [{"client_id": client_id, "client_secret": self.secrets[client_id]}],
                "token_url": self.token_url,
                "api_url": self.api_url,
            }
        )


def chromium() -> str | None:
    """The browser: as HPTS_CHROMIUM says, else from PATH."""
    named = os.environ.get("HPTS_CHROMIUM")
    return named or next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def running(
    stack: dict[str, Any], stack_dir: Path, folder: Path, *, api_url: str | None = None
) -> Iterator[Running]:
    """An issuer with two clients of a new tenant, and a console that knows them."""
    tenant_id = str(uuid4())
    clients = [
        _client("lender", tenant_id, ALL_SCOPES, operator=True),
        _client("auditor", tenant_id, READ_SCOPES, operator=False),
    ]
    clients_file, key_file = folder / "clients.json", folder / "key"
    clients_file.write_text(json.dumps(clients))
    key_file.write_text(KEY)
    issuer, console = (f"http://127.0.0.1:{port}" for port in (free_port(), free_port()))
    told = {
        "HPTS_TOKEN_ISSUER": stack["token_url"].removesuffix("/oauth/token"),
        "HPTS_TOKEN_AUDIENCE": "hpts",
        "HPTS_ISSUER_CLIENTS_FILE": str(clients_file),
        "HPTS_ISSUER_KEY_FILE": str(stack_dir / "secrets" / "issuer.pem"),
        "HPTS_CONSOLE_API_URL": api_url or stack["api_url"],
        "HPTS_CONSOLE_TOKEN_URL": f"{issuer}/oauth/token",
        "HPTS_CONSOLE_CLIENTS_FILE": str(clients_file),
        "HPTS_CONSOLE_KEY_FILE": str(key_file),
    }
    with ExitStack() as opened:
        for module, url in (("hpts.local.issuer", issuer), ("console", console)):
            opened.enter_context(_process(module, url, told, folder / f"{module}.log"))
        for url in (issuer, console):
            _await_health(url)
        secrets = {one["client_id"]: one["client_secret"] for one in clients}
        yield Running(
            console,
            told["HPTS_CONSOLE_TOKEN_URL"],
            told["HPTS_CONSOLE_API_URL"],
            tenant_id,
            secrets,
            folder / "console.log",
        )


def _client(
    client_id: str, tenant_id: str, scopes: tuple[str, ...], *, operator: bool
) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "client_secret": f"secret of {client_id}",
        "tenant_id": tenant_id,
        "scopes": list(scopes),
        "partner": False,
        "operator": operator,
    }


@contextmanager
def _process(module: str, url: str, told: dict[str, str], log: Path) -> Iterator[None]:
    environment = {**os.environ, **told, "HPTS_PORT": url.rpartition(":")[2]}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(10) == 0, log.read_text()


def _await_health(url: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            if httpx.get(f"{url}/health").is_success:
                return
        except httpx.TransportError:
            assert time.monotonic() < deadline, f"{url} is not ready"
        time.sleep(0.1)
