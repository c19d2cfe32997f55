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

from schemas.scopes import ALL_SCOPES

SERVICES = Path("/run/hpts")
SETUP = Path("/run/hpts-setup")
ROLES = (
    *("postgres", "hpts_ingress", "hpts_engine", "hpts_reader", "hpts_deliveries"),
    "hpts_reconciliation",
)


def main() -> None:
    """Write what is missing: passwords, keys, and one development client with every scope."""
    passwords = {role: keep(SETUP / f"{role}.password", mode=0o444) for role in ROLES}
    lines = [f"*:*:*:{role}:{password}\n" for role, password in passwords.items()]
    write(SERVICES / "pgpass", "".join(lines), mode=0o600)
    for name in ("signing_key", "page_token_secret"):
        keep(SERVICES / name, mode=0o600)
    if not (SERVICES / "checkpoint.pem").exists():
        checkpoint_key()
    if not (SERVICES / "clients.json").exists():
        client = {
            "client_id": "developer",
            "client_secret": secrets.token_hex(24),
            "tenant_id": "3f1c1a52-6a0b-4c7e-9d55-0a6f1f6f7a01",
            "scopes": ALL_SCOPES,
            "partner": False,
            "operator": True,
        }
        write(SERVICES / "clients.json", json.dumps([client], indent=1), mode=0o600)
        print(f"client developer, secret {client['client_secret']}")


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
