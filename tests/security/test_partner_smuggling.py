"""A certificate in a header is believed from the proxy, in one header, spelled in one way. Written
to raw TLS sockets: from the proxy's address, and from another one that would like to be it.
"""

from base64 import b64encode
from collections.abc import Callable
from typing import Final

import pytest

from tests.local_stack import PROXY
from tests.security.partner_sockets import (
    Answer,
    Partners,
    exchange,
    get,
    loan_payment,
    payment,
    read_answer,
)

REFUSED: Final = (400, "invalid_parameter")
MISSING: Final = (401, "certificate_required")
MISMATCH: Final = (401, "certificate_mismatch")
Lines = Callable[[bytes, bytes], list[bytes]]

FROM_THE_PROXY: Final[dict[str, tuple[Lines, tuple[int, str]]]] = {
    "the one header": (lambda own, _: [b"Client-Cert: " + own], (200, "")),
    "any case": (lambda own, _: [b"cLIENT-cERT: " + own], (200, "")),
    "its chain, too": (
        lambda own, _: [b"Client-Cert: " + own, b"Client-Cert-Chain: " + own],
        (200, ""),
    ),
    "none": (lambda own, _: [], MISSING),
    "another's": (lambda _, other: [b"Client-Cert: " + other], MISMATCH),
    "empty": (lambda own, _: [b"Client-Cert:"], REFUSED),
    "twice": (lambda own, _: [b"Client-Cert: " + own, b"Client-Cert: " + own], REFUSED),
    "another's first": (
        lambda own, other: [b"Client-Cert: " + other, b"Client-Cert: " + own],
        REFUSED,
    ),
    "another's last": (
        lambda own, other: [b"Client-Cert: " + own, b"Client-Cert: " + other],
        REFUSED,
    ),
    "a list": (lambda own, other: [b"Client-Cert: " + own + b", " + other], REFUSED),
    "a parameter": (lambda own, _: [b"Client-Cert: " + own + b";a=1"], REFUSED),
    "no colons": (lambda own, _: [b"Client-Cert: " + own.strip(b":")], REFUSED),
    "a string": (lambda own, _: [b'Client-Cert: "' + own + b'"'], REFUSED),
    "base64url": (
        lambda own, _: [b"Client-Cert: " + own.replace(b"+", b"-").replace(b"/", b"_")],
        REFUSED,
    ),
    "white space inside": (lambda own, _: [b"Client-Cert: " + own[:40] + b" " + own[40:]], REFUSED),
    "a byte more": (
        lambda own, _: [b"Client-Cert: :" + b64encode(b"\0") + own.lstrip(b":")],
        REFUSED,
    ),
    "cut off": (lambda own, _: [b"Client-Cert: " + own[:401] + b":"], REFUSED),
    "PEM": (lambda own, _: [b"Client-Cert: -----BEGIN CERTIFICATE-----"], REFUSED),
    "huge": (lambda own, _: [b"Client-Cert: :" + b"A" * 20_000 + b":"], REFUSED),
    "underscore alone": (lambda own, _: [b"Client_Cert: " + own], REFUSED),
    "underscore beside": (
        lambda own, other: [b"Client-Cert: " + own, b"Client_Cert: " + other],
        REFUSED,
    ),
    "underscore in the chain": (
        lambda own, other: [b"Client-Cert: " + own, b"Client-Cert_Chain: " + other],
        REFUSED,
    ),
    "an option of the connection": (
        lambda own, _: [b"Client-Cert: " + own, b"Connection: keep-alive, Client-Cert"],
        REFUSED,
    ),
    "an option, in any case": (
        lambda own, _: [b"Connection: close,CLIENT-CERT", b"Client-Cert: " + own],
        REFUSED,
    ),
    "another name": (lambda own, _: [b"X-Client-Cert: " + own], MISSING),
    "a proxy's older name": (
        lambda own, _: [b"X-SSL-Cert: " + own, b"X-Forwarded-Client-Cert: " + own],
        MISSING,
    ),
}
"""What is written -> what a partner's token, bound to the first certificate, is answered."""


def header_of(partners: Partners, name: str) -> bytes:
    return b":" + b64encode(partners.der(name)) + b":"


@pytest.fixture(scope="module")
def pair(partners: Partners) -> tuple[str, bytes, bytes]:
    """The token of one partner, its certificate as a header, and that of another one."""
    own, other = (header_of(partners, partners.named(name)) for name in ("victim", "thief"))
    return partners.token("victim"), own, other


def test_from_the_proxy_one_header_in_its_one_spelling(
    partners: Partners, pair: tuple[str, bytes, bytes]
) -> None:
    token, own, other = pair
    with partners.connected(partners.trusting("front"), source=PROXY) as proxy:
        assert exchange(proxy, get(token, b"Client-Cert: " + own)).status == 200
    told = {
        how: partners.ask("front", get(token, *lines(own, other)), source=PROXY).told
        for how, (lines, _) in FROM_THE_PROXY.items()
    }
    assert told == {how: expected for how, (_, expected) in FROM_THE_PROXY.items()}


def test_from_anybody_else_no_header_says_who_is_calling(
    partners: Partners, pair: tuple[str, bytes, bytes]
) -> None:
    """The thief has a certificate of its own, and the victim's token and (public) certificate."""
    token, victims, own = pair
    for how, (lines, _) in FROM_THE_PROXY.items():
        sent = lines(victims, own)
        names = {line.partition(b":")[0].lower().replace(b"_", b"-") for line in sent}
        is_told = bool(names & {b"client-cert", b"client-cert-chain"})
        for request in (get, payment):
            answer = partners.ask("thief", request(token, *sent))
            assert answer.told == (REFUSED if is_told else MISMATCH), how
    assert partners.ask("victim", get(token, b"Client-Cert: " + victims)).told == REFUSED


def test_the_certificate_of_the_proxy_itself_is_nobodys(
    partners: Partners, pair: tuple[str, bytes, bytes]
) -> None:
    bound_to_the_proxy = partners.token("front")
    _, own, _ = pair
    assert partners.ask("front", get(bound_to_the_proxy), source=PROXY).told == MISSING
    told = partners.ask("front", get(bound_to_the_proxy, b"Client-Cert: " + own), source=PROXY).told
    assert told == MISMATCH


def test_a_forwarded_address_makes_no_proxy(
    partners: Partners, pair: tuple[str, bytes, bytes]
) -> None:
    token, victims, _ = pair
    forwarded = [
        f"X-Forwarded-For: {PROXY}".encode(),
        f"Forwarded: for={PROXY}".encode(),
        f"X-Real-IP: {PROXY}".encode(),
    ]
    sent = get(token, b"Client-Cert: " + victims, *forwarded)
    assert partners.ask("thief", sent).told == REFUSED


def raw(first: bytes, token: str, *lines: bytes, body: bytes = b"") -> bytes:
    authorization = b"Authorization: Bearer " + token.encode()
    head = [first, b"Host: localhost", authorization, *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def answered(partners: Partners, sent: bytes) -> list[Answer]:
    """Every answer that comes until the server closes, or says nothing more for a second."""
    answers = []
    with partners.connected(partners.trusting("front"), source=PROXY) as proxy:
        proxy.sendall(sent)
        try:
            answers.append(read_answer(proxy))
            proxy.settimeout(1)
            while True:
                answers.append(read_answer(proxy))
        except (ConnectionError, TimeoutError):
            return answers


def test_folded_lines_never_reach_a_certificate(
    partners: Partners, pair: tuple[str, bytes, bytes]
) -> None:
    token, own, other = pair
    for lines in (
        [b"X-Nothing: a\r\n Client-Cert: " + other],
        [b"X-Nothing: a\r\n\tClient-Cert: " + own],
        [b"Client-Cert: " + own + b"\r\n " + other],
        [b"Client-Cert:\r\n " + own],
        [b"Client-Cert : " + own],
        [b"Client-Cert\t: " + own],
        [b" Client-Cert: " + own],
        [b"Client-Cert\0: " + own],
        [b"Client-Cert: " + own + b"\0"],
        [b"Client-Cert: " + own + b"\rX: " + other],
    ):
        for answer in answered(partners, get(token, *lines)):
            assert answer.status in (400, 401), lines


def test_two_lengths_are_two_requests_to_somebody_and_none_here(
    partners: Partners, pair: tuple[str, bytes, bytes]
) -> None:
    """What one server takes for a body, another one takes for the next request: both spellings of
    a length at once, and the tricks that hide one of them, are refused, and what follows is never
    answered.
    """
    token, own, other = pair
    own_header, kind = b"Client-Cert: " + own, b"Content-Type: application/json"
    hidden = get(token, b"Client-Cert: " + other)
    chunked = b"0\r\n\r\n" + hidden
    for lines in (
        [b"Content-Length: %d" % len(chunked), b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 5"],
        [b"Transfer-Encoding : chunked", b"Content-Length: %d" % len(chunked)],
        [b"Transfer-Encoding: xchunked"],
        [b"Transfer-Encoding: chunked, identity"],
        [b"Transfer-Encoding: identity", b"Content-Length: %d" % len(chunked)],
        [b"Transfer-Encoding:\r\n chunked", b"Content-Length: %d" % len(chunked)],
        [b"Content-Length: 5", b"Content-Length: %d" % len(chunked)],
        [b"Content-Length: 5, %d" % len(chunked)],
        [b"Content-Length: +5"],
        [b"Content-Length: -1"],
        [b"Content-Length: 0x5"],
    ):
        key = b"Idempotency-Key: smuggled:0001"
        sent = raw(
            b"POST /v1/payments HTTP/1.1", token, own_header, kind, key, *lines, body=chunked
        )
        answers = answered(partners, sent)
        assert [answer.status for answer in answers] == [400], lines


def test_trailers_are_no_headers(partners: Partners, pair: tuple[str, bytes, bytes]) -> None:
    """HAProxy passes trailers on: what it has set, nobody can set again after the body."""
    token, own, other = pair
    body = loan_payment()
    chunk = b"%x\r\n%s\r\n0\r\n" % (len(body), body)
    lines = [b"Transfer-Encoding: chunked", b"Content-Type: application/json"]
    first = b"POST /v1/payments HTTP/1.1"
    key = b"Idempotency-Key: trailer:0001"
    for trailer, headers, expected in (
        (b"Client-Cert: " + other, [b"Client-Cert: " + own, key], (422, "loan_not_found")),
        (b"Client-Cert: " + own, [key], MISSING),
        (key, [b"Client-Cert: " + own], (400, "idempotency_key_missing")),
    ):
        sent = raw(first, token, *lines, *headers, body=chunk + trailer + b"\r\n\r\n")
        assert [answer.told for answer in answered(partners, sent)] == [expected]
