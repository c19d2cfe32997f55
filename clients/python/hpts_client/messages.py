"""Requests and answers as values, and the steps of an exchange: nothing here does I/O.

An exchange (`exchange.py`) is a generator: it yields what should be done next, a `Send` or a
`Pause`, and is sent the `Answer`, or thrown `NoAnswer`. Who drives it may block or await.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request; `url` as is, or below the API's address when it begins with a slash."""

    method: str
    url: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Send:
    """Send this, and go on with its answer."""

    request: Request


@dataclass(frozen=True, slots=True)
class Open(Send):
    """Send this, and leave the body of a success to be read while it comes."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Go on after so many seconds."""

    seconds: float


class NoAnswer(Exception):
    """The connection failed, or nothing came in time: whether it was heard is not known."""


Step = Send | Pause
Exchange = Generator[Step, Answer | None, T]
