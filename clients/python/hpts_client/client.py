"""The two clients. What they have in common, all but the waiting, is `exchange.py`'s.

    with Client.from_environment() as ledger:
        paid = ledger.post(Payment(...), key="payment:loan_42:proc_txn_abc123")

One client for one tenant: the token says which. Both may be shared, by threads or by tasks.
"""

from collections.abc import AsyncIterator, Iterator
from types import TracebackType
from typing import Self, TypeVar
from uuid import uuid4

from hpts_client.connections import Connection, connection
from hpts_client.events import Command
from hpts_client.exchange import Conversation, Credentials, Patience, Submission
from hpts_client.queries import Listing, Query
from hpts_client.streams import AsyncJournalStream, JournalStream
from hpts_client.transport import Awaiting, Blocking, Certificate

R = TypeVar("R")


class Client:
    """The blocking client."""

    def __init__(
        self,
        api_url: str,
        credentials: Credentials | None,
        *,
        certificate: Certificate | None = None,
        patience: Patience = Patience(),  # noqa: B008  # frozen
        reads_own_writes: bool = True,
    ) -> None:
        self._talk = Conversation(credentials, patience, reads_own_writes=reads_own_writes)
        self._transport = Blocking(api_url, certificate)

    @classmethod
    def of(cls, where: Connection, patience: Patience = Patience()) -> Self:  # noqa: B008
        return cls(
            where.api_url, where.credentials, certificate=where.certificate, patience=patience
        )

    @classmethod
    def from_environment(cls) -> Self:
        """As HPTS_API_URL, HPTS_TOKEN_URL, HPTS_CLIENT_ID, ... say, else the local stack's."""
        return cls.of(connection())

    def post(self, command: Command[R], key: str) -> R:
        """Post, and wait for the outcome. The same key again never posts twice.

        Raises `Refused`; after `Unreachable` or `Stalled` call it again, with the same key.
        """
        return self._transport.run(self._talk.post(command, key))

    def dry_run(self, command: Command[R]) -> R:
        """What posting it now would give; nothing is posted."""
        return self._transport.run(self._talk.post(command, _no_key(), dry_run=True))

    def submit(self, command: Command[R], key: str) -> Submission[R]:
        """Post, and return once the ledger has accepted it for good; `wait` for its outcome."""
        return self._transport.run(self._talk.submit(command, key))

    def wait(self, submission: Submission[R]) -> R:
        """The outcome of what was submitted."""
        return self._transport.run(self._talk.outcome(submission))

    def get(self, query: Query[R]) -> R:
        """Read one value. It sees what this client has posted."""
        return self._transport.run(self._talk.get(query))

    def items(self, listing: Listing[R]) -> Iterator[R]:
        """Every item, page after page, fetched as they are taken."""
        token: str | None = None
        while True:
            found, token = self._transport.run(self._talk.page(listing, token))
            yield from found
            if token is None:
                return

    def follow(self, last_event_id: str | None = None) -> JournalStream:
        """Entries while they are posted, each once, whatever is cut: from now on, or from behind an
        event of another stream ("0": from the first).
        """
        return JournalStream(self._talk, self._transport, last_event_id)

    def token(self) -> str:
        """The access token, for tools of another kind; a new one some time before it expires."""
        return self._transport.run(self._talk.token())

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient:
    """The same, awaited."""

    def __init__(
        self,
        api_url: str,
        credentials: Credentials | None,
        *,
        certificate: Certificate | None = None,
        patience: Patience = Patience(),  # noqa: B008  # frozen
        reads_own_writes: bool = True,
    ) -> None:
        self._talk = Conversation(credentials, patience, reads_own_writes=reads_own_writes)
        self._transport = Awaiting(api_url, certificate)

    @classmethod
    def of(cls, where: Connection, patience: Patience = Patience()) -> Self:  # noqa: B008
        return cls(
            where.api_url, where.credentials, certificate=where.certificate, patience=patience
        )

    @classmethod
    def from_environment(cls) -> Self:
        """As `Client.from_environment`."""
        return cls.of(connection())

    async def post(self, command: Command[R], key: str) -> R:
        """As `Client.post`."""
        return await self._transport.run(self._talk.post(command, key))

    async def dry_run(self, command: Command[R]) -> R:
        """As `Client.dry_run`."""
        return await self._transport.run(self._talk.post(command, _no_key(), dry_run=True))

    async def submit(self, command: Command[R], key: str) -> Submission[R]:
        """As `Client.submit`."""
        return await self._transport.run(self._talk.submit(command, key))

    async def wait(self, submission: Submission[R]) -> R:
        """As `Client.wait`."""
        return await self._transport.run(self._talk.outcome(submission))

    async def get(self, query: Query[R]) -> R:
        """As `Client.get`."""
        return await self._transport.run(self._talk.get(query))

    async def items(self, listing: Listing[R]) -> AsyncIterator[R]:
        """As `Client.items`."""
        token: str | None = None
        while True:
            found, token = await self._transport.run(self._talk.page(listing, token))
            for item in found:
                yield item
            if token is None:
                return

    def follow(self, last_event_id: str | None = None) -> AsyncJournalStream:
        """As `Client.follow`."""
        return AsyncJournalStream(self._talk, self._transport, last_event_id)

    async def token(self) -> str:
        """As `Client.token`."""
        return await self._transport.run(self._talk.token())

    async def close(self) -> None:
        await self._transport.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()


def _no_key() -> str:
    """A dry run reserves no key, but every POST has one."""
    return f"dry-run:{uuid4()}"
