"""`GET /journal-entries/stream`: the tenant's journal as server-sent events, as it is posted.

An event's id says how far the stream has come in every partition, so `Last-Event-ID` resumes it
exactly there: within a partition entries lie without gaps, in the order of their commits. Without
one, a stream begins with what is posted from now on. Its first event has an id and no data and says
where it begins: a client that is cut before anything was posted misses nothing either. Items are
those of `GET /journal-entries`.
"""

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec
from starlette.types import Receive, Scope, Send

from read_api import whole_journal
from read_api.bodies import Body
from read_api.parameters import read_query, refuse
from read_api.store import Snapshot, Store, StoreUnavailable
from read_api.whole_journal import Key
from schemas import scopes, tracing
from schemas.access_token import TokenVerifier
from schemas.in_flight import InFlight
from schemas.partners.edge import certificate_of
from schemas.problems import FieldError, Problem, ProblemError
from schemas.rate_limit import RateLimit

PATH: Final = "/v1/journal-entries/stream"
MOST: Final = 200
MOST_PER_TENANT: Final = 10
MOST_AT_ONCE: Final = 100
"""Entries of one event loop's turn; a page of them may be shorter."""
LOOK_EVERY_S: Final = 0.25
HEARTBEAT_S: Final = 15.0
_ID: Final = re.compile(r"\d{1,4}:\d{1,18}(,\d{1,4}:\d{1,18})*|0", re.ASCII)
_HEADERS: Final = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
)

Places = dict[int, int]
"""Partition -> the last entry that was told, or passed."""


class JournalStreams:
    """The streams of this process."""

    def __init__(self, verifier: TokenVerifier, store: Store, rate_limit: RateLimit) -> None:
        self._verifier = verifier
        self._rate_limit = rate_limit
        self._store = store
        self._open = InFlight(MOST, MOST_PER_TENANT, retry_after_s=5)

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: a problem, or a stream until the client goes or its token ends."""
        trace = tracing.begin(scope["headers"])
        try:
            trace.check()
            if scope["method"] != "GET":
                raise ProblemError(Problem(code="method_not_allowed", headers={"Allow": "GET"}))
            token = await self._verifier.verify(
                _values(scope, b"authorization"), certificate_of(scope)
            )
            self._rate_limit.take(token.tenant_id)
            token.require(scopes.LEDGER_READ)
            read_query(scope["query_string"], ())
            with self._open.one(token.tenant_id):
                places = await self._begin(scope, token.tenant_id)
                headers = [*_HEADERS, *trace.response_headers]
                await send({"type": "http.response.start", "status": 200, "headers": headers})
                await self._follow(token.tenant_id, token.expires_at, places, receive, send)
        except ProblemError as error:
            problem = error.problem
        except StoreUnavailable:
            problem = Problem(code="not_ready", headers={"Retry-After": "1"})
        else:
            return
        rendered = problem.with_trace(trace.trace_id, scope["path"]).to_response()
        told = [*rendered.headers, *trace.response_headers]
        await send({"type": "http.response.start", "status": rendered.status, "headers": told})
        await send({"type": "http.response.body", "body": rendered.body})

    async def _begin(self, scope: Scope, tenant_id: UUID) -> Places:
        """Where the stream begins: at the ends, or where `Last-Event-ID` says."""
        ends = await self._store.read(tenant_id, _ends)
        values = _values(scope, b"last-event-id")
        return ends if not values else _resumed(values, ends)

    async def _follow(
        self, tenant_id: UUID, until: datetime, places: Places, receive: Receive, send: Send
    ) -> None:
        clock = asyncio.get_running_loop().time
        gone = asyncio.create_task(_gone(receive))
        try:
            await _write(send, f"retry: 1000\nid: {_told(places)}\n\n")
            said_at = clock()
            while not gone.done() and datetime.now(UTC) < until:
                items = await self._next(tenant_id, places)
                if items:
                    await _write(send, "".join(_event(places, *one) for one in items))
                    said_at = clock()
                elif clock() > said_at + HEARTBEAT_S:
                    await _write(send, ": still here\n\n")
                    said_at = clock()
                if len(items) < MOST_AT_ONCE:
                    await asyncio.wait([gone], timeout=LOOK_EVERY_S)
        finally:
            gone.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _next(self, tenant_id: UUID, places: Places) -> list[tuple[Key, Body]]:
        """What was posted behind these places; nothing while Postgres is away."""

        async def look(books: Snapshot) -> list[tuple[Key, Body]]:
            rows = await books.rows(
                "list_posted",
                partition_ids=list(places),
                after_seqs=list(places.values()),
                most=MOST_AT_ONCE,
            )
            keys = [(row["posted_at"], row["partition_id"], row["entry_seq"]) for row in rows]
            told, items = await whole_journal.told(books, sorted(keys)[:MOST_AT_ONCE])
            return list(zip(told, items, strict=True))

        try:
            return await self._store.read(tenant_id, look)
        except StoreUnavailable:
            return []


async def _ends(books: Snapshot) -> Places:
    return {p.partition_id: p.last_entry_seq for p in await books.positions()}


def _resumed(values: list[bytes], ends: Mapping[int, int]) -> Places:
    text = values[0].decode("latin-1")
    if len(values) > 1 or _ID.fullmatch(text) is None:
        raise refuse(FieldError("Last-Event-ID", "invalid_format", "must be an event's id, or 0"))
    places = dict.fromkeys(ends, 0)
    for pair in text.split(",") if text != "0" else ():
        partition_id, _, entry_seq = pair.partition(":")
        if int(partition_id) not in ends:
            raise refuse(FieldError("Last-Event-ID", "invalid_value", "must be of this ledger"))
        places[int(partition_id)] = int(entry_seq)
    return places


def _event(places: Places, key: Key, item: Body) -> str:
    """One event; from then on the places are behind it."""
    _, partition_id, entry_seq = key
    places[partition_id] = entry_seq
    data = msgspec.json.encode(item).decode()
    return f"id: {_told(places)}\nevent: journalEntryPosted\ndata: {data}\n\n"


def _told(places: Places) -> str:
    """As an event's id; "0" before the first entry."""
    return ",".join(f"{p}:{seq}" for p, seq in sorted(places.items()) if seq) or "0"


async def _write(send: Send, text: str) -> None:
    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})


async def _gone(receive: Receive) -> None:
    """Wait until the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _values(scope: Scope, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]
