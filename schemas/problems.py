"""Problem documents (RFC 9457): what every refusal looks like on the wire.

    Problem        a frozen value: one answer that is not a success
    ProblemError   carries one from where it is found to where it is answered

The codes are `problem_codes.CATALOGUE`, those in `errors` `fault_codes.FAULTS`. Nothing internal
(SQL, stack, path, another tenant) may ever enter a `detail`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple
from uuid import UUID

from schemas.fault_codes import FAULTS
from schemas.problem_codes import CATALOGUE, PROBLEMS, REFUSALS, ProblemType

__all__ = [
    "CATALOGUE",
    "FAULTS",
    "MEDIA_TYPE",
    "MOST_FAULTS",
    "PROBLEMS",
    "REFUSALS",
    "FieldError",
    "Problem",
    "ProblemError",
    "ProblemType",
    "RenderedProblem",
]

MEDIA_TYPE: Final = "application/problem+json"
MOST_FAULTS: Final = 1_000
"""How many faults of one body are told; a body can hold hundreds of thousands (decision 0021)."""
_RESERVED: Final = frozenset({"type", "title", "status", "detail", "instance", "code", "errors"})


@dataclass(frozen=True, slots=True)
class FieldError:
    """One fault in a body. `field` is a JSON pointer (RFC 6901), "" for the whole body.

    `code` must be in `FAULTS`.
    """

    field: str
    code: str
    message: str

    def __post_init__(self) -> None:
        if self.code not in FAULTS:
            raise ValueError(f"{self.code!r} is not a fault code")


class RenderedProblem(NamedTuple):
    """A problem as an HTTP response: status, body, and ASGI headers in lower case."""

    status: int
    body: bytes
    headers: list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One problem document. `code` must be in the catalogue, which gives status and title.

    `detail` defaults to the code's explanation. `members` join the document but never replace
    its own members. `headers` join the response (`Retry-After`, `WWW-Authenticate`, `Allow`).
    """

    code: str
    detail: str | None = None
    instance: str | None = None
    errors: tuple[FieldError, ...] = ()
    trace_id: str | None = None
    command_id: UUID | None = None
    members: Mapping[str, object] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.code not in CATALOGUE:
            raise ValueError(f"{self.code!r} is not a problem code")

    @property
    def status(self) -> int:
        """The HTTP status of the code."""
        return CATALOGUE[self.code].status

    def with_trace(self, trace_id: str | None, instance: str | None = None) -> "Problem":
        """The same problem for one request: its trace and its path."""
        return replace(self, trace_id=trace_id, instance=instance or self.instance)

    def document(self) -> dict[str, object]:
        """The JSON members, in the order people read them; absent ones left out."""
        kind = CATALOGUE[self.code]
        document: dict[str, object] = {
            "type": f"/problems/{self.code}",
            "title": kind.title,
            "status": kind.status,
            "detail": self.detail if self.detail is not None else kind.explanation,
        }
        if self.instance is not None:
            document["instance"] = self.instance
        document["code"] = self.code
        if self.errors:
            document["errors"] = [
                {"field": error.field, "code": error.code, "message": error.message}
                for error in self.errors
            ]
        if self.command_id is not None:
            document["command_id"] = str(self.command_id)
        for name, value in self.members.items():
            if name not in _RESERVED:
                document[name] = value
        if self.trace_id is not None:
            document["trace_id"] = self.trace_id
        return document

    def to_response(self) -> RenderedProblem:
        """The document as UTF-8 JSON with its headers, `Content-Length` included."""
        body = json.dumps(self.document(), ensure_ascii=False, separators=(",", ":"))
        # A pointer into a client's body may hold what UTF-8 cannot write; it is escaped then.
        encoded = body.encode("utf-8", "backslashreplace")
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(encoded)).encode()),
        ]
        headers += [(n.lower().encode(), v.encode("latin-1")) for n, v in self.headers.items()]
        return RenderedProblem(self.status, encoded, headers)


class ProblemError(Exception):
    """Raised where a request cannot go on; the edge answers with `problem`."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.code)
        self.problem = problem
