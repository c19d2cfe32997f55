"""What a listing's query asks for, and where its next page begins. Pure.

A page token holds how far the first page saw each partition, so that pages never skip or repeat an
item while new ones arrive.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from ingress_api.exchange import invalid_parameter
from schemas import page_tokens

MAX_PAGE: Final = 500
DEFAULT_PAGE: Final = 100
_PARAMETERS: Final = ("page_size", "page_token", "order")


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
    order = "desc" if is_descending else "asc"
    return page_tokens.sealed([place.upto, place.after], secret, f"{bound_to} {order}")


def _page_size(text: str | None) -> int:
    if text is None:
        return DEFAULT_PAGE
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_PAGE):
        raise invalid_parameter("page_size", f"must be from 1 to {MAX_PAGE}")
    return int(text)


def _opened(token: str, secret: bytes, bound_to: str) -> Place:
    upto, (partition, offset, number) = page_tokens.opened(token, secret, bound_to)
    return Place(tuple(upto), (partition, offset, number))
