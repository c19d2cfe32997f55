"""Whether two books are equal, and where they first differ: down to entry, line and column."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from hpts.database import Administrator
from hpts.rebuilding.digest import TABLES, Digest, PartitionDigest, digest, rows_of

Row = dict[str, str]
"""Column -> its value as COPY writes it (`\\N`: null)."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The first row in which two books differ, as both of them have it (None: not there).

    `key` names the row, and `columns` those that differ where both have it.
    """

    partition_id: int
    table: str
    key: Row
    columns: tuple[str, ...]
    one: Row | None
    other: Row | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing. `apart`: partitions applied to different places, as (partition,
    next offset of one, of the other). Of those is compared what only grows (entries, lines,
    outcomes, dead letters, quarantines), as far as both go.
    """

    one: Digest
    other: Digest
    apart: tuple[tuple[int, int, int], ...]
    differences: tuple[Difference, ...]

    @property
    def are_equal(self) -> bool:
        """Equal all through, which books at different places cannot be."""
        return not self.differences and not self.apart and self.one.sha256 == self.other.sha256


def compare(database: Administrator, one: str, other: str) -> Comparison:
    """Compare the books of two schemas; the first difference of each partition.

    The digests are each of one instant. To name a difference both are read again: what an engine
    has posted since is left out, for it goes beyond both.
    """
    digests = (digest(database, one), digest(database, other))
    numbered = [{p.partition_id: p for p in found.partitions} for found in digests]
    if numbered[0].keys() != numbered[1].keys():
        raise ValueError(f"{one} and {other} have not the same partitions")
    pairs = [(numbered[0][p], numbered[1][p]) for p in sorted(numbered[0])]
    looking = _Looking(database, one, other)
    apart, found = [], []
    for a, b in pairs:
        if a.tables == b.tables and _head(a) == _head(b):
            continue
        if a.next_offset != b.next_offset:
            apart.append((a.partition_id, a.next_offset, b.next_offset))
            found.append(looking.in_common(a, b))
        else:
            found.append(looking.first_of(a, b) or _of_heads(a, b))
    return Comparison(*digests, tuple(apart), tuple(one for one in found if one is not None))


def _head(at: PartitionDigest) -> Row:
    return {"last_entry_seq": str(at.last_entry_seq), "chain_head": at.chain_head}


def _of_heads(a: PartitionDigest, b: PartitionDigest) -> Difference:
    heads = (_head(a), _head(b))
    columns = tuple(name for name in heads[0] if heads[0][name] != heads[1][name])
    key = {"partition_id": str(a.partition_id)}
    return Difference(a.partition_id, "partitions", key, columns, *heads)


@dataclass(frozen=True, slots=True)
class _Looking:
    database: Administrator
    one: str
    other: str

    def first_of(self, a: PartitionDigest, b: PartitionDigest) -> Difference | None:
        """The first difference of a partition that both have applied as far."""
        for table in TABLES:
            if a.tables[table] == b.tables[table]:
                continue
            if (found := self._in_table(a.partition_id, table, "true")) is not None:
                return found
        return None

    def in_common(self, a: PartitionDigest, b: PartitionDigest) -> Difference | None:
        """The first difference in what both have."""
        entry_seq = min(a.last_entry_seq, b.last_entry_seq)
        offset = min(a.next_offset, b.next_offset)
        for name, table in TABLES.items():
            if name in ("journal_entries", "journal_lines"):
                which = f"entry_seq <= {entry_seq:d}"
            elif name in ("quarantines", "dead_letters", "command_outcomes"):
                which = f"{table.applied_at} < {offset:d}"
            else:
                continue
            if (found := self._in_table(a.partition_id, name, which)) is not None:
                return found
        return None

    def _in_table(self, partition_id: int, name: str, which: str) -> Difference | None:
        names, table = self._names_of(name), TABLES[name]
        for line, counterpart in zip_longest(
            self._lines(self.one, name, partition_id, which),
            self._lines(self.other, name, partition_id, which),
        ):
            if line == counterpart:
                continue
            first, second = (_named(names, row) for row in (line, counterpart))
            either = first or second or {}
            keys = {key: either[key] for key in table.keys}
            if first is None or second is None:
                return Difference(partition_id, name, keys, (), first, second)
            if any(first[key] != second[key] for key in keys):
                return self._only_one_has(partition_id, name, which, first, second)
            columns = tuple(column for column in names if first[column] != second[column])
            return Difference(partition_id, name, keys, columns, first, second)
        return None

    def _only_one_has(
        self, partition_id: int, name: str, which: str, first: Row, second: Row
    ) -> Difference:
        """Two keys where one was expected: that which comes first is missing on the other side."""
        keys = TABLES[name].keys
        for line in self._lines(self.other, name, partition_id, which):
            row = _named(self._names_of(name), line) or {}
            if all(row[key] == first[key] for key in keys):
                key = {column: second[column] for column in keys}
                return Difference(partition_id, name, key, (), None, second)
        key = {column: first[column] for column in keys}
        return Difference(partition_id, name, key, (), first, None)

    def _names_of(self, name: str) -> list[str]:
        with self.database.snapshot(self.one):
            return self.database.names_of(f"SELECT {TABLES[name].selected} FROM {name} LIMIT 0")

    def _lines(self, schema: str, name: str, partition_id: int, which: str) -> Iterator[bytes]:
        with self.database.another() as own, own.snapshot(schema):
            left = b""
            for block in rows_of(own, name, partition_id, which=which):
                *whole, left = (left + block).split(b"\n")
                yield from whole


def _named(names: list[str], line: bytes | None) -> Row | None:
    return None if line is None else dict(zip(names, line.decode().split("\t"), strict=True))
