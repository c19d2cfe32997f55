"""Where a listing's pages begin, in tokens that belong to one tenant and query. Pure.

A token holds where the next page begins and how far the first page saw each partition, so pages
never skip or repeat an item while new ones arrive.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from schemas import page_tokens


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: behind `after`. `upto` is the last entry_seq of each partition."""

    upto: Mapping[int, int]
    after: tuple[int, ...]


class Pages:
    """Seals and opens the page tokens of one query of one tenant."""

    def __init__(self, secret: bytes, tenant_id: UUID, path: str, filters: Mapping[str, object]):
        query = {name: str(value) for name, value in filters.items() if value is not None}
        self._secret = secret
        self._bound_to = json.dumps([str(tenant_id), path, query], sort_keys=True)

    def token(self, place: Place) -> str:
        """The token of the page that begins at `place`."""
        content = [sorted(place.upto.items()), place.after]
        return page_tokens.sealed(content, self._secret, self._bound_to)

    def place(self, token: str) -> Place:
        """What `token` sealed; raises 400 `page_token_invalid` for any other text."""
        upto, after = page_tokens.opened(token, self._secret, self._bound_to)
        return Place(dict(upto), tuple(after))
