"""The secrets of a local run: random, made once, kept in `DATA_DIR/secrets` for its owner alone."""

import json
import secrets
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from hpts.local.folder import write, write_json
from schemas.checkpoints import private_key_in
from schemas.scopes import ALL_SCOPES, READ_SCOPES

ROLES: Final = ("hpts_ingress", "hpts_engine", "hpts_reader")
SIGNING_KEY_ID: Final = "local-1"
PRODUCER_KEY_ID: Final = "local-producer"
"""The direct producer's own key: what it signs is told apart, and can be ended, by itself."""
CHECKPOINT_PUBLIC_KEY: Final = "checkpoint.pub.pem"
"""The file by which anybody can check what the engines sign; no secret."""


class Credentials:
    """The secrets below one folder, made where they are missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.signing_key = self._kept("signing_key")
        self.producer_key = self._kept("producer_key")
        self.page_token_secret = self._kept("page_token_secret")
        self.console_key = self._kept("console_key")
        self.clients_file = folder / "clients.json"
        self.issuer_key = folder / "issuer.pem"
        self.checkpoint_key = self._checkpoint_key()

    def passwords(self) -> dict[str, str]:
        """The password of each database role of a service."""
        return {role: self._kept(f"{role}.password").read_text("utf-8") for role in ROLES}

    def clients(self) -> list[dict[str, Any]]:
        """The issuer's clients: two tenants with every scope, then one that may only read."""
        if not self.clients_file.exists():
            first, second = str(uuid4()), str(uuid4())
            write_json(
                self.clients_file,
                [
                    _client("tenant-a", first, ALL_SCOPES),
                    _client("tenant-b", second, ALL_SCOPES),
                    _client("tenant-a-reader", first, READ_SCOPES),
                ],
                mode=0o600,
            )
        clients: list[dict[str, Any]] = json.loads(self.clients_file.read_text("utf-8"))
        return clients

    def tenants(self) -> list[UUID]:
        """Every tenant that has a client."""
        return sorted({UUID(client["tenant_id"]) for client in self.clients()})

    @property
    def checkpoint_public_key(self) -> Path:
        """The public half of `checkpoint_key`."""
        return self.folder / CHECKPOINT_PUBLIC_KEY

    def _checkpoint_key(self) -> Path:
        path = self.folder / "checkpoint.pem"
        if not path.exists():
            pem = Ed25519PrivateKey.generate().private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            )
            write(path, pem.decode(), mode=0o600)
        public = private_key_in(path).public_key()
        told = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        write(self.checkpoint_public_key, told, mode=0o600)
        return path

    def _kept(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists():
            write(path, secrets.token_hex(32), mode=0o600)
        return path


def _client(client_id: str, tenant_id: str, scopes: tuple[str, ...]) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "client_secret": secrets.token_hex(24),
        "tenant_id": tenant_id,
        "scopes": list(scopes),
        "partner": False,
        "operator": client_id == "tenant-a",
    }
