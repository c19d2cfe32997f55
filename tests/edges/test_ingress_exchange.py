"""A request's body up to its limit, byte for byte, however it is cut and whatever it declares."""

import asyncio
from collections.abc import MutableMapping, Sequence
from typing import Any

import pytest

from ingress_api.exchange import Exchange
from schemas.problems import ProblemError

MOST = 1_000
CUTS = ([MOST], [1, MOST - 1], [MOST - 1, 1], [300] * 3 + [100], [0, MOST, 0])


def read(pieces: Sequence[bytes], *headers: tuple[bytes, bytes]) -> bytes:
    """The body that arrives in these pieces."""
    left = list(pieces)

    async def receive() -> MutableMapping[str, Any]:
        piece = left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(left)}

    scope: MutableMapping[str, Any] = {
        "path": "/v1/payments",
        "method": "POST",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), *headers],
    }
    return asyncio.run(Exchange(scope, receive).json_body(MOST))


def refusal_of(pieces: Sequence[bytes], *headers: tuple[bytes, bytes]) -> tuple[str, int]:
    with pytest.raises(ProblemError) as refused:
        read(pieces, *headers)
    return refused.value.problem.code, refused.value.problem.status


@pytest.mark.parametrize("sizes", CUTS, ids=str)
def test_a_body_has_its_limit_and_no_more(sizes: Sequence[int]) -> None:
    pieces = [b" " * size for size in sizes]
    assert read(pieces) == b" " * MOST
    assert refusal_of([*pieces, b" "]) == ("payload_too_large", 413)


def test_what_a_body_declares_is_believed_only_when_it_is_too_large() -> None:
    whole = [b" " * MOST]
    assert read(whole, (b"content-length", b"%d" % MOST)) == whole[0]
    too_large = ("payload_too_large", 413)
    assert refusal_of([], (b"content-length", b"%d" % (MOST + 1))) == too_large
    assert refusal_of([*whole, b" "], (b"content-length", b"%d" % MOST)) == too_large
    assert refusal_of([*whole, b" "], (b"content-length", b"none")) == too_large
