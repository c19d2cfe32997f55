"""The issuer's public keys (RFC 7517), fetched over HTTP and judged before one is used.

A set is taken whole or not at all: a set with a duplicate key id, a symmetric or private key, a
key of another type or use than our configuration expects, or a weak one, is not the set we were
promised. The keys held before stay. Never fetched from an address that a token names.

Each key has one algorithm, the one that our configuration has for keys of its type; so an issuer
can move from RSA to elliptic curves without an outage, and still no token chooses how it is judged.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePublicKey,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers

from schemas.compact_jws import MalformedToken, decode_base64url
from schemas.problems import ProblemError
from schemas.strict_json import parse as parse_json

FETCH_TIMEOUT_S: Final = 5.0
MOST_BYTES: Final = 262_144
LEAST_RSA_BITS: Final = 2_048
KEY_TYPES: Final[Mapping[str, tuple[str, str | None]]] = {
    "RS256": ("RSA", None),
    "PS256": ("RSA", None),
    "ES256": ("EC", "P-256"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""Algorithm -> (`kty`, `crv`): asymmetric ones only, each with its one kind of key."""
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

PublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
KeyType = tuple[object, object]


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key of the issuer, and the one algorithm that it verifies."""

    algorithm: str
    public: PublicKey


KeySet = Mapping[str, TrustedKey]


class KeySetRefused(Exception):
    """The issuer's key set could not be had, or must not be used; the text says why."""


def algorithms_in(text: str) -> Mapping[KeyType, str]:
    """Key type -> its one algorithm, of a setting like `RS256` or `RS256,ES256`.

    Raises `ValueError` for an algorithm we do not take, and for two of one key type.
    """
    names = text.split(",")
    if unknown := [name for name in names if name not in KEY_TYPES]:
        raise ValueError(f"{', '.join(map(repr, unknown))} is none of {', '.join(KEY_TYPES)}")
    of_type: dict[KeyType, str] = {KEY_TYPES[name]: name for name in names}
    if len(of_type) != len(names):
        raise ValueError(f"{text!r} has two algorithms for one type of key")
    return of_type


def fetch(
    url: str, algorithms: Mapping[KeyType, str], clock: Callable[[], float] = time.monotonic
) -> KeySet:
    """Key id -> public key, within `FETCH_TIMEOUT_S`. Blocks: call it in a thread."""
    deadline = clock() + FETCH_TIMEOUT_S
    body = bytearray()
    try:
        with httpx.stream("GET", url, timeout=FETCH_TIMEOUT_S, follow_redirects=False) as answer:
            if answer.status_code != 200:
                raise KeySetRefused(f"the issuer answered {answer.status_code} for its keys")
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > MOST_BYTES or clock() > deadline:
                    raise KeySetRefused("the key set is too large or came too slowly")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise KeySetRefused(
            f"the issuer's keys cannot be fetched: {type(error).__name__}"
        ) from None
    return read(bytes(body), algorithms)


def read(body: bytes, algorithms: Mapping[KeyType, str]) -> KeySet:
    """The keys of a JWKS document; raises `KeySetRefused` for the whole set."""
    try:
        document = parse_json(body).value
    except ProblemError:
        raise KeySetRefused("the key set is not strict JSON") from None
    members = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(members, list) or not members:
        raise KeySetRefused("the key set has no keys")
    keys: dict[str, TrustedKey] = {}
    for member in members:
        if not isinstance(member, dict) or not isinstance(member.get("kid"), str):
            raise KeySetRefused("a key has no id")
        if member["kid"] in keys:
            raise KeySetRefused("two keys have the same id")
        keys[member["kid"]] = _key(member, algorithms)
    return keys


def _key(member: dict[str, Any], algorithms: Mapping[KeyType, str]) -> TrustedKey:
    if _PRIVATE_MEMBERS & member.keys():
        raise KeySetRefused("a key is symmetric or private")
    kind = (member.get("kty"), member.get("crv"))
    algorithm = next((name for known, name in algorithms.items() if known == kind), None)
    if algorithm is None:
        raise KeySetRefused(f"a key is not of the type of {' or '.join(algorithms.values())}")
    if member.get("use", "sig") != "sig" or member.get("alg", algorithm) != algorithm:
        raise KeySetRefused("a key is for another use")
    if member.get("key_ops", ["verify"]) != ["verify"]:
        raise KeySetRefused("a key is for another use")
    try:
        return TrustedKey(algorithm, _public_key(member))
    except (MalformedToken, ValueError):
        raise KeySetRefused("a key is malformed") from None


def _public_key(member: dict[str, Any]) -> PublicKey:
    if member["kty"] == "OKP":
        return Ed25519PublicKey.from_public_bytes(decode_base64url(member.get("x")))
    if member["kty"] == "EC":
        x, y = (int.from_bytes(decode_base64url(member.get(name))) for name in ("x", "y"))
        return EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    exponent, modulus = (int.from_bytes(decode_base64url(member.get(name))) for name in ("e", "n"))
    if modulus.bit_length() < LEAST_RSA_BITS or exponent < 65_537 or exponent.bit_length() > 64:
        raise KeySetRefused("an RSA key is too weak")
    return RSAPublicNumbers(exponent, modulus).public_key()
