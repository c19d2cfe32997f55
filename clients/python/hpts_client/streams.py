"""The iterators over a tenant's journal while it is posted, one blocking and one awaited.

    with client.follow() as entries:
        for entry in entries:
            ...                        # keep entries.last_event_id beside what was made of it

They end with an error only: `Refused`, or `Unreachable` where nobody answers for as long as the
client's `Patience` says; asked again, they go on. What they resume, and where, is `following.py`'s.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from hpts_client.exchange import Conversation
from hpts_client.following import Following
from hpts_client.messages import NoAnswer
from hpts_client.results import JournalEntryPart
from hpts_client.transport import Awaiting, Blocking


class JournalStream:
    """Blocks until the next entry is posted. One thread owns it."""

    def __init__(
        self, talk: Conversation, transport: Blocking, last_event_id: str | None = None
    ) -> None:
        self._following = Following(talk, last_event_id)
        self._transport = transport
        self._turns = self._turned()

    @property
    def last_event_id(self) -> str | None:
        """Behind the entry given last: another stream goes on there. None: not begun yet."""
        return self._following.last_event_id

    def begin(self) -> None:
        """Connect now: whatever is posted from now on will come."""
        while not self._following.has_begun:
            self._turn()

    def close(self) -> None:
        """End the connection."""
        self._turns.close()

    def __iter__(self) -> Iterator[JournalEntryPart]:
        return self

    def __next__(self) -> JournalEntryPart:
        while (entry := self._following.next()) is None:
            self._turn()
        return entry

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _turn(self) -> None:
        try:
            next(self._turns)
        except BaseException:  # a time limit's, too, or Ctrl-C
            self._turns = self._turned()  # asked again, it tries again
            raise

    def _turned(self) -> Generator[None, None, None]:
        while True:
            with suppress(NoAnswer), self._transport.opened(self._following.connect()) as chunks:
                for chunk in chunks:
                    self._following.take(chunk)
                    yield
            self._transport.run(self._following.wait())


class AsyncJournalStream:
    """The same, awaited. One task owns it."""

    def __init__(
        self, talk: Conversation, transport: Awaiting, last_event_id: str | None = None
    ) -> None:
        self._following = Following(talk, last_event_id)
        self._transport = transport
        self._turns = self._turned()

    @property
    def last_event_id(self) -> str | None:
        """As `JournalStream.last_event_id`."""
        return self._following.last_event_id

    async def begin(self) -> None:
        """As `JournalStream.begin`."""
        while not self._following.has_begun:
            await self._turn()

    async def close(self) -> None:
        """As `JournalStream.close`."""
        await self._turns.aclose()

    def __aiter__(self) -> AsyncIterator[JournalEntryPart]:
        return self

    async def __anext__(self) -> JournalEntryPart:
        while (entry := self._following.next()) is None:
            await self._turn()
        return entry

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def _turn(self) -> None:
        try:
            await anext(self._turns)
        except BaseException:
            self._turns = self._turned()
            raise

    async def _turned(self) -> AsyncGenerator[None, None]:
        while True:
            with suppress(NoAnswer):
                async with self._transport.opened(self._following.connect()) as chunks:
                    async for chunk in chunks:
                        self._following.take(chunk)
                        yield
            await self._transport.run(self._following.wait())
