"""Arrays to and from Postgres's binary format: a column at a time, no Python object a row.

The format is the one that Postgres sends and receives (its `array_send` and `record_send`):
big-endian, each element behind its length. No driver here; `books` hands the bytes over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_HEADER: Final = Struct(">iiIii")  # dimensions, has nulls, element's type, count, lower bound
_POSTGRES_DAY_ZERO: Final = np.datetime64("2000-01-01", "D")
_POSTGRES_INSTANT_ZERO: Final = np.datetime64("2000-01-01", "us")
_NO_DAY: Final = np.iinfo(np.int32).min  # -infinity


@dataclass(frozen=True, slots=True, eq=False)
class PackedArray:
    """A one-dimensional array parameter without nulls, to be sent as Postgres receives it."""

    elements: NDArray[Any]
    oid: int
    kind: str

    def __len__(self) -> int:
        return len(self.elements)

    @property
    def data(self) -> bytes:
        """The bytes. They are made when they are sent: Postgres works on what was sent before."""
        element = np.dtype([("length", ">i4"), ("value", self.kind)])
        table = np.empty(len(self), element)
        table["length"] = element["value"].itemsize
        table["value"] = self.elements
        return _HEADER.pack(1, 0, self.oid, len(self), 1) + table.tobytes()


def uuids(identifiers: NDArray[Any]) -> PackedArray:
    """`uuid[]`, from elements of 16 bytes."""
    return PackedArray(identifiers, oid=2950, kind="V16")


def row_ids(places: NDArray[Any]) -> PackedArray:
    """`tid[]`, from elements of 6 bytes."""
    return PackedArray(places, oid=27, kind="V6")


def bigints(numbers: NDArray[np.int64]) -> PackedArray:
    """`bigint[]`."""
    return PackedArray(numbers, oid=20, kind=">i8")


def smallints(numbers: NDArray[np.int16]) -> PackedArray:
    """`smallint[]`."""
    return PackedArray(numbers, oid=21, kind=">i2")


def dates(days: NDArray[np.datetime64]) -> PackedArray:
    """`date[]`, from days."""
    return PackedArray((days - _POSTGRES_DAY_ZERO).astype(np.int64), oid=1082, kind=">i4")


def timestamps(instants: NDArray[np.datetime64]) -> PackedArray:
    """`timestamptz[]`, from microseconds in UTC."""
    numbers = (instants - _POSTGRES_INSTANT_ZERO).astype(np.int64)
    return PackedArray(numbers, oid=1184, kind=">i8")


class Misfit(ValueError):
    """Rows do not have the width that was agreed: one of them holds what it never should."""


class RecordShape:
    """The columns of rows that are sent one behind the other, each by `record_send`; none of them
    is null, and each is always as wide as its kind.
    """

    def __init__(self, kinds: Mapping[str, str]) -> None:
        """`kinds`: column -> numpy's name of how Postgres sends it."""
        members = [("columns", ">i4")]
        for name, kind in kinds.items():
            members += [(f"{name} type", ">u4"), (f"{name} length", ">i4"), (name, kind)]
        self._count = len(kinds)
        self._texts = [name for name, kind in kinds.items() if kind.startswith("S")]
        self._dtype = np.dtype(members)

    def read(self, data: bytes) -> NDArray[Any]:
        """The rows, as a structured array over `data`; raises `Misfit`."""
        width = self._dtype.itemsize
        if len(data) % width:
            raise Misfit(f"{len(data)} bytes are no rows of {width}")
        rows = np.frombuffer(data, self._dtype)
        # Each row begins with the number of its columns, so one of another width shows in the next.
        fits = rows["columns"] == self._count
        for name in self._texts:
            fits &= rows[f"{name} length"] == self._dtype[name].itemsize
        if not fits.all():
            raise Misfit(f"a row is not {width} bytes wide")
        return rows


def days_of(numbers: NDArray[Any]) -> NDArray[np.datetime64]:
    """Days from a column of `date`; NaT for -infinity."""
    days = _POSTGRES_DAY_ZERO + numbers.astype(np.int64)
    days[numbers == _NO_DAY] = np.datetime64("NaT")
    return days


def instants_of(numbers: NDArray[Any]) -> NDArray[np.datetime64]:
    """Microseconds in UTC from a column of `timestamptz`."""
    return _POSTGRES_INSTANT_ZERO + numbers.astype(np.int64)
