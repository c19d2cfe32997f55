"""The secrets of a local run: random, made once, kept in `DATA_DIR/secrets` for its owner alone."""

import fcntl
import json
import os
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
from hpts.local.pki import PARTNER, Pki
from schemas.checkpoints import private_key_in
from schemas.scopes import (
    ALL_SCOPES,
    OPERATIONS_READ,
    OPERATIONS_WRITE,
    PARTNER_SCOPES,
    READ_SCOPES,
)

ROLES: Final = (
    *("hpts_ingress", "hpts_engine", "hpts_reader", "hpts_deliveries"),
    "hpts_reconciliation",
)
SIGNING_KEY_ID: Final = "local-1"
PRODUCER_KEY_ID: Final = "local-producer"
"""The direct producer's own key: what it signs is told apart, and can be ended, by itself."""
TENANT_SCOPES: Final = tuple(s for s in ALL_SCOPES if s not in (OPERATIONS_READ, OPERATIONS_WRITE))
CHECKPOINT_PUBLIC_KEY: Final = "checkpoint.pub.pem"
"""The file by which anybody can check what the engines sign; no secret."""


class Credentials:
    """The secrets below one folder, made where they are missing; certificates lie beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pki = Pki(folder.parent / "pki")
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
        """The issuer's clients: two tenants with every scope, one that may only read, a partner."""
        known = self._known_clients()
        first = known[0]["tenant_id"] if known else str(uuid4())
        wanted = [
            _client("tenant-a", first, ALL_SCOPES),
            _client("tenant-b", str(uuid4()), ALL_SCOPES),
            _client("tenant-a-reader", first, READ_SCOPES),
            _client("tenant-a-partner", first, PARTNER_SCOPES, partner=True),
        ]
        names = {client["client_id"] for client in known}
        clients = known + [client for client in wanted if client["client_id"] not in names]
        for client in clients:
            if client["client_id"] == "tenant-a-partner":  # also in a folder that was moved
                client["certificate_file"] = str(self.pki.certificate_file(PARTNER).absolute())
        if clients != known:
            write_json(self.clients_file, clients, mode=0o600)
        return clients

    def add_tenant(self, name: str) -> dict[str, Any]:
        """One more client, of a tenant of its own, with every scope but an operator's; what
        `name` had before is kept.
        """
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # on the folder: a file would be one more secret
            clients = self.clients()
            known = next((one for one in clients if one["client_id"] == name), None)
            if known is None:
                known = _client(name, str(uuid4()), TENANT_SCOPES)
                write_json(self.clients_file, [*clients, known], mode=0o600)
        finally:
            os.close(folder)
        return known

    def tenants(self) -> list[UUID]:
        """Every tenant that has a client."""
        return sorted({UUID(client["tenant_id"]) for client in self.clients()})

    @property
    def checkpoint_public_key(self) -> Path:
        """The public half of `checkpoint_key`."""
        return self.folder / CHECKPOINT_PUBLIC_KEY

    def _known_clients(self) -> list[dict[str, Any]]:
        if not self.clients_file.exists():
            return []
        clients: list[dict[str, Any]] = json.loads(self.clients_file.read_text("utf-8"))
        return clients

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


def _client(
    client_id: str, tenant_id: str, scopes: tuple[str, ...], *, partner: bool = False
) -> dict[str, Any]:
    return {
        "client_id": client_id,
        "client_secret": secrets.token_hex(24),
        "tenant_id": tenant_id,
        "scopes": list(scopes),
        "partner": partner,
        "operator": client_id == "tenant-a",
    }
