"""The loans of a batch as arrays: read many lines at once, added up, sorted, given to partitions.

A loan is one packed row of 32 bytes (its id, principal and interest, big-endian), in the order of
the body, so five million of them are 160 MB and no objects. Pure, and the only module of the
service that imports numpy, whose loops also leave the interpreter to the threads that answer.

What is read here is what every line of one writer looks like; whatever looks different is left
unread for the strict parser (`accrual_streams`), so a fault is found and told in one place only.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final
from uuid import UUID
from zlib import crc32

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Places = NDArray[np.int64]
Flags = NDArray[np.bool_]

ROW: Final = np.dtype([("loan_id", "V16"), ("principal", ">i8"), ("interest", ">i8")])
"""One loan; the amounts are in minor units. The same bytes are what the fingerprint covers."""

LOAN_ID: Final = b"loan_id"
PRINCIPAL: Final = b"outstanding_principal_minor"
INTEREST: Final = b"interest_minor"

_SPACE: Final = rb"[ \t\r]*"
_NAME: Final = rb'"(' + b"|".join((LOAN_ID, PRINCIPAL, INTEREST)) + rb')"'
_OPENS: Final = _SPACE + _NAME + _SPACE + b":" + _SPACE + b'"'
_VALUE: Final = rb"[0-9A-Fa-f-]*"
_LINE: Final = re.compile(
    b"(" + _SPACE + rb"\{" + _OPENS + b")" + _VALUE
    + 2 * (b'("' + _SPACE + b"," + _OPENS + b")" + _VALUE)
    + b'("' + _SPACE + rb"\}" + _SPACE + b")"
)  # fmt: skip

_NEWLINE: Final = ord("\n")
_QUOTE: Final = ord('"')
_ZERO: Final = ord("0")
_QUOTES_OF_A_LINE: Final = np.arange(12)
_ID_WIDTH: Final = 36
_DASHES: Final = np.array([8, 13, 18, 23])
_NIBBLES_AT: Final = np.setdiff1d(np.arange(_ID_WIDTH), _DASHES)
_AMOUNT_WIDTH: Final = 15
_COLUMNS: Final = np.arange(_AMOUNT_WIDTH)
_POWERS: Final = 10 ** np.arange(_AMOUNT_WIDTH - 1, -1, -1, dtype=np.int64)
_AT_ONCE: Final = 1 << 16


def _nibbles() -> Bytes:
    """Byte -> the value of that hexadecimal digit, 255 of what is none."""
    values = np.full(256, 255, np.uint8)
    for number in range(16):
        for digit in {f"{number:x}", f"{number:X}"}:
            values[ord(digit)] = number
    return values


def _crc_shares() -> NDArray[np.uint32]:
    """[place, byte] -> what this byte at this place of 16 changes in a CRC-32 that ends there."""
    nothing = crc32(bytes(16))
    return np.array(
        [
            [
                crc32(bytes(place) + bytes([byte]) + bytes(15 - place)) ^ nothing
                for byte in range(256)
            ]
            for place in range(16)
        ],
        np.uint32,
    )


_NIBBLE: Final = _nibbles()
_CRC_SHARE: Final = _crc_shares()


@dataclass(frozen=True, slots=True)
class Spelling:
    """How a writer spells a loan: what stands before, between and after the three values."""

    literals: tuple[bytes, bytes, bytes, bytes]
    members: tuple[bytes, bytes, bytes]


def spelling_of(line: bytes) -> Spelling | None:
    """The spelling of a line that the strict parser took; None where it has escapes in it."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    before, first, between, second, then, third, after = found.groups()
    return Spelling((before, between, then, after), (first, second, third))


class Block:
    """Whole lines, each ended by a newline, of which those in a known spelling are read at once.

    `rows` has a row a line, of use where `is_read`.
    """

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._bytes: Bytes = np.frombuffer(text, np.uint8)
        self._ends: Places = np.flatnonzero(self._bytes == _NEWLINE)
        self._starts: Places = np.concatenate(([0], self._ends[:-1] + 1))
        self._quotes: Places = np.flatnonzero(self._bytes == _QUOTE)
        self._first_quotes: Places = np.searchsorted(self._quotes, self._starts)
        counts = np.searchsorted(self._quotes, self._ends) - self._first_quotes
        self._has_twelve: Flags = counts == len(_QUOTES_OF_A_LINE)
        self.rows: NDArray[np.void] = np.zeros(len(self._ends), ROW)
        self.is_read: Flags = np.zeros(len(self._ends), np.bool_)

    def __len__(self) -> int:
        return len(self._ends)

    def line(self, place: int) -> bytes:
        """One line, without its newline."""
        return self._text[self._starts[place] : self._ends[place]]

    def first_longer_than(self, most_bytes: int) -> int | None:
        """The first line that is too long."""
        found = np.flatnonzero(self._ends - self._starts > most_bytes)
        return int(found[0]) if len(found) else None

    def until(self, place: int) -> "Block":
        """The lines before this one, of which there must be some."""
        return Block(self._text[: self._starts[place]])

    def unread(self) -> list[int]:
        """The lines that are not read yet, in order."""
        places: list[int] = np.flatnonzero(~self.is_read).tolist()
        return places

    def put(self, place: int, row: bytes) -> None:
        """The row of a line that was read elsewhere; no bytes where it could not be."""
        if row:
            self.rows[place] = np.frombuffer(row, ROW)[0]
        self.is_read[place] = True

    def read(self, spelling: Spelling) -> None:
        """Read the lines in this spelling whose values are sound."""
        lines = np.flatnonzero(~self.is_read & self._has_twelve)
        quotes = self._quotes[self._first_quotes[lines][:, None] + _QUOTES_OF_A_LINE]
        begins, ends = quotes[:, 2::4] + 1, quotes[:, 3::4]
        before = np.column_stack((self._starts[lines], ends))
        after = np.column_stack((begins, self._ends[lines]))
        widths = [len(literal) for literal in spelling.literals]
        fits = (after - before == widths).all(axis=1)
        # From here on every place lies within its own line.
        fits[fits] &= self._are_literals(spelling, before[fits])
        rows, sound = self._values(spelling, begins[fits], ends[fits])
        read = lines[fits][sound]
        self.rows[read] = rows[sound]
        self.is_read[read] = True

    def _are_literals(self, spelling: Spelling, before: Places) -> Flags:
        are: Flags = np.ones(len(before), np.bool_)
        for number, literal in enumerate(spelling.literals):
            seen = self._windows(before[:, number], len(literal))
            are &= (seen == np.frombuffer(literal, np.uint8)).all(axis=1)
        return are

    def _values(
        self, spelling: Spelling, begins: Places, ends: Places
    ) -> tuple[NDArray[np.void], Flags]:
        rows: NDArray[np.void] = np.zeros(len(begins), ROW)
        sound: Flags = np.ones(len(begins), np.bool_)
        for number, member in enumerate(spelling.members):
            begin, end = begins[:, number], ends[:, number]
            if member == LOAN_ID:
                read, is_sound = self._ids(begin, end)
                rows["loan_id"] = read
            else:
                read, is_sound = self._amounts(begin, end)
                rows["principal" if member == PRINCIPAL else "interest"] = read
            sound &= is_sound
        return rows, sound

    def _ids(self, begins: Places, ends: Places) -> tuple[NDArray[Any], Flags]:
        sound = ends - begins == _ID_WIDTH
        seen = self._windows(np.where(sound, begins, 0), _ID_WIDTH)
        sound &= (seen[:, _DASHES] == ord("-")).all(axis=1)
        nibbles = _NIBBLE[seen.take(_NIBBLES_AT, axis=1)]
        sound &= (nibbles < 16).all(axis=1)
        packed = np.ascontiguousarray(nibbles[:, ::2] << 4 | nibbles[:, 1::2])
        # The nil UUID is a fault, which the strict parser tells.
        sound &= packed.any(axis=1)
        return packed.view("V16").ravel(), sound

    def _amounts(self, begins: Places, ends: Places) -> tuple[NDArray[Any], Flags]:
        widths = ends - begins
        sound = (widths >= 1) & (widths <= _AMOUNT_WIDTH)
        # A literal is longer than an amount, so this begins in the line, too.
        digits = self._windows(ends - _AMOUNT_WIDTH, _AMOUNT_WIDTH) - np.uint8(_ZERO)
        digits[(_AMOUNT_WIDTH - widths)[:, None] > _COLUMNS] = 0
        sound &= (digits <= 9).all(axis=1)
        sound &= (widths == 1) | (self._bytes[begins] != _ZERO)
        return digits.astype(np.int64) @ _POWERS, sound

    def _windows(self, begins: Places, width: int) -> Bytes:
        """The bytes at each of these places, a row each."""
        if not len(begins):
            return np.zeros((0, width), np.uint8)
        return sliding_window_view(self._bytes, width)[begins]


class Loans:
    """The loans of a batch as they come, then sorted by id and given to partitions."""

    def __init__(self, packed: bytes = b"") -> None:
        self._packed = bytearray()
        self._digest = sha256()
        self._order: Places | None = None
        self.interest_total_minor = 0
        self.extend(packed)

    def __len__(self) -> int:
        return len(self._packed) // ROW.itemsize

    @property
    def digest(self) -> str:
        """SHA-256 of all rows in the order given, in hex."""
        return self._digest.hexdigest()

    def extend(self, packed: bytes) -> None:
        """More loans, as packed rows."""
        self._packed += packed
        self._digest.update(packed)
        amounts = np.frombuffer(packed, ROW)["interest"].astype(np.int64)
        # In halves: five million amounts may pass 64 bits.
        self.interest_total_minor += (int((amounts >> 32).sum()) << 32) + int(
            (amounts & 0xFFFF_FFFF).sum()
        )

    def duplicates(self) -> list[int]:
        """The places of loans that are listed again, in order. Nil ids are faults already."""
        order = self._sorted()
        upper, lower = self._halves()
        same = _equals_next(upper[order])
        # Few ids share their upper half, so the lower one is looked at only there.
        again, before = order[1:][same], order[:-1][same]
        again = again[(lower[again] == lower[before]) & ((upper[again] != 0) | (lower[again] != 0))]
        places: list[int] = np.sort(again).tolist()
        return places

    def portions(self, tenant_id: UUID, partition_count: int) -> "Portions":
        """Every partition's loans, sorted by id. Nothing may be added afterwards."""
        order = self._sorted()
        owners = self._owners(tenant_id, partition_count)[order]
        by_owner = np.argsort(owners, kind="stable")
        counts = np.bincount(owners, minlength=partition_count).tolist()
        return Portions(self._rows(), order[by_owner], tuple(counts))

    def _sorted(self) -> Places:
        """The places of all loans in the order of their ids; of equal ids in order of place."""
        if self._order is None:
            upper, lower = self._halves()
            # By one half first, which nearly always will do and takes a sixth of the time.
            self._order = np.argsort(upper)
            if _equals_next(upper[self._order]).any():
                self._order = np.lexsort((lower, upper))
        return self._order

    def _rows(self) -> NDArray[np.void]:
        return np.frombuffer(self._packed, ROW)

    def _halves(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """The ids as two numbers each, which compare like the ids."""
        words = np.frombuffer(self._packed, ">u8").reshape(-1, 4)
        return words[:, 0].astype(np.uint64), words[:, 1].astype(np.uint64)

    def _owners(self, tenant_id: UUID, partition_count: int) -> NDArray[np.uint16]:
        """The partition of each loan: `partition_of_loan`, by what each byte adds to the CRC."""
        ids = np.frombuffer(self._packed, np.uint8).reshape(-1, ROW.itemsize)[:, :16]
        owners = np.empty(len(ids), np.uint16)
        for start in range(0, len(ids), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            state = np.full(len(some), crc32(tenant_id.bytes + bytes(16)), np.uint32)
            for place in range(16):
                state ^= _CRC_SHARE[place][some[:, place]]
            owners[start : start + _AT_ONCE] = state % partition_count
        return owners


def _equals_next(values: NDArray[np.uint64]) -> Flags:
    same: Flags = values[1:] == values[:-1]
    return same


@dataclass(frozen=True, slots=True)
class Piece:
    """Loans of one partition, ascending by id, as a chunk has them."""

    partition_id: int
    number: int
    loan_ids: bytes
    principals: bytes
    interests: bytes


@dataclass(frozen=True, slots=True)
class Portions:
    """The rows of a batch and the order in which its partitions take them."""

    _rows: NDArray[np.void]
    _order: Places
    counts: tuple[int, ...]

    def pieces_total(self, most: int) -> int:
        """How many pieces of at most so many loans there are."""
        return sum(-(-count // most) for count in self.counts)

    def pieces(self, most: int) -> Iterator[Piece]:
        """Each partition's loans in pieces of at most so many, in order."""
        start = 0
        for partition_id, count in enumerate(self.counts):
            for number, first in enumerate(range(start, start + count, most)):
                rows = self._rows[self._order[first : min(first + most, start + count)]]
                arrays = (rows[name].tobytes() for name in ("loan_id", "principal", "interest"))
                yield Piece(partition_id, number, *arrays)
            start += count
