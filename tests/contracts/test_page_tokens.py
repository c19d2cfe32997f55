"""A page token opens only as it was sealed: with the secret, for the binding, letter by letter."""

import pytest

from schemas.page_tokens import opened, sealed
from schemas.problems import ProblemError

SECRET = b"a secret of both edges"
TOKEN = sealed([[0, 7], "é"], SECRET, "a listing")
# The last letter of a token may carry bits that decoding drops.
LOOSE = TOKEN[:-1] + chr(ord(TOKEN[-1]) + 1)


def test_a_token_opens_as_it_was_sealed() -> None:
    assert opened(TOKEN, SECRET, "a listing") == [[0, 7], "é"]


@pytest.mark.parametrize(
    ("token", "secret", "bound_to"),
    [
        (TOKEN, b"another secret", "a listing"),
        (TOKEN, SECRET, "another listing"),
        (TOKEN, SECRET, "a listing\0"),
        (TOKEN[:-4], SECRET, "a listing"),
        (TOKEN[4:], SECRET, "a listing"),
        (LOOSE, SECRET, "a listing"),
        (f"{TOKEN}=", SECRET, "a listing"),
        (f"{TOKEN[:9]}!{TOKEN[9:]}", SECRET, "a listing"),
        (f"{TOKEN}é", SECRET, "a listing"),
        ("", SECRET, "a listing"),
        ("A", SECRET, "a listing"),
    ],
)
def test_any_other_text_is_refused(token: str, secret: bytes, bound_to: str) -> None:
    with pytest.raises(ProblemError) as refused:
        opened(token, secret, bound_to)
    assert refused.value.problem.code == "page_token_invalid"
