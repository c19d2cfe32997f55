"""Page tokens: opaque, tamper-evident, bound to whose listing of what they continue. Pure.

A token is JSON sealed by HMAC-SHA-256 with a secret that every process of an edge shares. What
the JSON says is the edge's own affair.
"""

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any, Final

from schemas.problems import Problem, ProblemError

_SEAL_BYTES: Final = 32


def sealed(content: object, secret: bytes, bound_to: str) -> str:
    """The token of some JSON, for `opened` with the same secret and binding."""
    packed = json.dumps(content, separators=(",", ":")).encode()
    return _encoded(_seal(packed, secret, bound_to) + packed)


def opened(token: str, secret: bytes, bound_to: str) -> Any:
    """What was sealed; raises 400 `page_token_invalid` for any other text."""
    try:
        packed = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except ValueError:
        raise _invalid() from None
    seal, content = packed[:_SEAL_BYTES], packed[_SEAL_BYTES:]
    is_sealed = hmac.compare_digest(seal, _seal(content, secret, bound_to))
    # The decoder skips what is not base64, so only the one canonical spelling is taken.
    if not is_sealed or _encoded(packed) != token:
        raise _invalid()
    return json.loads(content)


def _seal(content: bytes, secret: bytes, bound_to: str) -> bytes:
    # A key of its own for each binding: no binding can run over into the content.
    key = hmac.digest(secret, b"page token\0" + bound_to.encode(), "sha256")
    return hmac.digest(key, content, "sha256")


def _encoded(packed: bytes) -> str:
    return urlsafe_b64encode(packed).rstrip(b"=").decode()


def _invalid() -> ProblemError:
    return ProblemError(Problem(code="page_token_invalid"))
