"""Arrays in Postgres's binary format, one column of a statement each. No driver here.

A batch is some hundred arrays, and the driver looks at every element of each to find its type. The
statements say the types themselves (`%(name)b::uuid[]`), so here they are taken from there: it is
several times faster, and a column that happens to be all NULL is no other statement to plan.
"""

import re
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from posting_engine.packed import PackedArray

_DECLARED: Final = re.compile(r"%\((\w+)\)b::(\w+)\[\]")
_HEAD: Final = struct.Struct("!IIIII")  # dimensions, has NULLs, element type, length, lower bound
_EMPTY: Final = struct.Struct("!III")
_NULL: Final = b"\xff\xff\xff\xff"
_POSTGRES_DAY_0: Final = date(2000, 1, 1).toordinal()
_POSTGRES_INSTANT_0: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Array:
    """An array, encoded. `type_oid` is the array type's."""

    type_oid: int
    encoded: bytes


def declared_arrays(statement: str) -> dict[str, str]:
    """Parameter name -> element type of each array that a statement declares."""
    return dict(_DECLARED.findall(statement))


def encoded(parameters: Mapping[str, Any], declared: Mapping[str, str]) -> dict[str, Any]:
    """Parameters with every declared array encoded, but for those that are packed already.

    Raises `ValueError` or `struct.error` for what no Postgres would take: a number that is too
    large for its column.
    """
    return {
        name: array_of(declared[name], value)
        if name in declared and not isinstance(value, PackedArray)
        else value
        for name, value in parameters.items()
    }


def array_of(kind: str, values: Sequence[Any]) -> Array:
    """One array of elements of this type, None for NULL."""
    element_oid, array_oid, encode = _KINDS[kind]
    if not values:
        return Array(array_oid, _EMPTY.pack(0, 0, element_oid))
    has_nulls, parts = encode(values)
    head = _HEAD.pack(1, has_nulls, element_oid, len(values), 1)
    return Array(array_oid, b"".join((head, *parts)))  # once: it may be megabytes


Encode = Callable[[Sequence[Any]], tuple[bool, Sequence[bytes]]]
"""Whether there are NULLs, and the elements, each after its length, in parts."""


def _numbers(width: int, code: str) -> Encode:
    """Numbers of one width; where none is NULL, all in one call."""

    @lru_cache(maxsize=1024)
    def packer(count: int) -> struct.Struct:
        return struct.Struct("!" + f"i{code}" * count)

    one = packer(1).pack

    def encode(values: Sequence[Any]) -> tuple[bool, Sequence[bytes]]:
        if None in values:
            return True, [_NULL if v is None else one(width, v) for v in values]
        mixed = [width] * (2 * len(values))
        mixed[1::2] = values
        return False, (packer(len(values)).pack(*mixed),)

    return encode


def _as_numbers(of: Callable[[Any], int], encode: Encode) -> Encode:
    def through(values: Sequence[Any]) -> tuple[bool, Sequence[bytes]]:
        return encode([None if value is None else of(value) for value in values])

    return through


def _as_bytes(of: Callable[[Any], bytes]) -> Encode:
    def encode(values: Sequence[Any]) -> tuple[bool, Sequence[bytes]]:
        parts: list[bytes] = []
        has_nulls = False
        for value in values:
            if value is None:
                has_nulls = True
                parts.append(_NULL)
            else:
                element = of(value)
                parts += (len(element).to_bytes(4, "big"), element)
        return has_nulls, parts

    return encode


def _days(day: date) -> int:
    return day.toordinal() - _POSTGRES_DAY_0


def _microseconds(instant: datetime) -> int:
    since = instant - _POSTGRES_INSTANT_0
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _of_uuid(identifier: UUID) -> bytes:
    return identifier.int.to_bytes(16, "big")


_INT4: Final = _numbers(4, "i")
_INT8: Final = _numbers(8, "q")
_KINDS: Final[dict[str, tuple[int, int, Encode]]] = {
    "boolean": (16, 1000, _numbers(1, "?")),
    "smallint": (21, 1005, _numbers(2, "h")),
    "integer": (23, 1007, _INT4),
    "bigint": (20, 1016, _INT8),
    "numeric": (20, 1016, _INT8),  # whole numbers; the statement's cast does the rest
    "date": (1082, 1182, _as_numbers(_days, _INT4)),
    "timestamptz": (1184, 1185, _as_numbers(_microseconds, _INT8)),
    "uuid": (2950, 2951, _as_bytes(_of_uuid)),
    "text": (25, 1009, _as_bytes(str.encode)),
    "bytea": (17, 1001, _as_bytes(bytes)),
}
"""Type -> its oid, its array's oid (both fixed in Postgres), and how its elements are written."""
