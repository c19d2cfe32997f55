"""Page tokens: opaque, tamper-evident, bound to a tenant and a query. Pure.

A token holds where the next page begins and how far the first page saw each partition, so pages
never skip or repeat an item while new ones arrive. It is sealed by HMAC-SHA-256 with a secret
that every process of the read edge shares.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from schemas.problems import Problem, ProblemError

_SEAL_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: behind `after`. `upto` is the last entry_seq of each partition."""

    upto: Mapping[int, int]
    after: tuple[int, ...]


class Pages:
    """Seals and opens the page tokens of one query of one tenant."""

    def __init__(self, secret: bytes, tenant_id: UUID, path: str, filters: Mapping[str, object]):
        query = {name: str(value) for name, value in filters.items() if value is not None}
        bound_to = json.dumps([str(tenant_id), path, query], sort_keys=True).encode()
        self._key = hmac.digest(secret, b"page token\0" + bound_to, "sha256")

    def token(self, place: Place) -> str:
        """The token of the page that begins at `place`."""
        content = json.dumps(
            [sorted(place.upto.items()), place.after], separators=(",", ":")
        ).encode()
        return _encoded(hmac.digest(self._key, content, "sha256") + content)

    def place(self, token: str) -> Place:
        """What `token` sealed; raises 400 `page_token_invalid` for any other text."""
        try:
            packed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except ValueError:
            raise _invalid() from None
        seal, content = packed[:_SEAL_BYTES], packed[_SEAL_BYTES:]
        is_sealed = hmac.compare_digest(seal, hmac.digest(self._key, content, "sha256"))
        # The decoder skips what is not base64, so only the one canonical spelling is taken.
        if not is_sealed or _encoded(packed) != token:
            raise _invalid()
        upto, after = json.loads(content)
        return Place(dict(upto), tuple(after))


def _encoded(packed: bytes) -> str:
    return urlsafe_b64encode(packed).rstrip(b"=").decode()


def _invalid() -> ProblemError:
    return ProblemError(Problem(code="page_token_invalid"))
