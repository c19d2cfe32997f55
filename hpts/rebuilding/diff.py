"""Whether two books are equal, and where they first differ: down to entry, line and column."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from hpts.database import Administrator
from hpts.rebuilding.digest import ORDERS, Digest, PartitionDigest, columns, digest, rows_of


@dataclass(frozen=True, slots=True)
class Difference:
    """The first row in which two books differ, in both of them (None: not there).

    `key` names the row where both have it, and `differs` then the columns.
    """

    partition_id: int
    table: str
    key: str | None
    differs: tuple[str, ...]
    one: dict[str, str] | None
    other: dict[str, str] | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of comparing. `apart`: partitions applied to different places, as (partition,
    next offset of one, of the other); of those only the journal is compared, as far as both go.
    """

    one: Digest
    other: Digest
    apart: tuple[tuple[int, int, int], ...]
    differences: tuple[Difference, ...]

    @property
    def are_equal(self) -> bool:
        """Equal all through, which books at different places cannot be."""
        return not self.differences and self.one.sha256 == self.other.sha256


def compare(database: Administrator, one: str, other: str) -> Comparison:
    """Compare the books of two schemas, which other sessions had better leave as they are."""
    digests = (digest(database, one), digest(database, other))
    by_id = {p.partition_id: p for p in digests[1].partitions}
    pairs = [(p, by_id[p.partition_id]) for p in digests[0].partitions if p.partition_id in by_id]
    apart = tuple(
        (a.partition_id, a.next_offset, b.next_offset)
        for a, b in pairs
        if a.next_offset != b.next_offset and a.tables != b.tables
    )
    are_apart = {p for p, _, _ in apart}
    found = []
    for a, b in pairs:
        if a.partition_id in are_apart:
            found.append(_in_common_journal(database, one, other, a, b))
        elif a.tables != b.tables:
            found.append(_first_of(database, one, other, a, b))
        elif a.chain_head != b.chain_head or a.last_entry_seq != b.last_entry_seq:
            found.append(_of_heads(a, b))
    return Comparison(*digests, apart, tuple(one for one in found if one is not None))


def _of_heads(a: PartitionDigest, b: PartitionDigest) -> Difference:
    heads = [{"last_entry_seq": str(p.last_entry_seq), "chain_head": p.chain_head} for p in (a, b)]
    differs = tuple(name for name in heads[0] if heads[0][name] != heads[1][name])
    key = f"partition_id={a.partition_id}"
    return Difference(a.partition_id, "partitions", key, differs, heads[0], heads[1])


def _first_of(
    database: Administrator, one: str, other: str, a: PartitionDigest, b: PartitionDigest
) -> Difference | None:
    table = next(name for name in ORDERS if a.tables[name] != b.tables[name])
    return _in_table(database, one, other, a.partition_id, table)


def _in_common_journal(
    database: Administrator, one: str, other: str, a: PartitionDigest, b: PartitionDigest
) -> Difference | None:
    """Chained hashes agree up to where the journals part, so halving finds the place."""
    low, high = 0, min(a.last_entry_seq, b.last_entry_seq)
    partition_id = a.partition_id

    def agree(entry_seq: int) -> bool:
        hashes = [
            list(rows_of_entry(database, schema, "journal_entries", partition_id, entry_seq))
            for schema in (one, other)
        ]
        return hashes[0] == hashes[1]

    if high == 0 or agree(high):
        return None
    while low + 1 < high:
        middle = (low + high) // 2
        low, high = (middle, high) if agree(middle) else (low, middle)
    for table in ("journal_lines", "journal_entries"):
        found = _in_table(database, one, other, partition_id, table, which=f"entry_seq = {high:d}")
        if found is not None:
            return found
    return None


def rows_of_entry(
    database: Administrator, schema: str, table: str, partition_id: int, entry_seq: int
) -> Iterator[bytes]:
    """One entry's rows of a table."""
    with database.snapshot(schema):
        yield from rows_of(database, table, partition_id, which=f"entry_seq = {entry_seq:d}")


def _in_table(
    database: Administrator,
    one: str,
    other: str,
    partition_id: int,
    table: str,
    *,
    which: str = "true",
) -> Difference | None:
    """The first row that differs, found by halving what the two have in common."""
    with database.snapshot(one):
        names = database.names_of(f"SELECT {columns(table)} FROM {table} LIMIT 0")
    keys = [key.split()[0] for key in ORDERS[table].split(", ")]
    for line, counterpart in zip_longest(
        _lines(database, one, table, partition_id, which),
        _lines(database, other, table, partition_id, which),
    ):
        if line == counterpart:
            continue
        rows = [None if row is None else _named(names, row) for row in (line, counterpart)]
        first, second = rows
        if first is None or second is None:
            return Difference(partition_id, table, None, (), first, second)
        if any(first[name] != second[name] for name in keys):
            return Difference(partition_id, table, None, (), first, second)
        differs = tuple(name for name in names if first[name] != second[name])
        key = ", ".join(f"{name}={first[name]}" for name in keys)
        return Difference(partition_id, table, key, differs, first, second)
    return None


def _lines(
    database: Administrator, schema: str, table: str, partition_id: int, which: str
) -> Iterator[bytes]:
    with database.another() as own, own.snapshot(schema):
        left = b""
        for block in rows_of(own, table, partition_id, which=which):
            *whole, left = (left + block).split(b"\n")
            yield from whole


def _named(names: list[str], line: bytes) -> dict[str, str]:
    return dict(zip(names, line.decode().split("\t"), strict=True))
