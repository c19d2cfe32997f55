"""W3C Trace Context, as every edge takes and answers it; and the deprecated `X-Trace-Id`.

An invalid `traceparent` is ignored and a new trace begins. `X-Trace-Id` is still taken: it
decides the trace where there is no `traceparent`, and is answered with the dates of its end.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from schemas.problems import FieldError, Problem, ProblemError

X_TRACE_ID_DEPRECATED: Final = b"@1795478400"
X_TRACE_ID_SUNSET: Final = b"Tue, 30 Nov 2027 00:00:00 GMT"

_TRACEPARENT: Final = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?"
)
_X_TRACE_ID: Final = re.compile(rb"[A-Za-z0-9\-]{8,128}")
_IS_TRACE_ID: Final = re.compile(r"(?!0{32})[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Trace:
    """The trace of one request: `traceparent` names our own span in it.

    `response_headers` (ASGI, lower case) go out with every answer, a problem included.
    """

    trace_id: str
    traceparent: str
    response_headers: tuple[tuple[bytes, bytes], ...]
    fault: Problem | None = None
    """A malformed `X-Trace-Id`: the request is refused with it, once there is a trace to name."""
    parent_id: str | None = None
    """The sender's span, below which ours stands."""

    def check(self) -> None:
        """Raise `ProblemError` (400) for a malformed `X-Trace-Id`."""
        if self.fault is not None:
            raise ProblemError(self.fault)


def begin(headers: Iterable[tuple[bytes, bytes]]) -> Trace:
    """The trace that a request's headers (ASGI) ask for, or a new one. Never raises."""
    parents: list[bytes] = []
    deprecated: list[bytes] = []
    for name, value in headers:
        if name == b"traceparent":
            parents.append(value.strip())
        elif name == b"x-trace-id":
            deprecated.append(value)
    is_malformed = len(deprecated) > 1 or any(not _X_TRACE_ID.fullmatch(one) for one in deprecated)
    parent = _TRACEPARENT.fullmatch(parents[0]) if len(parents) == 1 else None
    flags, chance, parent_id = "00", secrets.token_hex(24), None
    if parent is not None and (parent[1] != b"00" or parent[5] is None):
        trace_id, flags = parent[2].decode(), f"{int(parent[4], 16) & 1:02x}"
        parent_id = parent[3].decode()
    elif deprecated and not is_malformed:
        trace_id = _as_trace_id(deprecated[0].decode())
    else:
        trace_id = chance[:32]
    traceparent = f"00-{trace_id}-{chance[32:]}-{flags}"
    answer = [(b"traceparent", traceparent.encode())]
    if deprecated:
        answer += [(b"deprecation", X_TRACE_ID_DEPRECATED), (b"sunset", X_TRACE_ID_SUNSET)]
    fault = _MALFORMED if is_malformed else None
    return Trace(trace_id, traceparent, tuple(answer), fault, parent_id)


def _as_trace_id(text: str) -> str:
    """32 hex digits for any `X-Trace-Id`: itself where it can be, else always the same ones."""
    bare = text.replace("-", "").lower()
    if _IS_TRACE_ID.fullmatch(bare):
        return bare
    return sha256(text.encode()).hexdigest()[:32]


_MALFORMED: Final = Problem(
    code="invalid_parameter",
    errors=(
        FieldError("/X-Trace-Id", "invalid_format", "must be 8 to 128 letters, digits or hyphens"),
    ),
)
