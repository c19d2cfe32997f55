"""The certificates of a local run: an authority of its own, and what it has issued.

`DATA_DIR/pki`, for its owner alone: `ca`, `server` and each partner as NAME.crt and NAME.key, and
the authority's revocation list. For development only: the authority's key lies beside the rest.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hpts.local.folder import write

AUTHORITY: Final = "ca"
SERVER: Final = "server"
PARTNER: Final = "partner"
NAMES_OF_SERVER: Final = ("localhost", "127.0.0.1", "::1")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_AUTHORITY_LASTS: Final = timedelta(days=3_650)
_LASTS: Final = timedelta(days=365)
_RENEWED_BEFORE: Final = timedelta(days=30)
_CLOCKS_DIFFER: Final = timedelta(minutes=5)


class PkiRefused(Exception):
    """What was asked of the authority cannot be done. The message says why."""


@dataclass(frozen=True, slots=True)
class Pki:
    """The authority in one folder. `names`: what the server is called by its clients."""

    folder: Path
    names: tuple[str, ...] = NAMES_OF_SERVER
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def prepare(self) -> None:
        """Make what is missing or will end within a month; a new authority issues all anew."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._is_due(AUTHORITY):
            for path in self.folder.iterdir():
                path.unlink()
            self._make_authority()
        if self._is_due(SERVER):
            self.issue(SERVER, is_server=True)
        if self._is_due(PARTNER):
            self.issue(PARTNER)
        self._write_list([] if not self.revocation_list.exists() else list(self._list()))

    def issue(self, name: str, *, is_server: bool = False) -> None:
        """A new key and certificate for `name`; what it had before stays valid. `PkiRefused`."""
        if _NAME.fullmatch(name) is None or (name in (AUTHORITY, SERVER) and not is_server):
            raise PkiRefused(f"{name!r} is no name for a partner: use a-z, 0-9 and -")
        key = generate_private_key(SECP256R1())
        usage = ExtendedKeyUsageOID.SERVER_AUTH if is_server else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = (
            self._builder(name, key.public_key(), _LASTS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        )
        if is_server:
            builder = builder.add_extension(_called(self.names), critical=False)
        self._write(name, key, builder.sign(self._authority_key(), SHA256()))

    def revoke(self, certificate_file: Path) -> str:
        """Put a certificate of ours on the list; its name. Raises `PkiRefused`."""
        try:
            certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
            certificate.verify_directly_issued_by(self.certificate(AUTHORITY))
        except (OSError, ValueError, TypeError, InvalidSignature) as error:
            raise PkiRefused(f"{certificate_file} is no certificate of this authority") from error
        entry = (
            x509.RevokedCertificateBuilder()
            .serial_number(certificate.serial_number)
            .revocation_date(self.now())
            .build()
        )
        others = [e for e in self._list() if e.serial_number != entry.serial_number]
        self._write_list([*others, entry])
        return certificate.subject.rfc4514_string()

    def names_issued(self) -> list[str]:
        """Whom there are certificates of."""
        return sorted(path.stem for path in self.folder.glob("*.crt"))

    def certificate(self, name: str) -> x509.Certificate:
        """The newest certificate of a name."""
        return x509.load_pem_x509_certificate(self.certificate_file(name).read_bytes())

    def is_revoked(self, name: str) -> bool:
        """Whether its newest certificate is on the list."""
        serial_number = self.certificate(name).serial_number
        return any(entry.serial_number == serial_number for entry in self._list())

    def certificate_file(self, name: str) -> Path:
        """Where the certificate of a name lies, in PEM."""
        return self.folder / f"{name}.crt"

    def key_file(self, name: str) -> Path:
        """Where its private key lies, in PEM."""
        return self.folder / f"{name}.key"

    @property
    def revocation_list(self) -> Path:
        """The authority's revocation list, in PEM."""
        return self.folder / "revoked.pem"

    def _is_due(self, name: str) -> bool:
        if not (self.certificate_file(name).exists() and self.key_file(name).exists()):
            return True
        return self.certificate(name).not_valid_after_utc < self.now() + _RENEWED_BEFORE

    def _make_authority(self) -> None:
        key = generate_private_key(SECP256R1())
        public = key.public_key()
        subject = _name("HPTS development authority")
        certificate = (
            self._dated(subject, subject, public, _AUTHORITY_LASTS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .sign(key, SHA256())
        )
        self._write(AUTHORITY, key, certificate)

    def _builder(
        self, name: str, public: EllipticCurvePublicKey, lasts: timedelta
    ) -> x509.CertificateBuilder:
        authority = self.certificate(AUTHORITY)
        identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        of_authority = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
        return (
            self._dated(_name(name), authority.subject, public, lasts)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(of_authority, critical=False)
        )

    def _dated(
        self,
        subject: x509.Name,
        issuer: x509.Name,
        public: EllipticCurvePublicKey,
        lasts: timedelta,
    ) -> x509.CertificateBuilder:
        now = self.now()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCKS_DIFFER)
            .not_valid_after(now + lasts)
        )

    def _list(self) -> x509.CertificateRevocationList:
        return x509.load_pem_x509_crl(self.revocation_list.read_bytes())

    def _write_list(self, entries: list[x509.RevokedCertificate]) -> None:
        now = self.now()
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate(AUTHORITY).subject)
            .last_update(now - _CLOCKS_DIFFER)
            .next_update(now + _LASTS)
        )
        for entry in entries:
            builder = builder.add_revoked_certificate(entry)
        signed = builder.sign(self._authority_key(), SHA256())
        write(self.revocation_list, signed.public_bytes(Encoding.PEM).decode(), mode=0o600)

    def _authority_key(self) -> EllipticCurvePrivateKey:
        key = load_pem_private_key(self.key_file(AUTHORITY).read_bytes(), password=None)
        if not isinstance(key, EllipticCurvePrivateKey):
            raise PkiRefused(f"{self.key_file(AUTHORITY)} is no key of this authority")
        return key

    def _write(
        self, name: str, key: EllipticCurvePrivateKey, certificate: x509.Certificate
    ) -> None:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write(self.key_file(name), pem.decode(), mode=0o600)
        told = certificate.public_bytes(Encoding.PEM).decode()
        write(self.certificate_file(name), told, mode=0o600)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _called(names: tuple[str, ...]) -> x509.SubjectAlternativeName:
    called: list[x509.GeneralName] = []
    for name in names:
        try:
            called.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            called.append(x509.DNSName(name))
    return x509.SubjectAlternativeName(called)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
