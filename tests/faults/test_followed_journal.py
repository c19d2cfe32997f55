"""Who follows the journal loses no entry and gets none twice, however often the stream is cut."""

import asyncio
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hpts.local import ports
from hpts_client import AsyncClient, Client, Credentials, Patience, Unreachable
from tests.faults.own_ledger import READY_WITHIN_S, OwnLedger, Service, answer_of, until
from tests.http import Client as Poster
from tests.local_stack import HPTS

ENTRIES = 45
KILLS = 3
LASTING = Patience(give_up_after_s=60.0)


class Reads:
    """A read edge that is killed, and started again at the same address."""

    def __init__(self, own: OwnLedger) -> None:
        self._own, self.port = own, ports.free_port()
        self.url = f"http://{ports.HOST}:{self.port}"
        self.start()

    def start(self) -> None:
        self._service: Service = self._own.api(
            module="read_api", is_ready=False, HPTS_PORT=str(self.port)
        )
        until(
            lambda: answer_of(f"{self.url}/v1/health/ready")[0] == 200,
            seconds=READY_WITHIN_S,
            told=self._service.said,
        )

    def kill(self) -> None:
        self._service.stop(signal.SIGKILL)

    def restart_while(self, work: Callable[[], object]) -> None:
        """Something is done while nobody can be read from."""
        self.kill()
        work()
        self.start()


class Posting:
    """Payments of one loan; what was posted, in order."""

    def __init__(self, own: OwnLedger) -> None:
        own.engine()
        stack = own.stack(own.api())
        self.client = Poster.of(stack)
        self.loan = self.client.open_loan(amount_minor="10000000")
        self.posted: list[str] = []
        self.of_sdk = stack["clients"][0]
        self.token_url = stack["token_url"]

    def pay(self, count: int) -> None:
        for _ in range(count):
            paid = self.client.pay(self.loan, amount_minor="1")
            self.posted.append(paid["journal_entry_id"])

    @property
    def credentials(self) -> Credentials:
        one = self.of_sdk
        return Credentials(self.token_url, one["client_id"], one["client_secret"])


@pytest.fixture
def posting(own: OwnLedger) -> Posting:
    return Posting(own)


@pytest.fixture
def reads(own: OwnLedger, posting: Posting) -> Reads:
    assert posting
    return Reads(own)


@pytest.fixture
def follower(reads: Reads, posting: Posting) -> Iterator[Client]:
    with Client(reads.url, posting.credentials, patience=LASTING) as client:
        yield client


def post_through_kills(reads: Reads, posting: Posting) -> None:
    for _ in range(KILLS):
        posting.pay(5)
        reads.restart_while(lambda: posting.pay(5))
        posting.pay(5)


def following(
    follow: Callable[[], None],
    reads: Reads,
    posting: Posting,
    has_begun: threading.Event | None = None,
) -> None:
    """Somebody follows meanwhile, in a thread: what is started here would end with its thread."""
    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    assert has_begun is None or has_begun.wait(30)
    post_through_kills(reads, posting)
    thread.join(60)
    assert not thread.is_alive(), "entries are missing"


def test_an_iterator_goes_on_where_it_was_cut(
    reads: Reads, posting: Posting, follower: Client
) -> None:
    stream = follower.follow()
    stream.begin()
    # Cut before anything was posted: it goes on where it began.
    reads.restart_while(lambda: posting.pay(1))
    got: list[str] = []
    places: list[str | None] = []

    def follow() -> None:
        for entry in stream:
            got.append(str(entry.journal_entry_id))
            places.append(stream.last_event_id)
            if len(got) == ENTRIES + 1:
                break
        stream.close()

    following(follow, reads, posting)
    assert got == posting.posted

    # Whoever kept the place of one entry goes on with the next one.
    with follower.follow(places[9]) as resumed:
        again = [str(next(resumed).journal_entry_id) for _ in range(ENTRIES - 9)]
    assert again == posting.posted[10:]


def test_an_awaited_iterator_goes_on_where_it_was_cut(reads: Reads, posting: Posting) -> None:
    async def follow() -> None:
        async with (
            asyncio.timeout(120),
            AsyncClient(reads.url, posting.credentials, patience=LASTING) as client,
            client.follow() as stream,
        ):
            await stream.begin()
            has_begun.set()
            async for entry in stream:
                got.append(str(entry.journal_entry_id))
                if len(got) == ENTRIES:
                    break

    got: list[str] = []
    has_begun = threading.Event()
    following(lambda: asyncio.run(follow()), reads, posting, has_begun)
    assert got == posting.posted


def test_who_stopped_waiting_for_an_entry_may_go_on(reads: Reads, posting: Posting) -> None:
    async def follow() -> list[str]:
        async with (
            AsyncClient(reads.url, posting.credentials, patience=LASTING) as client,
            client.follow() as stream,
        ):
            await stream.begin()
            for _ in range(2):
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await anext(stream)
            await asyncio.to_thread(posting.pay, 2)
            async with asyncio.timeout(30):
                got = [await anext(stream) for _ in range(2)]
            await stream.close()
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
        return [str(entry.journal_entry_id) for entry in got]

    assert asyncio.run(follow()) == posting.posted


def test_who_finds_nobody_for_too_long_is_told_and_may_go_on(
    reads: Reads, posting: Posting
) -> None:
    soon = Patience(give_up_after_s=1.0)
    with (
        Client(reads.url, posting.credentials, patience=soon) as client,
        client.follow() as stream,
    ):
        stream.begin()
        reads.kill()
        with pytest.raises(Unreachable):
            next(stream)
        posting.pay(2)
        reads.start()
        assert [str(next(stream).journal_entry_id) for _ in range(2)] == posting.posted


def test_tail_shows_every_entry_once_through_restarts(reads: Reads, posting: Posting) -> None:
    posting.pay(3)
    settings = {
        "HPTS_API_URL": reads.url,
        "HPTS_TOKEN_URL": posting.token_url,
        "HPTS_CLIENT_ID": posting.of_sdk["client_id"],
        "HPTS_CLIENT_SECRET": posting.of_sdk["client_secret"],
    }
    command = [*HPTS, "tail", "--json", "--lines", "2", "--count", str(ENTRIES + 2)]
    with subprocess.Popen(
        command, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True
    ) as following:
        assert following.stdout is not None
        first = [json.loads(following.stdout.readline()) for _ in range(2)]
        post_through_kills(reads, posting)
        later = [json.loads(line) for line in following.stdout]
    shown: list[dict[str, Any]] = first + later
    assert following.returncode == 0
    assert [one["journal_entry_id"] for one in shown] == posting.posted[1:]
    listed = posting.client.get(f"/v1/journal-entries/{posting.posted[-1]}").json()
    assert {name: shown[-1][name] for name in listed if name != "next_page_token"} == listed


def test_tail_ends_in_time_with_what_there_is(reads: Reads, posting: Posting) -> None:
    posting.pay(1)
    settings = {
        "HPTS_API_URL": reads.url,
        "HPTS_TOKEN_URL": posting.token_url,
        "HPTS_CLIENT_ID": posting.of_sdk["client_id"],
        "HPTS_CLIENT_SECRET": posting.of_sdk["client_secret"],
    }
    ran = subprocess.run(
        [*HPTS, "tail", "--seconds", "2", "--lines", "5"],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert posting.posted[0] in ran.stdout
    assert ran.stdout.count("2026-") >= 2
