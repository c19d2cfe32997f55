"""One client certificate: what is asked of it later, and how a proxy carries it. Pure."""

import re
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Final

from cryptography import x509

MOST_BYTES: Final = 16_384
_BYTE_SEQUENCE: Final = re.compile(rb":([A-Za-z0-9+/]+={0,2}):")
_MANY: Final = 1_000


class NotACertificate(ValueError):
    """What came is no certificate, or not in the one form that is taken."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """`thumbprint` as in `x5t#S256` (RFC 8705): SHA-256 of the whole, in base64url."""

    thumbprint: str
    issuer: bytes
    serial_number: int
    valid_from_s: float
    valid_until_s: float


@lru_cache(maxsize=_MANY)
def read_certificate(der: bytes) -> ClientCertificate:
    """The certificate in DER; raises `NotACertificate`."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        return ClientCertificate(
            thumbprint=thumbprint_of(der),
            issuer=certificate.issuer.public_bytes(),
            serial_number=certificate.serial_number,
            valid_from_s=certificate.not_valid_before_utc.timestamp(),
            valid_until_s=certificate.not_valid_after_utc.timestamp(),
        )
    except (ValueError, x509.InvalidVersion) as error:
        raise NotACertificate("It is no X.509 certificate.") from error


def thumbprint_of(der: bytes) -> str:
    """The confirmation `x5t#S256` of a certificate in DER."""
    return urlsafe_b64encode(sha256(der).digest()).rstrip(b"=").decode()


def der_of_header(values: Sequence[bytes]) -> bytes:
    """The DER in the values of `Client-Cert`: one byte sequence (RFC 9440, RFC 8941), spelled in
    the one way there is; raises `NotACertificate`.
    """
    if len(values) != 1:
        raise NotACertificate("It must come in one Client-Cert header.")
    found = _BYTE_SEQUENCE.fullmatch(values[0]) if len(values[0]) <= MOST_BYTES else None
    if found is None:
        raise NotACertificate("Client-Cert is not one byte sequence.")
    try:
        der = b64decode(found[1], validate=True)
    except ValueError:
        raise NotACertificate("Client-Cert is not base64.") from None
    if b64encode(der) != found[1]:
        raise NotACertificate("Client-Cert is not canonical base64.")
    return der
