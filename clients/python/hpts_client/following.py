"""Following the journal while it is posted: `GET /journal-entries/stream`, without I/O.

A stream is cut now and then: it ends with its token, and with the process that serves it. It goes
on behind the last event that came whole, so that no entry is lost and none comes twice. Where a
stream begins is told by its first event, which has no entry: one that is cut before anything was
posted goes on there, too.
"""

from collections import deque
from typing import Final

import msgspec

from hpts_client.exchange import Conversation
from hpts_client.messages import Answer, Exchange, Pause, Request
from hpts_client.results import JournalEntryPart
from hpts_client.server_sent import Events

PATH: Final = "/journal-entries/stream"
KIND: Final = "journalEntryPosted"
_RETRY_S: Final = 1.0


class Following:
    """Where one follower stands. `last_event_id`: behind the last entry that was taken."""

    def __init__(self, talk: Conversation, last_event_id: str | None) -> None:
        self.last_event_id = last_event_id
        self._talk = talk
        self._resume_at = last_event_id
        self._events = Events()
        self._ready: deque[tuple[str | None, JournalEntryPart]] = deque()
        self._retry_s = _RETRY_S
        self._cut_count = 0

    def connect(self) -> Exchange[Answer]:
        """Open the stream where it was left. Raises `Refused` or `Unreachable`."""
        self._events = Events(self._resume_at)
        headers = {"Accept": "text/event-stream"}
        if self._resume_at is not None:
            headers["Last-Event-ID"] = self._resume_at
        return self._talk.open(Request("GET", PATH, headers=headers))

    def take(self, chunk: bytes) -> None:
        """Bytes of it have come."""
        for event in self._events.feed(chunk):
            if event.data and event.kind == KIND:
                entry = msgspec.json.decode(event.data, type=JournalEntryPart, strict=False)
                self._ready.append((event.event_id, entry))
                self._cut_count = 0
            elif self.last_event_id is None:
                self.last_event_id = event.event_id
            self._resume_at = event.event_id
        if self._events.retry_s is not None:
            self._retry_s = self._events.retry_s

    def wait(self) -> Exchange[None]:
        """The pause after a cut: what the server asks for, longer each time that nothing came."""
        yield Pause(max(self._retry_s, self._talk.pause_after(self._cut_count)))
        self._cut_count += 1

    @property
    def has_begun(self) -> bool:
        """Whether it is known where the stream stands."""
        return self.last_event_id is not None or bool(self._ready)

    def next(self) -> JournalEntryPart | None:
        """The next entry, once; None where none has come."""
        if not self._ready:
            return None
        self.last_event_id, entry = self._ready.popleft()
        return entry
