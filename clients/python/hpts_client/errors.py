"""What a client raises.

    ClientError
      Refused        the API says no, and would say so again: a problem document
      Unreachable    no answer, or none but "not now", for as long as we were told to try
      Stalled        accepted for good, and its outcome is not known yet

After `Unreachable` and `Stalled` the command may have posted, or may post yet. The same call with
the same key converges on the one outcome, today or next week.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class ClientError(Exception):
    """What a client raises, but for a caller's own mistakes in Python."""


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One fault of a body: a JSON pointer ("" is the whole body), a code, and words."""

    field: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.field or 'the body'}: {self.message}"


class Refused(ClientError):
    """A problem document (RFC 9457), whole in `document`; `code` is what to decide by."""

    def __init__(self, code: str, detail: str, document: Mapping[str, Any]) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.document = document
        self.status: int | None = document.get("status")
        self.trace_id: str | None = document.get("trace_id")
        self.command_id: str | None = document.get("command_id")
        self.errors = tuple(
            FieldFault(*(str(one.get(name, "")) for name in ("field", "code", "message")))
            for one in _listed(document.get("errors"))
            if isinstance(one, dict)
        )

    @property
    def faults(self) -> list[str]:
        """What is wrong with the body, a line each."""
        return [str(one) for one in self.errors]

    @classmethod
    def of(cls, document: Mapping[str, Any], status: int) -> "Refused":
        """From a problem document, or an error of OAuth (RFC 6749 section 5.2)."""
        code = document.get("code") or document.get("error") or status
        told = ("detail", "error_description", "title")
        detail = next((document[name] for name in told if document.get(name)), f"status {status}")
        return cls(str(code), str(detail), {"status": status, **document})


class Unreachable(ClientError):
    """The API, or the issuer of tokens, does not answer, or not now (429, 5xx), or somebody else
    does in its place: whether a command was heard is not known.
    """


class Stalled(ClientError):
    """Accepted, and not known to be done. `command_id` is where to ask; `status` what is known."""

    def __init__(self, message: str, command_id: str | None = None, status: str = "") -> None:
        super().__init__(message)
        self.command_id = command_id
        self.status = status


def _listed(value: Any) -> list[Any]:
    """As it is where it is a list: an error's document may be anybody's."""
    return value if isinstance(value, list) else []


def document_of(body: bytes) -> dict[str, Any]:
    """The JSON object of an answer; empty where it is none, as a proxy's error page is."""
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
