"""Makes a compose stack's own secrets, once, each random; never overwrites one.

`/run/hpts` is for our services only. `/run/hpts-setup` is for the Postgres containers, which run
as another user: it holds the passwords that they set.
"""

import json
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from hpts.local.pki import AUTHORITY, PARTNER, SERVER, Pki
from schemas.scopes import ALL_SCOPES, PARTNER_SCOPES

SERVICES = Path("/run/hpts")
SETUP = Path("/run/hpts-setup")
FRONT = "front"
TENANT = "3f1c1a52-6a0b-4c7e-9d55-0a6f1f6f7a01"
ROLES = (
    *("postgres", "hpts_ingress", "hpts_engine", "hpts_reader", "hpts_deliveries"),
    "hpts_reconciliation",
)


def main() -> None:
    """Write what is missing: passwords, keys, certificates, and two development clients: one with
    every scope, and a partner.
    """
    passwords = {role: keep(SETUP / f"{role}.password", mode=0o444) for role in ROLES}
    lines = [f"*:*:*:{role}:{password}\n" for role, password in passwords.items()]
    write(SERVICES / "pgpass", "".join(lines), mode=0o600)
    for name in ("signing_key", "page_token_secret"):
        keep(SERVICES / name, mode=0o600)
    if not (SERVICES / "checkpoint.pem").exists():
        checkpoint_key()
    certificate = certificates()
    if not (SERVICES / "clients.json").exists():
        partner = {"partner": True, "certificate_file": str(certificate)}
        clients = [
            client("developer", ALL_SCOPES) | {"operator": True},
            client("partner", PARTNER_SCOPES) | partner,
        ]
        write(SERVICES / "clients.json", json.dumps(clients, indent=1), mode=0o600)
        for one in clients:
            print(f"client {one['client_id']}, secret {one['client_secret']}")


def client(client_id: str, scopes: tuple[str, ...]) -> dict[str, object]:
    """A client of the development issuer."""
    secret = secrets.token_hex(24)
    return {
        "client_id": client_id,
        "client_secret": secret,
        "tenant_id": TENANT,
        "scopes": scopes,
    }


def certificates() -> Path:
    """Make them, and copies for the proxy, which runs as another user; the partner's file."""
    pki = Pki(SERVICES / "pki", names=("ingress", "read", "localhost", "127.0.0.1"))
    pki.prepare()
    if FRONT not in pki.names_issued():
        pki.issue(FRONT)
    (SETUP / FRONT).mkdir(exist_ok=True)
    private = [pki.key_file(name) for name in (SERVER, FRONT)]
    public = [pki.certificate_file(name) for name in (AUTHORITY, SERVER, FRONT)]
    for path in (*private, *public, pki.revocation_list):
        write(SETUP / FRONT / path.name, path.read_text(encoding="ascii"), mode=0o444)
    return pki.certificate_file(PARTNER)


def checkpoint_key() -> None:
    """The key that checkpoints are signed by, and its public half for whoever verifies them."""
    key = Ed25519PrivateKey.generate()
    told = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    write(SERVICES / "checkpoint.pub.pem", told.decode(), mode=0o444)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write(SERVICES / "checkpoint.pem", pem.decode(), mode=0o600)


def keep(path: Path, *, mode: int) -> str:
    """The secret in `path`, made now if there is none."""
    if not path.exists():
        write(path, secrets.token_hex(32), mode=mode)
    return path.read_text(encoding="ascii")


def write(path: Path, text: str, *, mode: int) -> None:
    """Write a file whole or not at all, never readable by more than `mode` says."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    partial.touch(mode=0o600)
    partial.write_text(text, encoding="utf-8")
    partial.chmod(mode)
    partial.replace(path)


if __name__ == "__main__":
    main()
