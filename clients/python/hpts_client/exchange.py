"""How the API is spoken to, without I/O: tokens, retries, waits and pages, once for both clients.

What may be sent again is sent again: a POST has a key, so a lost answer, a 503, a 429 or a 409
because the first try is still in flight all end in the one outcome that the key stands for.
"""

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import GenericAlias
from typing import Any, Final, Generic, TypeVar, cast
from urllib.parse import urlencode

import msgspec

from hpts_client.errors import Refused, Stalled, Unreachable, document_of
from hpts_client.events import Command
from hpts_client.messages import Answer, Exchange, NoAnswer, Open, Pause, Request, Send
from hpts_client.outcomes import CommandState, Pending
from hpts_client.queries import Listing, Read

R = TypeVar("R")
_NOT_NOW: Final = frozenset({408, 429})
_SERVER_ERRORS: Final = 500
_WAIT_FOR: Final = frozenset({"idempotency_in_progress", "batch_in_progress"})
_OF_THE_TOKEN: Final = frozenset({"token_invalid", "token_expired"})
_PENDING: Final = frozenset({"pending", "posting"})
IDEMPOTENCY_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:\-]{7,254}")
_FORM: Final = "application/x-www-form-urlencoded"
_USUAL_LIFETIME_S: Final = 300.0
_MOST_DOUBLINGS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to go on, and how often to ask: pauses double from the first to the longest."""

    give_up_after_s: float = 60.0
    first_pause_s: float = 0.1
    longest_pause_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """An OAuth client (client credentials); `scope` None: all that it may have."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class Submission(Generic[R]):
    """A command that the ledger has taken for good. `pending` None: its outcome is known."""

    command: Command[R]
    answer: Answer
    pending: Pending | None


class Conversation:
    """One client's exchanges with the API. Keeps its token, and how far its own postings go."""

    def __init__(
        self,
        credentials: Credentials | None,
        patience: Patience,
        *,
        reads_own_writes: bool = True,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._credentials = credentials
        self._patience = patience
        self._reads_own_writes = reads_own_writes
        self._clock, self._chance = clock, chance
        self._token, self._renew_at, self._expires_at = "", 0.0, 0.0
        self._positions: dict[str, int] = {}

    def post(self, command: Command[R], key: str, *, dry_run: bool = False) -> Exchange[R]:
        """Post, and wait for the outcome. Raises `Refused`, `Unreachable` or `Stalled`."""
        answer = yield from self._good(_posting(command, key, dry_run=dry_run))
        return (yield from self.outcome(_submission(command, answer)))

    def submit(self, command: Command[R], key: str) -> Exchange[Submission[R]]:
        """Post, and wait no longer than until it is accepted for good."""
        request = _posting(command, key)
        headers = {**request.headers, "Prefer": "respond-async"}
        answer = yield from self._good(replace(request, headers=headers))
        return _submission(command, answer)

    def outcome(self, submission: Submission[R]) -> Exchange[R]:
        """Wait until what was accepted has posted; asks where the 202's `Location` says."""
        answer, pending = submission.answer, submission.pending
        if pending is None:
            return _value(submission.command, answer.body)
        yield from self._done(answer, pending)
        state = yield from self.get_command(pending)
        if state.problem is not None:
            raise Refused.of(state.problem, 422)
        return _value(submission.command, msgspec.json.encode(state.result))

    def get_command(self, pending: Pending) -> Exchange[CommandState]:
        request = Request("GET", f"/commands/{pending.command_id}")
        answer = yield from self._good(request)
        state: CommandState = _read(answer.body, CommandState)
        return state

    def get(self, query: Read[R]) -> Exchange[R]:
        """Read one value."""
        answer = yield from self._good(self._reading(query), needs_token=query.needs_token)
        return _value(query, answer.body)

    def page(self, listing: Listing[R], token: str | None) -> Exchange[tuple[list[R], str | None]]:
        """One page, and the token of the next one."""
        request = self._reading(listing)
        if token is not None:
            request = replace(request, parameters={**request.parameters, "page_token": token})
        document = _read((yield from self._good(request)).body, dict[str, msgspec.Raw])
        kind: Any = GenericAlias(list, (listing.result,))
        items = _read(document.get(listing.member, b""), kind)
        return items, _read(document.get("next_page_token", b"null"), str | None)

    def open(self, request: Request) -> Exchange[Answer]:
        """A success whose body is read while it comes. Raises `Refused` or `Unreachable`."""
        return self._good(request, send=Open)

    def token(self) -> Exchange[str]:
        """The access token that requests bear. Raises `Refused` or `Unreachable`."""
        try:
            return (yield from self._fresh_token())
        except NoAnswer as error:
            raise Unreachable(str(error)) from error

    def pause_after(self, tries: int, answer: Answer | None = None) -> float:
        """What the API asks for, or twice as long as before; by chance up to a quarter more."""
        patience = self._patience
        doubled = 2.0 ** min(tries, _MOST_DOUBLINGS)
        pause_s = min(patience.first_pause_s * doubled, patience.longest_pause_s)
        asked = "" if answer is None else answer.headers.get("retry-after", "")
        least_s = float(asked) if asked.isdecimal() else 0.0
        return max(pause_s, least_s) * (1.0 + self._chance() / 4.0)

    def _good(
        self, request: Request, *, needs_token: bool = True, send: type[Send] = Send
    ) -> Exchange[Answer]:
        """A success. Raises `Refused` or `Unreachable`."""
        deadline = self._clock() + self._patience.give_up_after_s
        is_renewed, tries = False, 0
        while True:
            answer, told = None, ""
            try:
                headers = dict(request.headers)
                if needs_token and self._credentials is not None:
                    headers["Authorization"] = f"Bearer {(yield from self._fresh_token())}"
                answer = yield send(replace(request, headers=headers))
            except NoAnswer as error:
                told = str(error)
            if answer is not None:
                if answer.is_success:
                    self._remember(answer)
                    return answer
                refusal = Refused.of(document_of(answer.body), answer.status)
                if refusal.code in _OF_THE_TOKEN and not is_renewed:
                    self._token, is_renewed = "", True
                    continue
                if not _may_pass(answer) and refusal.code not in _WAIT_FOR:
                    raise refusal
                told = str(refusal)
            pause_s = self.pause_after(tries, answer)
            if self._clock() + pause_s > deadline:
                raise Unreachable(f"{request.method} {request.url}: {told}")
            yield Pause(pause_s)
            tries += 1

    def _done(self, answer: Answer, pending: Pending) -> Exchange[None]:
        """Wait until the command is no longer pending, or the batch is posted."""
        location = answer.headers.get("location", f"/commands/{pending.command_id}")
        location = location.removeprefix("/v1")
        heard_at, heard, tries = self._clock(), "", 0
        while True:
            state = {"status": "pending", **document_of(answer.body)}
            if state["status"] == "quarantined":
                told = "waits for an operator (`hpts quarantine list`)"
                raise Stalled(
                    f"command {pending.command_id} {told}", str(pending.command_id), "quarantined"
                )
            if state["status"] not in _PENDING:
                return
            news = str(state.get("chunks_done"))
            if news != heard:
                heard_at, heard = self._clock(), news
            if self._clock() - heard_at > self._patience.give_up_after_s:
                told = f"is {state['status']}, and nothing more became known of it"
                raise Stalled(
                    f"command {pending.command_id} {told}", str(pending.command_id), "pending"
                )
            yield Pause(min(self.pause_after(tries), 1.0))
            tries += 1
            answer = yield from self._good(Request("GET", location))

    def _fresh_token(self) -> Exchange[str]:
        """The token that is kept, or a new one some time before that expires."""
        credentials = self._credentials
        if credentials is None or (self._token and self._clock() < self._renew_at):
            return self._token
        form = {
            "grant_type": "client_credentials",
            "client_id": credentials.client_id,
            "client_secret": credentials.client_secret,
        }
        if credentials.scope is not None:
            form["scope"] = credentials.scope
        headers = {"Content-Type": _FORM, "Accept": "application/json"}
        request = Request(
            "POST", credentials.token_url, headers=headers, body=urlencode(form).encode()
        )
        asked_at = self._clock()
        try:
            answer = yield Send(request)
            if answer is None or _may_pass(answer):
                raise NoAnswer(f"{credentials.token_url} does not answer now")
            document = document_of(answer.body)
            if answer.is_success and "access_token" not in document:
                raise NoAnswer(f"{credentials.token_url} answers, and not with a token")
        except NoAnswer:
            if self._token and self._clock() < self._expires_at:
                return self._token
            raise
        if not answer.is_success:
            raise Refused.of(document, answer.status)
        lifetime_s = float(document.get("expires_in", _USUAL_LIFETIME_S))
        self._token = str(document["access_token"])
        self._expires_at = asked_at + lifetime_s
        self._renew_at = asked_at + lifetime_s * 0.9
        return self._token

    def _reading(self, query: Read[Any]) -> Request:
        headers = {"Accept": query.accept}
        if self._reads_own_writes and self._positions and query.needs_token:
            places = sorted(self._positions.items())
            headers["HPTS-Min-Position"] = ",".join(f"{one}:{at}" for one, at in places)
        return Request("GET", query.path, query.parameters(), headers)

    def _remember(self, answer: Answer) -> None:
        """How far the store must have come for a read to see this."""
        for place in filter(None, answer.headers.get("hpts-position", "").split(",")):
            partition, _, offset = place.strip().partition(":")
            if partition.isdecimal() and offset.isdecimal():
                self._positions[partition] = max(int(offset), self._positions.get(partition, 0))


def _posting(command: Command[Any], key: str, *, dry_run: bool = False) -> Request:
    if not IDEMPOTENCY_KEY.fullmatch(key):  # some of these cannot even be sent
        told = "send one of 8 to 255 characters: letters, digits, and . _ : - after the first"
        raise Refused("idempotency_key_invalid", told, {"status": 400})
    headers = {"Content-Type": "application/json", "Idempotency-Key": key}
    parameters = {"dry_run": "true"} if dry_run else {}
    return Request(command.verb, command.path, parameters, headers, command.body())


def _submission(command: Command[R], answer: Answer) -> Submission[R]:
    pending = None
    if answer.status == 202:
        pending = _read(answer.body, Pending)
    return Submission(command, answer, pending)


def _value(asked: Command[R] | Read[R], body: bytes) -> R:
    """What an answer says, as the type that the route has."""
    value: Any = None
    if asked.result is str:
        value = body.decode("utf-8", "replace")
    elif asked.result is not type(None):
        value = _read(body, asked.result)
    return cast(R, value)


def _read(body: bytes | msgspec.Raw, kind: Any) -> Any:
    """What an answer says. Raises `Unreachable` where it is none of this API's, as a page of
    somebody between: what became of the request is not known then.
    """
    try:
        return msgspec.json.decode(body, type=kind, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Unreachable(f"an answer that is not this API's: {error}") from error


def _may_pass(answer: Answer) -> bool:
    """Whether it says nothing final: no error of a server tells whether the request was heard."""
    return answer.status in _NOT_NOW or answer.status >= _SERVER_ERRORS
