"""What is JSON here, and what is not (contract section 1)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.problems import FieldError, ProblemError
from schemas.strict_json import MAX_DEPTH, parse

MALFORMED = {
    "nothing": b"",
    "white space alone": b" \n",
    "a word": b"hello",
    "an open array": b"[",
    "a hundred thousand brackets": b"[" * 100_000,
    "a hundred thousand open objects": b'{"a":' * 100_000,
    "one level too many": b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1),
    "one object level too many": b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1),
    "NaN": b'{"a":NaN}',
    "Infinity": b"Infinity",
    "minus Infinity": b"[-Infinity]",
    "a number that overflows": b"1e400",
    "a negative number that overflows": b"-1e400",
    "an integer that overflows": b"9" * 400,
    "an integer that Python will not read": b"9" * 5_000,
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "UTF-32": '{"a":1}'.encode("utf-32"),
    "invalid UTF-8": b'"\xff"',
    "an overlong form": b'"\xc0\xaf"',
    "a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "an escaped lone high surrogate": rb'"\ud800"',
    "an escaped lone low surrogate": rb'{"a":["\udc00"]}',
    "a lone surrogate as a name": rb'{"\ud800":1}',
    "surrogates the wrong way round": rb'"\udc00\ud800"',
    "a raw control character": b'"\x01"',
    "a raw U+0000": b'"\x00"',
    "an unknown escape": rb'"\x41"',
    "half an escape": rb'"\u12"',
    "a trailing comma": b"[1,]",
    "a trailing comma in an object": b'{"a":1,}',
    "a comment": b"{}/**/",
    "two values": b"{}{}",
    "single quotes": b"{'a':1}",
    "a leading zero": b"01",
    "a leading plus": b"+1",
    "a bare point": b".5",
    "a trailing point": b"1.",
    "hexadecimal": b"0x10",
    "other white space": b"\xa0{}",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(ProblemError) as refused:
        parse(body)
    assert refused.value.problem.code == "malformed_json"
    assert refused.value.problem.status == 400


@pytest.mark.parametrize(
    "body",
    [
        b'{"amount":1,"amount":100}',
        b'{"a":{"b":1,"b":1}}',
        b'[{"a":1},{"a":1,"a":1}]',
        rb'{"a":1,"\u0061":2}',
    ],
)
def test_a_member_named_twice_is_refused(body: bytes) -> None:
    with pytest.raises(ProblemError) as refused:
        parse(body)
    assert refused.value.problem.code == "duplicate_member"


def test_u0000_is_a_fault_with_its_place() -> None:
    document = parse(rb'{"a":["x","\u0000"],"b/\u0000~":"ok"}')
    assert document.faults == (
        FieldError("/a/1", "invalid_format", "must not contain U+0000"),
        FieldError("/b~1\0~0", "invalid_format", "must not contain U+0000"),
    )


def test_the_deepest_nesting_allowed_is_read() -> None:
    assert parse(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH).faults == ()


def test_a_wide_body_is_not_deep() -> None:
    assert len(parse(b"[" + b"[]," * 999 + b"[]]").value) == 1_000  # type: ignore[arg-type]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(JSON, st.booleans())
def test_every_json_value_is_read_as_it_was_written(value: Any, ascii_only: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert parse(body).value == value


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_parse_or_be_refused(body: bytes) -> None:
    status = None
    try:
        parse(body)
    except ProblemError as refused:
        status = refused.problem.status
    assert status in (None, 400)
