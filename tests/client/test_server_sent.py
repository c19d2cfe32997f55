"""Server-sent events out of bytes, however they are cut, and where a cut stream goes on."""

import json
from typing import Any
from uuid import UUID

import pytest

from hpts_client.exchange import Conversation, Credentials, Patience
from hpts_client.following import Following
from hpts_client.messages import Answer, Exchange, Open, Pause, Send
from hpts_client.server_sent import Events, ServerSent

STREAM = (
    "\ufeffretry: 1500\nid: 0:1\n\n"
    ": still here\n\n"
    "id: 0:2\r\nevent: journalEntryPosted\r\ndata: one\r\n\r\n"
    "data:two\u2028\x85lines\rdata: and more\r\r"
    "id: 0:3\nevent: journalEntryPosted\ndata: lost, the empty line has not come\n"
).encode()
TOLD = [
    ServerSent("0:1", "message", ""),
    ServerSent("0:2", "journalEntryPosted", "one"),
    ServerSent("0:2", "message", "two\u2028\x85lines\nand more"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 64, len(STREAM)])
def test_events_are_the_same_however_the_bytes_come(size: int) -> None:
    events = Events()
    told = [
        event
        for begin in range(0, len(STREAM), size)
        for event in events.feed(STREAM[begin : begin + size])
    ]
    assert told == TOLD
    assert events.retry_s == 1.5


def test_what_is_no_field_of_ours_is_passed_over() -> None:
    events = Events("0:9")
    assert events.feed(b"surprise: 1\nretry: soon\nid: a\0b\ndata\n\n") == [
        ServerSent("0:9", "message", "")
    ]
    assert events.feed(b"event: x\n\n") == []
    assert events.retry_s is None


def entry(number: int) -> bytes:
    told: dict[str, Any] = {
        "journal_entry_id": str(UUID(int=number)),
        "event_type": "payment_received",
        "effective_at": "2026-02-02",
        "posted_at": "2026-02-02T08:00:00.000000Z",
        "correlation_id": str(UUID(int=number)),
        "actor": "me",
        "description": None,
        "metadata": {},
        "details": {},
        "reverses_entry_id": None,
        "reversed_by_entry_id": None,
        "lines": [],
        "part": 0,
    }
    return f"id: 0:{number}\nevent: journalEntryPosted\ndata: {json.dumps(told)}\n\n".encode()


def following(last_event_id: str | None = None) -> Following:
    talk = Conversation(None, Patience(), chance=lambda: 0.0)
    return Following(talk, last_event_id)


def asked(exchange: Exchange[Answer]) -> str | None:
    """Where a connection asks to go on."""
    step = next(exchange)
    assert isinstance(step, Open)
    return step.request.headers.get("Last-Event-ID")


def paused(exchange: Exchange[None]) -> float:
    [step] = list(exchange)
    assert isinstance(step, Pause)
    return step.seconds


def test_a_cut_stream_goes_on_behind_the_last_whole_event() -> None:
    one = following()
    assert asked(one.connect()) is None
    one.take(b"retry: 1000\nid: 0:4\n\n")
    assert one.last_event_id == "0:4"
    one.take(entry(5) + entry(6)[:-1])
    assert asked(one.connect()) == "0:5"
    one.take(entry(6))
    assert [told.journal_entry_id.int for told in iter(one.next, None) if told] == [5, 6]
    assert one.last_event_id == "0:6"


def test_what_has_not_been_taken_is_not_passed_by_who_resumes_elsewhere() -> None:
    one = following("0:4")
    assert asked(one.connect()) == "0:4"
    one.take(b"retry: 1000\nid: 0:4\n\n" + entry(5) + entry(6))
    assert one.last_event_id == "0:4"
    one.next()
    assert one.last_event_id == "0:5"
    assert asked(one.connect()) == "0:6"


def test_a_stream_that_is_cut_before_anything_was_posted_goes_on_where_it_began() -> None:
    one = following()
    asked(one.connect())
    assert not one.has_begun
    one.take(b"retry: 1000\nid: 0:4\n\n")
    assert one.has_begun
    assert asked(one.connect()) == "0:4"


def test_pauses_grow_while_nothing_comes_and_are_short_again_after_an_entry() -> None:
    one = following("0")
    asked(one.connect())
    one.take(b"retry: 200\n\n")
    assert [paused(one.wait()) for _ in range(7)] == [0.2, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0]
    one.take(entry(1))
    assert paused(one.wait()) == 0.2


def test_the_token_is_asked_for_in_whole_and_only_the_stream_is_left_open() -> None:
    talk = Conversation(Credentials("https://issuer/token", "me", "secret"), Patience())
    exchange = Following(talk, None).connect()
    step = next(exchange)
    assert isinstance(step, Send)
    assert not isinstance(step, Open)
    token = Answer(200, {}, b'{"access_token": "t", "expires_in": 60}')
    assert isinstance(exchange.send(token), Open)
