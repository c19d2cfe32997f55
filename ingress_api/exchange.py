"""One HTTP exchange: what a request says, its body up to a limit, and the answer sent.

Bare ASGI. Header rules of contract section 1 live here; nothing here knows of money.
"""

import asyncio
import re
from collections.abc import (
    AsyncGenerator,
    Awaitable,
    Callable,
    Iterable,
    Mapping,
    MutableMapping,
    Sequence,
)
from dataclasses import dataclass, field
from typing import Any, Final

from schemas import ids
from schemas.problems import FieldError, Problem, ProblemError
from schemas.strict_json import Document, parse

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

JSON: Final[Mapping[str, Sequence[str]]] = {"application/json": ("identity",)}
"""A media type -> the content encodings it may come in."""
BODY_WITHIN_S: Final = 20
MAX_WAIT_S: Final = 60
NO_CONTENT: Final = 204
DEFAULT_WAIT_S: Final = 10
_WAIT: Final = re.compile(r'wait\s*=\s*"?([0-9]{1,18})"?', re.ASCII)
_CHARSET: Final = re.compile(r'charset\s*=\s*"?utf-?8"?', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Preference:
    """How long to wait for the outcome, and what of `Prefer` was applied."""

    wait_s: float
    applied: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that is no problem. Header names in lower case."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = field(default=())


_NO_PREFERENCE: Final = Preference(DEFAULT_WAIT_S)


class Exchange:
    """A request under way. Every value is as the client sent it."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.path: str = scope["path"]
        self.method: str = scope["method"]
        self.query: bytes = scope["query_string"]
        self.scope = scope
        self._receive = receive
        self._headers: dict[bytes, list[bytes]] = {}
        for name, value in scope["headers"]:
            self._headers.setdefault(name, []).append(value)

    def header_values(self, name: bytes) -> list[bytes]:
        """Every value of a header (its name in lower case), as sent."""
        return self._headers.get(name, [])

    def header(self, name: bytes) -> str | None:
        """A header's values joined by commas, as RFC 9110 allows; None when absent."""
        values = self.header_values(name)
        return b", ".join(values).decode("latin-1") if values else None

    def idempotency_key(self) -> str:
        """The one `Idempotency-Key`."""
        values = self.header_values(b"idempotency-key")
        if not values:
            raise ProblemError(Problem(code="idempotency_key_missing"))
        key = values[0].decode("latin-1")
        if len(values) > 1 or ids.CLIENT_KEY.fullmatch(key) is None:
            raise ProblemError(Problem(code="idempotency_key_invalid"))
        return key

    def is_dry_run(self) -> bool:
        """Whether the only query parameter that a POST knows is set."""
        if self.query in (b"", b"dry_run=false"):
            return False
        if self.query != b"dry_run=true":
            raise invalid_parameter("/dry_run", "must be true or false, and the only parameter")
        return True

    def preference(self, *, least_s: int = 0) -> Preference:
        """RFC 7240: what cannot be understood is ignored; the first of a kind counts.

        Who must wait at least `least_s` cannot be answered at once.
        """
        is_async = False
        wait: str | None = None
        preferred = self.header(b"prefer")
        if preferred is None:
            return _NO_PREFERENCE
        for part in preferred.split(","):
            words = part.split(";")[0].strip().lower()
            if words == "respond-async":
                is_async = not least_s
            elif wait is None and (found := _WAIT.fullmatch(words)) is not None:
                wait = found[1]
        wait_s = DEFAULT_WAIT_S if wait is None else max(min(int(wait), MAX_WAIT_S), least_s)
        applied = ["respond-async"] if is_async else []
        if wait is not None:
            applied.append(f"wait={wait_s}")
        if is_async and wait is None:
            wait_s = 0
        return Preference(wait_s, ", ".join(applied) or None)

    def refuse_parameters(self) -> None:
        """No query parameter is known here."""
        if self.query:
            raise invalid_parameter("", "no query parameter is known here")

    async def document(self, most_bytes: int) -> Document:
        """The JSON body, refused before it is read to the end when it is too large."""
        return parse(await self.json_body(most_bytes))

    async def json_body(self, most_bytes: int) -> bytes:
        """The body of a request that says it is JSON, not yet parsed."""
        self.media_type(JSON)
        self._refuse_declared(most_bytes)
        return b"".join([piece async for piece in self._pieces(most_bytes, most_bytes + 1)])

    def pieces(self, most_bytes: int, piece_bytes: int) -> AsyncGenerator[bytes, None]:
        """The body in pieces of at least `piece_bytes`, the last one aside.

        Each must come within `BODY_WITHIN_S`: who is slower, or stands still, is given up.
        """
        self._refuse_declared(most_bytes)
        return self._pieces(most_bytes, piece_bytes)

    def media_type(self, encodings_of: Mapping[str, Sequence[str]]) -> tuple[str, str]:
        """What the body says it is, of the types known, and its content encoding."""
        values = self.header_values(b"content-type")
        kind, *parameters = (self.header(b"content-type") or "").split(";")
        kind = kind.strip().lower()
        encoding = (self.header(b"content-encoding") or "identity").strip().lower()
        is_text = all(
            _CHARSET.fullmatch(parameter.strip()) for parameter in parameters if parameter.strip()
        )
        if len(values) != 1 or not is_text or encoding not in encodings_of.get(kind, ()):
            raise _not_taken(encodings_of)
        return kind, encoding

    def _refuse_declared(self, most_bytes: int) -> None:
        declared = self.header(b"content-length") or ""
        # Digits beyond any length we take need not be read as a number.
        if (
            declared.isascii()
            and declared.isdigit()
            and (len(declared) > 12 or int(declared) > most_bytes)
        ):
            raise _too_large(most_bytes)

    async def _pieces(self, most_bytes: int, piece_bytes: int) -> AsyncGenerator[bytes, None]:
        size, is_whole = 0, False
        while not is_whole:
            chunks: list[bytes] = []
            least = size + piece_bytes
            try:
                async with asyncio.timeout(BODY_WITHIN_S):
                    while size < least and not is_whole:
                        chunk, is_whole = await self._chunk()
                        size += len(chunk)
                        if size > most_bytes:
                            raise _too_large(most_bytes)
                        chunks.append(chunk)
            except TimeoutError as error:
                # A body that never ends would hold a place among the requests for ever.
                raise _too_slow() from error
            yield b"".join(chunks)

    async def _chunk(self) -> tuple[bytes, bool]:
        """What the server has read of the body by now, and whether that is its end."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        return message.get("body", b""), not message.get("more_body", False)


class Disconnected(Exception):
    """The client went away before its request was whole."""


def invalid_parameter(name: str, message: str) -> ProblemError:
    """The answer to a query parameter or header that is unknown or malformed."""
    error = FieldError(name, "invalid_parameter", message)
    return ProblemError(Problem(code="invalid_parameter", errors=(error,)))


def _not_taken(encodings_of: Mapping[str, Sequence[str]]) -> ProblemError:
    detail = "The Content-Type or Content-Encoding is not taken here. Send " + ", or ".join(
        f"{kind} ({' or '.join(encodings)})" for kind, encodings in encodings_of.items()
    )
    accept = ", ".join(encodings_of)
    return ProblemError(
        Problem(code="unsupported_media_type", detail=f"{detail}.", headers={"Accept": accept})
    )


def _too_slow() -> ProblemError:
    return ProblemError(
        Problem(
            code="malformed_json",
            detail=f"Too little of the body came within {BODY_WITHIN_S} seconds.",
            headers={"Connection": "close"},
        )
    )


def _too_large(most_bytes: int) -> ProblemError:
    return ProblemError(
        Problem(
            code="payload_too_large",
            detail=f"The body may have {most_bytes} bytes.",
            # The rest of the body stays unread, so the connection cannot be used again.
            headers={"Connection": "close"},
        )
    )


async def send_answer(send: Send, answer: Answer, more: Iterable[tuple[bytes, bytes]]) -> None:
    """Send a whole response."""
    of_body = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(answer.body)).encode()),
    ]
    headers = [
        *(of_body if answer.status != NO_CONTENT else ()),
        *((name.encode(), value.encode("latin-1")) for name, value in answer.headers),
        *more,
    ]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def send_problem(send: Send, problem: Problem, more: Iterable[tuple[bytes, bytes]]) -> None:
    """Send a problem document."""
    rendered = problem.to_response()
    headers = [*rendered.headers, *more]
    await send({"type": "http.response.start", "status": rendered.status, "headers": headers})
    await send({"type": "http.response.body", "body": rendered.body})
