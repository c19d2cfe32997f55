"""Valid requests as bytes, and what a careless or hostile sender makes of them. Pure but for the
random generator that is given.
"""

import gzip
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from uuid import UUID, uuid4

from hpts import openapi
from tests.edges import bodies_of

DOCUMENT: Final[dict[str, Any]] = json.loads(openapi.contract())
PIECES: Final = (
    *(b"\0", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\r", b"\n", b"\r\n", b"\t"),
    *(b'"', b"'", b"{", b"}", b"[" * 40, b"]", b",", b":", b"\\", b"\\u0000", b"\\ud800", b"\\"),
    *(b"NaN", b"-Infinity", b"1e400", b"-0", b"00", b"9" * 400, b"0x10", b"1_000", b"null"),
    *(b"%00", b"%zz", b"%ff", b"%2f", b"..", b"/", b"//", b"?", b"#", b"&", b"=", b";", b" "),
    *(b"true", b"\xd9\xa1", b"-1", b"1e0", b"1.0", b"\xe2\x80\xae", b"a" * 5_000, b"*", b"'--"),
    *(b"\r\nContent-Length: 3", b"\r\nTransfer-Encoding: chunked", b"\r\nX: y", b"\r\n\r\n"),
    *(b"\r\nIdempotency-Key: other-key-1", b"\r\nAuthorization: Bearer x", b"\r\nExpect: x"),
    *(b"\r\nContent-Encoding: gzip", b"\r\nPrefer: wait=99999999999999999999", b"\r\n folded"),
    *(b"\r\nUpgrade: websocket\r\nConnection: Upgrade", b"\r\nHPTS-Min-Position: 0:" + b"9" * 30),
    *(b"\r\ntraceparent: 00-x", b"\r\nX-Trace-Id: \xff", b"\r\nAccept: \xe9", b"\r\nAccept: a/b"),
    *(b"\r\nContent-Type: text/plain", b"\r\nContent-Type: application/json; charset=x"),
)
Edit = Callable[[random.Random, bytes], bytes]


def _flip(chance: random.Random, data: bytes) -> bytes:
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def _cut(chance: random.Random, data: bytes) -> bytes:
    begin, end = _stretch(chance, data)
    return data[:begin] + data[end:]


def _repeat(chance: random.Random, data: bytes) -> bytes:
    begin, end = _stretch(chance, data)
    return data[:end] + data[begin:end] * chance.choice((1, 1, 2, 50)) + data[end:]


def _insert(chance: random.Random, data: bytes) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + chance.choice(PIECES) + data[place:]


def _replace(chance: random.Random, data: bytes) -> bytes:
    begin, end = _stretch(chance, data)
    return data[:begin] + chance.choice(PIECES) + data[end:]


def _noise(chance: random.Random, data: bytes) -> bytes:
    begin, end = _stretch(chance, data)
    return data[:begin] + chance.randbytes(end - begin) + data[end:]


def _end(chance: random.Random, data: bytes) -> bytes:
    return data[: chance.randrange(len(data))]


def _spell(chance: random.Random, data: bytes) -> bytes:
    """A value in quotes becomes another one, which may be as good."""
    quoted = list(re.finditer(rb'"[^"]*"', data))
    if not quoted:
        return _flip(chance, data)
    one, other = chance.choice(quoted), chance.choice(quoted)
    return data[: one.start()] + other[0] + data[one.end() :]


EDITS: Final[tuple[Edit, ...]] = (
    *(_flip, _cut, _repeat, _insert, _insert, _replace, _noise, _end, _spell, _spell),
)


def _stretch(chance: random.Random, data: bytes) -> tuple[int, int]:
    begin = chance.randrange(len(data))
    return begin, min(len(data), begin + chance.choice((1, 1, 2, 4, 16, 64)))


def with_length(head: bytes, body: bytes) -> bytes:
    """A whole request that says how long its body is."""
    return b"%b\r\nContent-Length: %d\r\n\r\n%b" % (head, len(body), body)


def mutated(chance: random.Random, head: bytes, body: bytes) -> bytes:
    """A request changed once to three times: in its body, in its head, or anywhere."""
    where = chance.choice(("body", "body", "head", "anywhere")) if body else "head"
    # Most of a head is its token, and a token that was changed hides all else.
    head, last, token = head.partition(b"\r\nAuthorization: ")
    if chance.random() < 0.1:
        head, last, token = head + last + token, b"", b""
    for _ in range(chance.choice((1, 1, 2, 3))):
        edit = chance.choice(EDITS)
        if where == "body" and body:
            body = edit(chance, body)
        elif where == "head" and head:
            head = edit(chance, head)
        else:
            break
    whole = with_length(head + last + token, body)
    return chance.choice(EDITS)(chance, whole) if where == "anywhere" else whole


def sound_requests(
    token: str, ids: Mapping[str, str]
) -> Callable[[], Iterator[tuple[bytes, bytes]]]:
    """Draws every GET and POST of the contract as head and body; `ids` are of what exists."""

    def head(method: str, path: str, *more: str) -> bytes:
        target = re.sub(r"\{(\w+)\}", lambda name: ids[name[1]], path)
        lines = [f"{method} {target} HTTP/1.1", "Host: ledger", "Connection: close", *more]
        if not path.startswith(("/v1/health", "/problems", "/v1/problems")):
            lines.append(f"Authorization: Bearer {token}")
        return "\r\n".join(lines).encode()

    def drawn() -> Iterator[tuple[bytes, bytes]]:
        for path, methods in DOCUMENT["paths"].items():
            if "get" in methods and not path.endswith("/stream"):  # it never ends
                yield head("GET", path + _queries(methods["get"])), b""
            if "post" not in methods:
                continue
            for _ in range(2 if path in bodies_of.SOUND else 1):  # what posts is what counts
                key = f"Idempotency-Key: fuzz:{uuid4()}"
                body = json.dumps(_body(path, ids)).encode()
                yield head("POST", path, key, "Content-Type: application/json"), body
        accrual = bodies_of.accrual(UUID(ids["loan_id"]))
        loans = accrual.pop("loans")
        lines = b"".join(json.dumps(one).encode() + b"\n" for one in (accrual, *loans))
        for body, more in ((lines, ()), (gzip.compress(lines), ("Content-Encoding: gzip",))):
            key = f"Idempotency-Key: fuzz:{uuid4()}"
            kind = "Content-Type: application/x-ndjson"
            yield head("POST", "/v1/accruals/batch", key, kind, *more), body

    return drawn


def _body(path: str, ids: Mapping[str, str]) -> dict[str, Any]:
    if path not in bodies_of.SOUND:
        return {} if path.endswith("/close") else {"reason": "a fuzzer's"}
    body: dict[str, Any] = bodies_of.SOUND[path]()
    for name in body.keys() & ids.keys():
        # A refinance or a charge-off would end the loan that the others need.
        if name != "loan_id" or path not in ("/v1/refinances", "/v1/charge-offs"):
            body[name] = ids[name]
    if path == "/v1/disbursements":
        body |= {"loan_id": str(uuid4()), "borrower_id": str(uuid4())}
    return body


def _queries(operation: Mapping[str, Any]) -> str:
    given = {"currency": "USD", "page_size": "3", "order": "asc", "from_date": "2026-01-01"}
    known = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"]
    pairs = [f"{name}={given[name]}" for name in known if name in given]
    return f"?{'&'.join(pairs)}" if pairs else ""
