"""A certificate counts while its dates, its authority and the revocation list say so: at the
handshake, and at every request of a connection that is kept open.
"""

import ssl
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from hpts.local.pki import AUTHORITY, PARTNER, Pki
from schemas.partners.certificates import read_certificate, thumbprint_of
from schemas.partners.revocations import Revocations, UnusableList
from tests.security.partner_sockets import Partners, exchange, get, payment

WITHIN_S: Final = 15
YEAR: Final = timedelta(days=365)


def shifted(partners: Partners, by: timedelta) -> Pki:
    """The stack's authority, for which it is another time."""
    return Pki(partners.pki.folder, now=lambda: datetime.now(UTC) + by)


def other_authority(folder: Path) -> Pki:
    """Another authority, which bears the same name."""
    other = Pki(folder / "other")
    other.prepare()
    return other


def self_signed(folder: Path) -> Pki:
    """One that is nobody's but its own."""
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "acme")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, SHA256())
    )
    own = Pki(folder)
    own.certificate_file("partner").write_bytes(certificate.public_bytes(Encoding.PEM))
    own.key_file("partner").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return own


def strangers(partners: Partners, folder: Path) -> dict[str, tuple[Pki, str]]:
    """Whoever must not come through the handshake: whose files, and the name."""
    expired, early = shifted(partners, -2 * YEAR), shifted(partners, YEAR)
    expired.issue("expired")
    early.issue("early")
    return {
        "expired": (expired, "expired"),
        "not yet valid": (early, "early"),
        "another authority of the same name": (other_authority(folder), "partner"),
        "self-signed": (self_signed(folder), "partner"),
        "a server's certificate": (partners.pki, "server"),
        "the authority's own": (partners.pki, AUTHORITY),
    }


def status(partners: Partners, context: ssl.SSLContext, token: str) -> int | None:
    """Of the answer; None where there is none: a handshake that is refused ends the connection.
    asyncio sends no alert, and with TLS 1.3 the client learns it from its first read.
    """
    try:
        with partners.connected(context) as connection:
            return exchange(connection, get(token)).status
    except (ssl.SSLError, ConnectionError):
        return None


def test_a_handshake_needs_a_certificate_of_the_authority_for_clients_and_for_now(
    partners: Partners, tmp_path: Path
) -> None:
    token = partners.token(partners.named("welcome"))
    assert status(partners, partners.trusting("welcome"), token) == 200
    assert status(partners, partners.trusting(None), token) is None
    for who, (pki, name) in strangers(partners, tmp_path).items():
        context = partners.trusting(None)
        context.load_cert_chain(pki.certificate_file(name), pki.key_file(name))
        der = ssl.PEM_cert_to_DER_cert(pki.certificate_file(name).read_text())
        own = partners.token(cnf={"x5t#S256": thumbprint_of(der)})
        assert status(partners, context, own) is None, who


def test_nothing_below_tls_1_2(partners: Partners) -> None:
    token = partners.token(partners.named("modern"))
    for version, expected in (("TLSv1_1", None), ("TLSv1_2", 200), ("TLSv1_3", 200)):
        context = partners.trusting("modern")
        context.set_ciphers("DEFAULT@SECLEVEL=0")  # else OpenSSL itself would not try 1.1
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
        assert status(partners, context, token) == expected, version


def until_refused(ask: Callable[[], tuple[int, str]]) -> tuple[int, str]:
    """What a kept connection is told once it is not let in any more."""
    deadline = time.monotonic() + WITHIN_S
    while (told := ask())[0] == 200:
        assert time.monotonic() < deadline, "it is let in still"
        time.sleep(0.1)
    return told


def test_a_connection_outlives_its_certificate_but_lets_nobody_in(partners: Partners) -> None:
    soon = shifted(partners, timedelta(seconds=3) - YEAR)
    soon.issue("ending")
    token = partners.token("ending")
    with partners.connected(partners.trusting("ending")) as kept:
        assert exchange(kept, get(token)).status == 200
        told = until_refused(lambda: exchange(kept, get(token)).told)
        assert told == (401, "certificate_required")
        assert exchange(kept, payment(token)).told == (401, "certificate_required")


def test_a_revoked_certificate_is_refused_at_the_next_request_of_its_connection(
    partners: Partners,
) -> None:
    token, other = (partners.token(partners.named(name)) for name in ("revoked", "other"))
    with (
        partners.connected(partners.trusting("revoked")) as kept,
        partners.connected(partners.trusting("other")) as neighbour,
    ):
        assert exchange(kept, get(token)).status == 200
        partners.pki.revoke(partners.pki.certificate_file("revoked"))
        answer = exchange(kept, get(token))
        assert answer.told == (401, "certificate_required")
        assert "revoked" in answer.headers["www-authenticate"]
        assert exchange(kept, payment(token)).told == (401, "certificate_required")
        assert exchange(neighbour, get(other)).status == 200
    assert partners.ask("revoked", get(token)).told == (401, "certificate_required")
    partners.named("revoked")
    assert partners.ask("revoked", get(partners.token("revoked"))).status == 200


def test_which_lists_can_be_relied_on(tmp_path: Path) -> None:
    """A list that is not ours, is broken or gone changes nothing; what no list is of is unknown."""
    ours = Pki(tmp_path / "ours")
    ours.prepare()
    other = other_authority(tmp_path)
    one = read_certificate(ours.certificate(PARTNER).public_bytes(Encoding.DER))
    lists, now_s = ours.revocation_list, time.time()
    authorities = [ours.certificate(AUTHORITY)]
    known = Revocations(lists, authorities)

    def standing(later_s: float = 0) -> str:
        return known.standing(one.issuer, one.serial_number, now_s + later_s)

    assert standing() == "good"
    assert standing(YEAR.total_seconds() + 60) == "unknown"
    assert known.standing(b"another", one.serial_number, now_s) == "unknown"
    ours.revoke(ours.certificate_file("partner"))
    assert standing() == "revoked"
    whole = lists.read_bytes()
    for unusable in (other.revocation_list.read_bytes(), whole[:200], b"", b"\0" * 100):
        lists.write_bytes(unusable)
        assert standing() == "revoked"
        with pytest.raises(UnusableList):
            Revocations(lists, authorities)
    lists.unlink()
    assert standing() == "revoked"
    with pytest.raises(UnusableList):
        Revocations(lists, authorities)
    Pki(ours.folder, now=lambda: datetime.now(UTC) + timedelta(seconds=10)).prepare()
    lists.write_bytes(whole + lists.read_bytes())
    assert Revocations(lists, authorities).standing(one.issuer, one.serial_number, now_s) == "good"
