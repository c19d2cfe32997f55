"""Server-sent events out of bytes, without I/O (WHATWG HTML, section 9.2.6).

An event counts once the empty line after it has come: what a cut leaves half is dropped, and comes
again to whoever resumes behind the last whole one.
"""

import re
from dataclasses import dataclass
from typing import Final

_LINE_ENDS: Final = re.compile(rb"\r\n|\n|\r")
_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class ServerSent:
    """One event. `event_id`: the last id that the stream has told, with it or before; `data` "":
    it only tells an id.
    """

    event_id: str | None
    kind: str
    data: str


class Events:
    """One answer's events. `retry_s`: what the server asks a client to wait for before it resumes;
    None: nothing.
    """

    def __init__(self, last_event_id: str | None = None) -> None:
        self.retry_s: float | None = None
        self._event_id = last_event_id
        self._kind, self._data = "", list[str]()
        self._is_told_id = False
        self._rest = b""
        self._is_begun = False

    def feed(self, chunk: bytes) -> list[ServerSent]:
        """The events that are whole with these bytes."""
        told = self._rest + chunk
        if not self._is_begun:
            if len(told) < len(_BOM) and _BOM.startswith(told):
                self._rest = told
                return []
            told, self._is_begun = told.removeprefix(_BOM), True
        # A last CR may be half of a CR LF.
        held = told[-1:] if told.endswith(b"\r") else b""
        *lines, rest = _LINE_ENDS.split(told.removesuffix(held) if held else told)
        self._rest = rest + held
        events = (self._take(line.decode("utf-8", "replace")) for line in lines)
        return [event for event in events if event is not None]

    def _take(self, line: str) -> ServerSent | None:
        if not line:
            return self._dispatched()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._kind = value
        elif name == "id" and "\0" not in value:
            self._event_id, self._is_told_id = value, True
        elif name == "retry" and value.isascii() and value.isdecimal():
            self.retry_s = int(value) / 1000
        return None

    def _dispatched(self) -> ServerSent | None:
        event = ServerSent(self._event_id, self._kind or "message", "\n".join(self._data))
        is_news = bool(self._data) or self._is_told_id
        self._kind, self._data, self._is_told_id = "", [], False
        return event if is_news else None
