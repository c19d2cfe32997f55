"""JSON from the socket, strictly (contract section 1): bytes in, plain Python values out.

Refused with 400: a byte order mark, invalid UTF-8, a lone surrogate, a duplicate member, `NaN`,
`Infinity`, a number beyond a double, nesting deeper than 32, and whatever is not JSON. U+0000 in
a string is not refused here but reported as a field fault, so that it stands among the others.
"""

import json
from dataclasses import dataclass
from math import isinf
from typing import Final, NoReturn

from schemas.problems import MOST_FAULTS, FieldError, Problem, ProblemError

MAX_DEPTH: Final = 32
_MAX_NUMBER_LENGTH: Final = 308
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed body. `faults` are the U+0000 found in its strings."""

    value: object
    faults: tuple[FieldError, ...] = ()


class _DuplicateMember(ValueError):
    pass


class _NotANumber(ValueError):
    pass


def parse(body: bytes | bytearray) -> Document:
    """Parse a whole body; raises `ProblemError` with `malformed_json` or `duplicate_member`."""
    text = _decoded(body)
    try:
        value: object = _DECODER.decode(text)
    except _DuplicateMember as error:
        raise ProblemError(Problem(code="duplicate_member", detail=str(error))) from None
    except _NotANumber as error:
        raise _malformed(str(error)) from None
    except json.JSONDecodeError as error:
        raise _malformed(f"Not JSON from character {error.pos} on.") from None
    except RecursionError:
        raise _malformed(f"The nesting is deeper than {MAX_DEPTH}.") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_too_deep(value):
        raise _malformed(f"The nesting is deeper than {MAX_DEPTH}.")
    # Only an escape can bring in a surrogate or U+0000: raw ones are refused above.
    if "\\u" not in text:
        return Document(value)
    faults: list[FieldError] = []
    _look_at_strings(value, "", faults)
    return Document(value, tuple(faults))


def pointer_to(parent: str, member: str | int) -> str:
    """The JSON pointer (RFC 6901) of a member or element of `parent`."""
    if isinstance(member, int):
        return f"{parent}/{member}"
    return f"{parent}/{member.replace('~', '~0').replace('/', '~1')}"


def _decoded(body: bytes | bytearray) -> str:
    if body.startswith(_BYTE_ORDER_MARK):
        raise _malformed("The body begins with a byte order mark.")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed(f"The body is not UTF-8 at byte {error.start}.") from None


def _malformed(detail: str) -> ProblemError:
    return ProblemError(Problem(code="malformed_json", detail=detail))


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _DuplicateMember("An object names a member twice.")
    return members


def _float(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise _NotANumber("A number overflows.")
    return number


def _int(text: str) -> int:
    if len(text) > _MAX_NUMBER_LENGTH:
        raise _NotANumber("A number overflows.")
    return int(text)


def _constant(name: str) -> NoReturn:
    raise _NotANumber(f"{name} is not JSON.")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_float, parse_int=_int, parse_constant=_constant
)


def _is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def _look_at_strings(value: object, pointer: str, faults: list[FieldError]) -> None:
    """Refuse lone surrogates and note U+0000; recursion is bounded by `MAX_DEPTH`."""
    if isinstance(value, str):
        _look_at(value, pointer, faults)
    elif isinstance(value, dict):
        for name, child in value.items():
            _look_at(name, pointer_to(pointer, name), faults)
            _look_at_strings(child, pointer_to(pointer, name), faults)
    elif isinstance(value, list):
        for index, child in enumerate(value):
            _look_at_strings(child, pointer_to(pointer, index), faults)


def _look_at(text: str, pointer: str, faults: list[FieldError]) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise _malformed("A string holds a lone surrogate.") from None
    if "\0" in text and len(faults) < MOST_FAULTS:
        faults.append(FieldError(pointer, "invalid_format", "must not contain U+0000"))
