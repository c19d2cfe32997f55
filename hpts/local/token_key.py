"""The development issuer's signing key: a PEM file of its owner alone, made when absent."""

import json
import os
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


@dataclass(frozen=True, slots=True)
class TokenKey:
    """An RSA key, its id (the RFC 7638 thumbprint) and its public form (RFC 7517)."""

    private: RSAPrivateKey
    key_id: str
    public: dict[str, Any]


def open_key(path: Path) -> TokenKey:
    """The key in the file. Raises `OSError`, or `ValueError` for a file that holds no RSA key."""
    if not path.exists():
        _make(path)
    key = load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ValueError(f"{path} does not hold an RSA key")
    numbers = key.public_key().public_numbers()
    required = {"e": _base64url(numbers.e), "kty": "RSA", "n": _base64url(numbers.n)}
    canonical = json.dumps(required, separators=(",", ":"), sort_keys=True)
    key_id = urlsafe_b64encode(sha256(canonical.encode()).digest()).rstrip(b"=").decode()
    return TokenKey(key, key_id, required | {"kid": key_id, "use": "sig", "alg": "RS256"})


def _make(path: Path) -> None:
    """Whole or not at all, and never readable by others; the first of two makers wins."""
    pem = generate_private_key(65_537, 2_048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _base64url(number: int) -> str:
    data = number.to_bytes((number.bit_length() + 7) // 8)
    return urlsafe_b64encode(data).rstrip(b"=").decode()
