"""Clients of a tenant that nobody else uses: whose months a test may close."""

import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from jwt import decode

from hpts.local.issuer import Client as Registered
from hpts.local.issuer import Issuer
from hpts.local.token_key import open_key
from schemas.scopes import ALL_SCOPES
from tests.http import Client


def client_of_new_tenant(stack: dict[str, Any], stack_dir: Path) -> Client:
    """A client with every scope, its token signed by the stack's own issuer key."""
    known = decode(Client.of(stack).token, options={"verify_signature": False})
    issuer = Issuer(
        {"servicing": _registered()},
        open_key(stack_dir / "secrets" / "issuer.pem"),
        issuer=known["iss"],
        audience=known["aud"],
    )
    form = {
        "grant_type": "client_credentials",
        "client_id": "servicing",
        "client_secret": "of the test",
    }
    token = issuer.answer(form, None, int(time.time()))["access_token"]
    return Client(httpx.Client(base_url=stack["api_url"], timeout=70), token)


def _registered() -> Registered:
    return Registered.model_validate(
        {
            "client_id": "servicing",
            "client_secret": "of the test",
            "tenant_id": str(uuid4()),
            "scopes": ALL_SCOPES,
        }
    )
