"""Page tokens: where the next page begins, sealed so that only we can have made them.

A token is bound to a tenant and a query, and holds how far the first page saw each partition, so
that pages never skip or repeat an item while new ones arrive. Pure.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from ingress_api.exchange import invalid_parameter
from schemas.problems import Problem, ProblemError

MAX_PAGE: Final = 500
DEFAULT_PAGE: Final = 100
_PARAMETERS: Final = ("page_size", "page_token", "order")
_SEAL_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after this partition, offset and place, as far as `upto`."""

    upto: tuple[int, ...]
    after: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Paging:
    """What a listing's query asks for. `place` is None on the first page."""

    page_size: int
    is_descending: bool
    place: Place | None


def read_paging(query: bytes, secret: bytes, bound_to: str) -> Paging:
    """The paging of a query string; raises `invalid_parameter` or `page_token_invalid`."""
    given: dict[str, str] = {}
    for name, value in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name not in _PARAMETERS:
            raise invalid_parameter(name, "is not known here")
        if name in given:
            raise invalid_parameter(name, "is given twice")
        given[name] = value
    order = given.get("order", "asc")
    if order not in ("asc", "desc"):
        raise invalid_parameter("order", "must be asc or desc")
    token = given.get("page_token")
    place = None if token is None else _opened(token, secret, f"{bound_to} {order}")
    return Paging(_page_size(given.get("page_size")), order == "desc", place)


def next_token(place: Place, secret: bytes, bound_to: str, *, is_descending: bool) -> str:
    """The token of the page that begins at `place`."""
    content = json.dumps([place.upto, place.after], separators=(",", ":")).encode()
    order = "desc" if is_descending else "asc"
    seal = _seal(content, secret, f"{bound_to} {order}")
    return _encoded(seal + content)


def _page_size(text: str | None) -> int:
    if text is None:
        return DEFAULT_PAGE
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_PAGE):
        raise invalid_parameter("page_size", f"must be from 1 to {MAX_PAGE}")
    return int(text)


def _opened(token: str, secret: bytes, bound_to: str) -> Place:
    try:
        packed = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except ValueError:
        raise ProblemError(Problem(code="page_token_invalid")) from None
    seal, content = packed[:_SEAL_BYTES], packed[_SEAL_BYTES:]
    # The decoder skips what is not base64, so only the one canonical spelling is taken.
    is_canonical = _encoded(packed) == token
    is_sealed = hmac.compare_digest(seal, _seal(content, secret, bound_to))
    if not (is_canonical and is_sealed):
        raise ProblemError(Problem(code="page_token_invalid"))
    upto, (partition, offset, number) = json.loads(content)
    return Place(tuple(upto), (partition, offset, number))


def _encoded(packed: bytes) -> str:
    return urlsafe_b64encode(packed).rstrip(b"=").decode()


def _seal(content: bytes, secret: bytes, bound_to: str) -> bytes:
    message = b"page token\0" + bound_to.encode() + b"\0" + content
    return hmac.digest(secret, message, "sha256")[:_SEAL_BYTES]
