"""Which certificates their authority has taken back: a file of revocation lists (RFC 5280).

The file is looked at before every answer, and read when it has changed. One that cannot be read is
told in the log, and what was known before stays in force until its `nextUpdate`: after it, and for
an authority that no list is of, nobody can say whether a certificate counts, so nobody is let in.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import structlog
from cryptography import x509

_log = structlog.get_logger("partners")

Standing = Literal["good", "revoked", "unknown"]
_PEM: Final = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)


class UnusableList(ValueError):
    """A file that holds no list we can rely on; the text says why."""


@dataclass(frozen=True, slots=True)
class _RevocationList:
    serial_numbers: frozenset[int]
    updated_at_s: float
    next_update_s: float


class Revocations:
    """The lists in one file, each signed by one of `authorities`. Raises `UnusableList`."""

    def __init__(self, path: Path, authorities: Sequence[x509.Certificate]) -> None:
        self._path = path
        self._authorities = authorities
        self._stamp = _stamp(path)
        self._lists = _load(path, authorities)

    def standing(self, issuer: bytes, serial_number: int, now_s: float) -> Standing:
        """Whether the authority `issuer` (its name in DER) stands by the certificate now."""
        self._look()
        known = self._lists.get(issuer)
        if known is None or now_s > known.next_update_s:
            return "unknown"
        return "revoked" if serial_number in known.serial_numbers else "good"

    def _look(self) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._lists = _load(self._path, self._authorities)
        except UnusableList as error:
            _log.error("the revocation list cannot be used: the one before stays", why=str(error))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What tells a file from the one that was there before; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _load(path: Path, authorities: Sequence[x509.Certificate]) -> dict[bytes, _RevocationList]:
    """Issuer's name -> its newest list."""
    try:
        whole = path.read_bytes()
        parsed = [x509.load_pem_x509_crl(one) for one in _PEM.findall(whole)]
    except (OSError, ValueError) as error:
        raise UnusableList(f"{path}: {error}") from error
    if not parsed:
        raise UnusableList(f"{path} holds no revocation list in PEM")
    lists: dict[bytes, _RevocationList] = {}
    for one in parsed:
        issuer, known = one.issuer.public_bytes(), _checked(path, one, authorities)
        if issuer not in lists or lists[issuer].updated_at_s < known.updated_at_s:
            lists[issuer] = known
    return lists


def _checked(
    path: Path, one: x509.CertificateRevocationList, authorities: Sequence[x509.Certificate]
) -> _RevocationList:
    signers = [authority for authority in authorities if authority.subject == one.issuer]
    if not any(_is_signed_by(one, signer) for signer in signers):
        raise UnusableList(f"{path}: no authority that is trusted signed the list of {one.issuer}")
    if one.next_update_utc is None:
        raise UnusableList(f"{path}: the list of {one.issuer} does not say until when it holds")
    if any(_is_partial(extension.value) for extension in one.extensions if extension.critical):
        raise UnusableList(f"{path}: the list of {one.issuer} is not the whole list of its own")
    return _RevocationList(
        frozenset(entry.serial_number for entry in one),
        one.last_update_utc.timestamp(),
        one.next_update_utc.timestamp(),
    )


def _is_signed_by(one: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    try:
        return one.is_signature_valid(authority.public_key())  # type: ignore[arg-type]
    except TypeError:  # a kind of key that signs no list
        return False


def _is_partial(extension: x509.ExtensionType) -> bool:
    """Whether a critical extension makes the list one of some certificates, or of others' ones."""
    return not isinstance(extension, x509.IssuingDistributionPoint) or bool(
        extension.indirect_crl
        or extension.only_some_reasons
        or extension.only_contains_ca_certs
        or extension.only_contains_attribute_certs
    )
