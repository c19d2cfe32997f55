"""A signed token in its compact form, taken apart strictly, before any library looks at it.

Libraries accept more than the RFCs do: padding, stray characters, bits that do not count,
duplicate members, keys and key addresses in the header. Here each of these is a refusal. The
signature is not checked here, so nothing of a `CompactToken` may be believed yet.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from dataclasses import dataclass
from typing import Any, Final

from schemas.problems import ProblemError
from schemas.strict_json import parse as parse_json

MOST_BYTES: Final = 8_192
TYPES: Final = frozenset({"at+jwt", "JWT"})
REFUSED_HEADERS: Final = frozenset({"b64", "crit", "jku", "jwk", "x5c", "x5u"})
"""Extensions we do not know, and keys that the sender would choose for us."""


class MalformedToken(ValueError):
    """Not a token of the one form we take; the text says why and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class CompactToken:
    """What an unverified token claims to be. `text` is what the signature has to be checked on."""

    text: str
    key_id: str
    algorithm: str
    claims: dict[str, Any]


def take_apart(text: str) -> CompactToken:
    """Header, claims and key id of `header.claims.signature`; raises `MalformedToken`."""
    if len(text) > MOST_BYTES:
        raise MalformedToken("The token is too long.")
    parts = text.split(".")
    if len(parts) != 3:
        raise MalformedToken("The token does not have three parts.")
    header, claims, _ = (decode_base64url(part) for part in parts)
    members = _object(header, "header")
    _check_header(members)
    return CompactToken(text, members["kid"], members["alg"], _object(claims, "claims"))


def decode_base64url(text: object) -> bytes:
    """The bytes of the one spelling of base64url without padding; raises `MalformedToken`."""
    if not isinstance(text, str) or not text:
        raise MalformedToken("A part is not base64url.")
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (NotBase64, ValueError):
        raise MalformedToken("A part is not base64url.") from None
    if urlsafe_b64encode(data).rstrip(b"=") != text.encode("ascii"):
        raise MalformedToken("A part is not canonical base64url.")
    return data


def _check_header(header: dict[str, Any]) -> None:
    if REFUSED_HEADERS & header.keys():
        raise MalformedToken("The header has a member that is not taken here.")
    if not isinstance(header.get("typ"), str) or header["typ"] not in TYPES:
        raise MalformedToken("The header's typ is not that of an access token.")
    if not isinstance(header.get("alg"), str):
        raise MalformedToken("The header names no algorithm.")
    if not isinstance(header.get("kid"), str) or not 0 < len(header["kid"]) <= 255:
        raise MalformedToken("The header names no key.")


def _object(data: bytes, what: str) -> dict[str, Any]:
    try:
        document = parse_json(data)
    except ProblemError:
        raise MalformedToken(f"The {what} are not strict JSON.") from None
    if not isinstance(document.value, dict) or document.faults:
        raise MalformedToken(f"The {what} are not an object.")
    return document.value
